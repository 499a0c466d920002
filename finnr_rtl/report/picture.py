"""The network as a picture: a row per layer, data flowing downwards, branches side by side; fold and shares beside each layer."""

from dataclasses import dataclass, field
from itertools import accumulate

from finnr_rtl.network.summary import unit
from finnr_rtl.report.svg import element, image, rectangle, text
from finnr_rtl.report.text import number, percent

__all__ = ["family", "picture", "tracks"]

LANE = 20
# Pixels from one layer to the next, and from a port, which has less to tell.
ROW = {"wide": 46, "narrow": 92}
PORT = {"wide": 46, "narrow": 50}
# Layers by what they do; what is not here moves data.
FAMILIES = {"Conv": "matrix", "Dense": "matrix", "Depthwise": "matrix", "MaxPool": "pool", "SumPool": "pool"}


@dataclass
class Track:
    """Where a node stands: its row is its place; ``lane`` its column; ``edges`` the rows it feeds and the lanes of those wires."""

    lane: int
    edges: list[tuple[int, int]] = field(default_factory=list)


def family(layer: dict) -> str:
    """What kind of layer it is, of those that the picture tells apart: "matrix", "pool" or "move"."""
    return FAMILIES.get(layer["kind"].split()[0].split("/")[0], "move")


def tracks(sources: list[list[int]]) -> list[Track]:
    """Lanes of nodes in topological order, ``sources[i]`` the nodes that feed node i, and of the wires between them.

    A wire keeps one lane from its source to its reader, and no node stands in the lane of a wire that passes it.
    """
    readers: list[list[int]] = [[] for _ in sources]
    for node, froms in enumerate(sources):
        for source in froms:
            readers[source].append(node)
    busy: dict[int, int] = {}  # lane: the row where its wire ends
    wires: dict[tuple[int, int], list[int]] = {}
    placed: list[Track] = []
    for node, froms in enumerate(sources):
        incoming = sorted(lane for source in set(froms) for lane in wires[source, node])
        for lane in incoming:
            del busy[lane]
        track = Track(incoming[0] if incoming else _free(busy))
        placed.append(track)
        # The longest wire steps aside: the next layer goes straight on.
        for reader in readers[node]:
            lane = track.lane if track.lane not in busy else _free(busy)
            busy[lane] = reader
            wires.setdefault((node, reader), []).append(lane)
            track.edges.append((reader, lane))
    return placed


def _free(busy) -> int:
    return next(lane for lane in range(len(busy) + 1) if lane not in busy)


def picture(facts: dict, width: int, form: str) -> str:
    """The drawing, ``width`` pixels wide; ``form`` is "wide" (one line of columns per layer) or "narrow" (three lines)."""
    layers = facts["layers"]
    inputs, outputs = facts["network"]["inputs"], facts["network"]["outputs"]
    names = [port["name"] for port in inputs] + [layer["name"] for layer in layers]
    place = {name: row for row, name in enumerate(names)}
    sources = [[] for _ in inputs] + [[place[name] for name in layer["inputs"]] for layer in layers]
    sources += [[place[port["layer"]]] for port in outputs]
    placed = tracks(sources)
    left = 14 + LANE * (1 + max(max(track.lane, *(lane for _, lane in track.edges), 0) for track in placed))
    heights = [ROW[form] if len(inputs) <= index < len(inputs) + len(layers) else PORT[form] for index in range(len(placed))]
    tops = list(accumulate(heights, initial=26 if form == "wide" else 6))
    centre = [top + (height / 2 if form == "wide" else 16) for top, height in zip(tops, heights, strict=False)]
    content = _headings(left, width, facts) if form == "wide" else []
    for index, track in enumerate(placed):
        content += [_wire(track.lane, lane, placed[reader].lane, centre, index, reader) for reader, lane in track.edges]
    for index, track in enumerate(placed):
        x, y = 12 + LANE * track.lane, centre[index]
        if index < len(inputs):
            content += _port(inputs[index], "input", x, y, left, width, form)
        elif index < len(inputs) + len(layers):
            content += _layer(layers[index - len(inputs)], facts, x, y, left, width, form)
        else:
            content += _port(outputs[index - len(inputs) - len(layers)], "output", x, y, left, width, form)
    return image(width, tops[-1], content, f"The layers of {facts['network']['name']} and how each is folded")


def _wire(lane: int, own: int, last: int, centre: list[float], start: int, end: int) -> str:
    """From a node, over to the wire's own lane within a row, down, and over to the node that reads it."""
    xs = [12 + LANE * n for n in (lane, own, last)]
    y0, y1 = centre[start], centre[end]
    bend = (centre[start + 1] - y0) * 0.8
    d = f"M{xs[0]} {y0:.1f}"
    if xs[1] != xs[0]:
        d += f"C{xs[0]} {y0 + bend * 0.6:.1f} {xs[1]} {y0 + bend * 0.4:.1f} {xs[1]} {y0 + bend:.1f}"
    if xs[2] != xs[1]:
        d += f"L{xs[1]} {y1 - bend:.1f}C{xs[1]} {y1 - bend * 0.4:.1f} {xs[2]} {y1 - bend * 0.6:.1f} {xs[2]} {y1:.1f}"
    else:
        d += f"L{xs[2]} {y1:.1f}"
    return element("path", d=d, class_="wire")


