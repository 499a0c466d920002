"""What would be built of a model: node by node the integer layers it becomes, and everything that stands in the way."""

from dataclasses import dataclass
from pathlib import Path

from finnr_rtl.datatypes import smallest
from finnr_rtl.frontend import Findings, examine
from finnr_rtl.network.layers import Accumulating, Layer
from finnr_rtl.network.network import Network
from finnr_rtl.network.summary import describe

__all__ = ["Report", "Row", "check"]


@dataclass(frozen=True)
class Row:
    """One node of the model: ``layers`` are those it added or finished, each in a phrase; ``note`` says what else becomes of it."""

    node: str
    op: str
    layers: tuple[str, ...]
    note: str


@dataclass(frozen=True, eq=False)
class Report:
    """``rows`` in the model's order; ``problems`` one sentence each, none where the model can be built; then ``network`` is it."""

    model: str
    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    network: Network | None

    @property
    def passed(self) -> bool:
        return not self.problems


def check(path: str | Path, input_type: str | None = None, input_scale: float | None = None) -> Report:
    """Analyse the ONNX model at ``path`` without building anything.

    Arguments are those of ``load_network``. Problems do not end the analysis: what lies behind one is left out. Raises ``UserError``
    only where the file cannot be read at all.
    """
    found = examine(path, input_type, input_scale)
    rows = _rows(found)
    return Report(found.graph.file, rows, tuple(found.problems), found.network)


def _rows(found: Findings) -> tuple[Row, ...]:
    network = found.network
    layers = {layer.name: layer for layer in network.layers} if network else {}
    rows = []
    for node in found.graph.nodes:
        own = found.layers.get(node.name)
        refused = any(f"node {node.name} ({node.op})" in problem for problem in found.problems)
        phrases = tuple(_phrase(layers[name], network.dropped.get(name, 0)) for name in own or () if name in layers)
        if refused:
            note = "cannot be built"
        elif own is None:
            note = "constant"
        elif not own:
            note = "goes into what follows"
        elif phrases:
            note = found.notes.get(node.name, "")
        else:
            note = "not needed" if network else "behind a problem, or part of " + ", ".join(own)
        rows.append(Row(node.name, node.op, phrases, note))
    return tuple(rows)


def _phrase(layer: Layer, dropped: int) -> str:
    """What a layer is, with its types; the range of its sums, as the analysis of its actual weights gives it; and the channels that are
    left out."""
    text = f"{layer.name}: {describe(layer)}"
    if isinstance(layer, Accumulating):
        low, high = layer.accumulator_range
        text += f", sums {low}..{high} ({smallest(low, high)})"
    if dropped:
        text += f", {dropped} channels left out"
    return text
