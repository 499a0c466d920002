"""The page about one design: what an estimate, or a build, shows; with what was measured beside what was predicted."""

from finnr_rtl.network.summary import left_out, unit, units
from finnr_rtl.report import charts, plots, tables
from finnr_rtl.report.page import figure, key, page, section, table, tiles
from finnr_rtl.report.picture import family, picture
from finnr_rtl.report.svg import element
from finnr_rtl.report.tables import RESOURCE_NAMES, Table, off_by
from finnr_rtl.report.text import number, percent, quantity

__all__ = ["costs", "design_page"]


# What the bottleneck does all the time, by what is at its limit.
LIMITS = {
    "compute": "it computes in every cycle",
    "window": "its window buffer is read or written in every cycle",
    "stream": "it passes a beat in every cycle",
    "input port": "the input bus brings a beat of it in every cycle",
    "output port": "the output bus takes a beat of it in every cycle",
}


def design_page(facts: dict, synthesis: dict | None = None, verification: dict | None = None) -> str:
    """HTML from the facts of a design; ``synthesis`` is what ``synth.json`` holds, ``verification`` what ``verify.json`` holds."""
    network, platform = facts["network"], facts["platform"]
    title = f"{network['name']} on {platform['board']}"
    lead = f"{platform['part']} at {number(facts['clock_mhz'])} MHz; {len(facts['layers'])} layers, one engine each."
    body = [_tiles(facts), _picture(facts)]
    body += [_cycles(facts)] if facts["layers"] else []
    body += [_utilisation(facts, synthesis)]
    body += [_measured(facts, synthesis, verification)] if synthesis or verification else []
    # Without a matrix layer there is no precision to have a peak.
    body += [_roofline(facts)] if facts["roofline"]["roofs"] else []
    body += [_traffic(facts), _layers(facts)]
    return page(title, lead, body, facts["generator"])


def _tiles(facts: dict) -> str:
    performance, device = facts["performance"], facts["platform"]["device"]
    rate, operations, each = performance["frames_per_second"], facts["network"]["operations"], unit(facts["network"]["batch"])
    paced = f"one per {number(performance['interval_cycles'])} cycles"
    entries = [
        ("frames per second", number(round(rate)), paced if each == "frame" else f"{each}, {paced}"),
        ("performance", quantity(performance["operations_per_second"], "Op/s"), f"{quantity(operations, 'Op')} per {each}"),
        (f"latency of a {each}", quantity(performance["latency_us"] / 1e6, "s"), f"{number(performance['latency_cycles'])} cycles"),
    ]
    for name in ("lut", "bram18", "dsp", "uram"):
        if device[name] and (facts["resources"][name] or name in ("lut", "bram18")):
            share = percent(facts["share"][name])
            entries.append((RESOURCE_NAMES[name], share, f"{number(facts['resources'][name])} of {number(device[name])}"))
    return tiles(entries)


def _picture(facts: dict) -> str:
    families = {"matrix": "matrix layer", "pool": "pool", "move": "element by element, or moving data"}
    there = set(map(family, facts["layers"]))
    shown = {name: what for name, what in families.items() if name in there}
    used = [(element("rect", x=1, y=1, width=12, height=12, rx=3, class_=f"node {name}"), what) for name, what in shown.items()]
    used.append((element("rect", x=2, y=2, width=10, height=10, rx=3, class_="node slowest"), "the bottleneck"))
    return section(
        "Network",
        "From input to output, one engine per layer. Each computes P outputs from Q inputs per cycle; busy is the part of the time in "
        "which its slowest stage works; LUT and the others are parts of the whole board. "
        + left_out(facts["network"]["channels_left_out"]),
        key(used), figure(lambda width, form: picture(facts, width, form), "picture"),
    )


def _cycles(facts: dict) -> str:
    performance, each = facts["performance"], unit(facts["network"]["batch"])
    where = f"layer {performance['bottleneck_layer']}" if performance["bottleneck_layer"] else "the input"
    why = f"; {LIMITS[performance['limit']]}" if performance["limit"] else ""
    filled = performance["fill_cycles"]
    note = (
        f"The slowest stage, {performance['bottleneck']} of {where}, takes {number(performance['interval_cycles'])} cycles per {each}, "
        f"and that is the interval of the whole{why}. The first result comes after {number(performance['first_result_cycles'])} cycles, "
        f"the last of the first {each} after {number(performance['latency_cycles'])}."
    )
    if filled is not None:
        note += f" From cycle {number(filled)} on the bottleneck never waits." if filled else " The bottleneck never waits."
    return section(f"Cycles per {each}", note, figure(lambda width, form: charts.cycles(facts, width, form)))


