"""The tables of a design, as texts, for the terminal and for the page: headings, and rows of cells."""

from typing import NamedTuple

from finnr_rtl.folding.folding import CHOICES
from finnr_rtl.network.summary import unit
from finnr_rtl.report.text import number, percent, quantity

__all__ = ["RESOURCE_NAMES", "Table", "intensity", "layers", "off_by", "shown_resources", "topology", "traffic"]

RESOURCE_NAMES = {"lut": "LUT", "ff": "FF", "bram18": "BRAM18", "dsp": "DSP", "uram": "URAM"}
INTENSITIES = {"weights_on_chip": "Op/input bit", "activations_on_chip": "Op/weight bit", "nothing_on_chip": "Op/bit"}


class Table(NamedTuple):
    """``headings``, and ``rows`` of as many cells; the first ``texts`` columns are no numbers. The last row may be a ``total``."""

    headings: list[str]
    rows: list[list[str]]
    texts: int = 1
    total: bool = False


def shown_resources(facts: dict) -> list[str]:
    """The kinds of resources that the board has."""
    return [name for name in RESOURCE_NAMES if facts["platform"]["device"][name]]


def _intensities(values: dict) -> list[str]:
    return [number(values[name]) for name in INTENSITIES]


def topology(facts: dict) -> Table:
    """What each layer is, and its work per batch."""
    rows = [
        [layer["name"], layer["kind"], " + ".join(layer["input_maps"]), layer["output_map"], layer["precision"],
         number(layer["operations"]), number(layer["parameters"]), *_intensities(layer["intensity"])]
        for layer in facts["layers"]
    ]
    network = facts["network"]
    rows.append(["total", "", "", "", "", number(network["operations"]), number(network["parameters"]),
                 *_intensities(facts["intensity"]["layer_by_layer"])])
    headings = ["layer", "kind", "takes", "gives", "precision", "operations", "parameters", *INTENSITIES.values()]
    return Table(headings, rows, 5, True)


def layers(facts: dict) -> Table:
    """How each layer is computed, and what that takes."""
    shown = shown_resources(facts)
    rows = []
    for layer in facts["layers"]:
        factors = [number(layer["fold"].get(factor)) for factor in ("pe", "simd", "mmv")]
        choices = [f"{key} {layer['fold'][key]}" for key in CHOICES if layer["fold"].get(key, "auto") != "auto"]
        rows.append([layer["name"], layer["precision"], ", ".join(choices), *factors, number(layer["cycles"]), percent(layer["busy"]),
                     *(number(layer["resources"][name]) for name in shown)])
    others = [facts["ports"]["resources"][name] for name in shown]
    if any(others):
        rows.append(["inputs and outputs", *[""] * 7, *map(number, others)])
    interval = facts["performance"]["interval_cycles"]
    rows.append(["total", *[""] * 5, number(interval), "", *(number(facts["resources"][name]) for name in shown)])
    headings = ["layer", "precision", "choices", "pe", "simd", "mmv", "cycles", "busy", *(RESOURCE_NAMES[name] for name in shown)]
    return Table(headings, rows, 3, True)


def traffic(facts: dict) -> Table:
    """What moves, on chip and off."""
    batch = facts["network"]["batch"]
    rate = facts["performance"]["frames_per_second"] / batch
    moved = {
        "stream_bits": ("between stages, on chip", "bit"),
        "weight_bits_read": ("out of weight memories, on chip", "bit"),
        "input_bytes": ("inputs, off chip", "B"),
        "output_bytes": ("outputs, off chip", "B"),
    }
    rows = [[what, quantity(facts["traffic"][name], unit), quantity(facts["traffic"][name] * rate, f"{unit}/s")]
            for name, (what, unit) in moved.items()]
    return Table(["traffic", f"per {unit(batch)}", "per second"], rows)


def intensity(facts: dict) -> Table:
    """Arithmetic intensities of the whole network."""
    named = {"dataflow": "all layers at once, maps between them on chip", "layer_by_layer": "layer by layer, each fetching its inputs"}
    rows = [[what, *_intensities(facts["intensity"][name])] for name, what in named.items()]
    return Table(["arithmetic intensity", *INTENSITIES.values()], rows)


def off_by(predicted: float, found: float | None) -> str:
    """How far a prediction is from what was found, in parts of that."""
    if found is None:
        return "\u2013"
    if predicted == found:
        return "equal"
    return f"{100 * (predicted - found) / found:+.1f}\u00a0%" if found else "\u2013"