def _port(port: dict, side: str, x: float, y: float, left: float, width: float, form: str) -> list[str]:
    above = -2 if form == "wide" else 4
    return [
        element("circle", cx=x, cy=y, r=5, class_="port"),
        text(left, y + above, port["name"], "strong", room=width - left),
        text(left, y + above + 15, f"{side}, {port['map']}", "quiet", room=width - left),
    ]


def _columns(left: float, width: float, facts: dict) -> dict[str, float]:
    """Left edges of the columns of the wide form."""
    bars = _resources(facts)
    edge = width - 84 * (len(bars) + 1)
    columns = {"map": left + (edge - left) * 0.42, "fold": left + (edge - left) * 0.72, "busy": edge}
    return columns | {name: edge + 84 * (index + 1) for index, name in enumerate(bars)}


def _resources(facts: dict) -> list[str]:
    """The resources that the board has and the design takes, those of interest in a picture."""
    shown = [name for name in ("lut", "bram18", "dsp", "uram") if facts["resources"][name]]
    return shown or ["lut"]


def _headings(left: float, width: float, facts: dict) -> list[str]:
    columns = _columns(left, width, facts)
    words = {"map": "gives", "fold": "fold", "busy": "busy"} | {name: name.upper() for name in _resources(facts)}
    return [text(left, 14, "layer", "head"), *(text(columns[key], 14, word, "head") for key, word in words.items())]


def _fold(layer: dict) -> str:
    fold = layer["fold"]
    words = f"P {fold['pe']}"
    if "simd" in fold:
        words += f" \u00d7 Q {fold['simd']}"
    if fold.get("mmv", 1) > 1:
        words += f" \u00d7 M {fold['mmv']}"
    return words


def _meter(x: float, y: float, long: float, part: float | None, what: str, class_: str) -> list[str]:
    """A little bar for a part of one, with its figure."""
    filled = long * min(1.0, part or 0)
    return [
        text(x, y - 2, percent(part), "figure"),
        rectangle(x, y + 4, long, 5, "trough", what, 2),
        rectangle(x, y + 4, max(filled, 1.5) if part else 0, 5, class_, what, 2),
    ]


def _layer(layer: dict, facts: dict, x: float, y: float, left: float, width: float, form: str) -> list[str]:
    slowest = layer["name"] == facts["performance"]["bottleneck_layer"]
    tip = f"{layer['name']}: {layer['kind']}, {number(layer['cycles'])} cycles per {unit(facts['network']['batch'])}"
    content = [rectangle(x - 8, y - 8, 16, 16, f"node {family(layer)}" + (" slowest" if slowest else ""), tip, 4)]
    what = f"{layer['kind']}, {layer['precision']}"
    shares = [(name, layer["share"][name], f"{number(layer['resources'][name])} {name.upper()}") for name in _resources(facts)]
    busy = ("busy", layer["busy"], f"{number(layer['cycles'])} of {number(facts['performance']['interval_cycles'])} cycles")
    if form == "wide":
        columns, pitch = _columns(left, width, facts), 84
        content += [
            text(left, y - 2, layer["name"], "strong", room=columns["map"] - left - 8),
            text(left, y + 13, what, "quiet", room=columns["map"] - left - 8),
            text(columns["map"], y + 4, layer["output_map"], room=columns["fold"] - columns["map"] - 8),
            text(columns["fold"], y + 4, _fold(layer), "figure", room=columns["busy"] - columns["fold"] - 8),
        ]
        places = [(columns[key], y) for key, *_ in (busy, *shares)]
    else:
        content += [
            text(left, y + 4, layer["name"], "strong", room=width - left - 110),
            text(width, y + 4, _fold(layer), "figure", "end"),
            text(left, y + 19, f"{what}, gives {layer['output_map']}", "quiet", room=width - left),
        ]
        pitch = (width - left) / (1 + len(shares))
        places = [(left + pitch * index, y + 40) for index in range(1 + len(shares))]
    for (key, part, tip), (bar_x, bar_y) in zip((busy, *shares), places, strict=True):
        colour = "slow-fill" if key == "busy" and slowest else "busy-fill" if key == "busy" else "take-fill"
        content += _meter(bar_x, bar_y, pitch - 14, part, tip, colour)
        if form == "narrow":
            content.append(text(bar_x, bar_y + 21, key.upper() if key != "busy" else key, "tiny"))
    return content