def _utilisation(facts: dict, synthesis: dict | None) -> str:
    words = "Of the whole device. " + ("Grey is the board's own logic; " if any(facts["platform"]["shell"].values()) else "")
    note = words + f"the dashed line is the budget that the design may fill. Predicted by the {facts['cost_model']} cost model."
    measured = synthesis["whole"] if synthesis else None
    return section("Utilisation", note, figure(lambda width, form: charts.utilisation(facts, width, form, measured)))


def _measured(facts: dict, synthesis: dict | None, verification: dict | None) -> str:
    parts = []
    if verification:
        rows = []
        between = f"between the last two {units(facts['network']['batch'])}"
        for name, what in (("interval", between), ("latency", "to the first result")):
            predicted, found = verification["predicted"][name], verification["measured"].get(name)
            rows.append([what, number(predicted), number(found), off_by(predicted, found)])
        parts.append(f"<p>{verification['frames']} frames simulated by {verification['simulator']}: "
                     f"{number(verification['beats'])} beats compared, {number(verification['mismatches'])} mismatches.</p>")
        parts.append(table(Table(["cycles", "predicted", "measured", "off by"], rows)))
    if synthesis:
        whole, predicted = synthesis["whole"], facts["resources"]
        rows = [[RESOURCE_NAMES[name], number(predicted[name]), number(whole[name]), off_by(predicted[name], whole[name])]
                for name in RESOURCE_NAMES if predicted[name] or whole[name]]
        parts.append(table(Table([synthesis["tool"], "predicted", "measured", "off by"], rows)))
        layers = _by_layer(facts, synthesis)
        pairs = [(name, predicted["lut"], found["lut"]) for name, predicted, found in layers]
        parts.append(figure(lambda width, form: charts.compared(pairs, "LUT", width)))
        parts.append(table(_layer_table(layers)))
    note = "Layers are synthesised stage by stage, the whole as one." if synthesis else ""
    return section("Prediction and measurement", note, *parts)


def _by_layer(facts: dict, synthesis: dict) -> list[tuple[str, dict, dict]]:
    """Resources of every layer, predicted and measured."""
    found = synthesis["stages"]
    return [
        (layer["name"], layer["resources"],
         {kind: sum(found[stage["name"]][kind] for stage in layer["stages"] if stage["name"] in found) for kind in RESOURCE_NAMES})
        for layer in facts["layers"]
    ]


def _layer_table(layers: list[tuple[str, dict, dict]]) -> Table:
    kinds = [kind for kind in RESOURCE_NAMES if any(predicted[kind] or found[kind] for _, predicted, found in layers)]
    rows = [[name, *(number(side[kind]) for kind in kinds for side in (predicted, found))] for name, predicted, found in layers]
    headings = [f"{RESOURCE_NAMES[kind]} {side}" for kind in kinds for side in ("predicted", "measured")]
    return Table(["layer", *headings], rows)


def _roofline(facts: dict) -> str:
    roofline, each = facts["roofline"], unit(facts["network"]["batch"])
    note = (
        f"Peak of a precision: the budget of LUTs and DSPs full of its arithmetic, at {number(facts['clock_mhz'])} MHz; an operation per "
        f"cycle takes {costs(roofline)}; less where a layer's weights are constants, having no others in turn. Weights stay on chip, so a "
        f"{each} moves only its inputs and outputs; the hollow point shows what memory would leave of it if weights came from there."
    )
    return section("Roofline", note, figure(lambda width, form: plots.roof(roofline, width, form)))


def costs(roofline: dict) -> str:
    """What an operation costs in each precision, in words."""
    words = []
    for roof in roofline["roofs"]:
        cost = roof["cost"]
        either = f" or {number(cost['dsp'])} DSP" if cost["dsp"] else ""
        words.append(f"{number(cost['lut'])} LUT{either} ({roof['precision']})")
    return ", ".join(words)


def _traffic(facts: dict) -> str:
    share, board = facts["traffic"]["bandwidth_share"], facts["platform"]["memory"]
    note = f"Off chip the design takes {percent(share)} of the board's {quantity(board['bandwidth'], 'B/s')}."
    return section("Traffic and arithmetic intensity", note, table(tables.traffic(facts)), table(tables.intensity(facts)))


def _layers(facts: dict) -> str:
    names = [layer["name"] for layer in facts["layers"]]
    slowest = names.index(facts["performance"]["bottleneck_layer"]) if facts["performance"]["bottleneck_layer"] in names else None
    note = (
        f"Per {unit(facts['network']['batch'])}; a multiply-accumulate is two operations. pe, simd and mmv are what folding.json calls P, "
        "Q and M (windows at a time). "
        "The total of the intensities is that of layer by layer."
    )
    return section("Layers", note, table(tables.layers(facts), slowest), table(tables.topology(facts)))
