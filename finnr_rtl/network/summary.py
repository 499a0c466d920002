"""A network as a table: one row per layer, and the totals."""

from collections.abc import Mapping

from finnr_rtl.datatypes import smallest
from finnr_rtl.network.layers import Accumulating, Conv, Layer, Shape
from finnr_rtl.network.network import InputPort, Network, OutputPort

__all__ = ["COLUMNS", "describe", "kind", "left_out", "map_text", "rows", "text", "unit", "units"]

COLUMNS = ("layer", "kind", "input", "output", "weights", "accumulator", "operations", "parameters")


def _accumulator(layer: Accumulating) -> str:
    low, high = layer.accumulator_range
    return f"{low}..{high} ({smallest(low, high).bits} bits)"


def map_text(shape: Shape, dtype) -> str:
    """A map in a phrase: rows x columns x channels and the type, as in ``30x30x64 BIPOLAR``; a vector by its length."""
    size = f"{shape[2]}" if shape[:2] == (1, 1) else "x".join(map(str, shape))
    return f"{size} {dtype}"


def kind(layer: Layer) -> str:
    """What a layer is, in the field's words: ``Conv 3x3``, ``Dense``, ``Depthwise 3x3``, ``MaxPool 2x2``, ``Add``."""
    name = type(layer).__name__
    if isinstance(layer, Conv) and layer.fully_connected:
        return "Dense"
    if isinstance(layer, Conv) and layer.groups > 1:
        name = "Depthwise" if layer.depthwise else f"Conv/{layer.groups}"
    window = getattr(layer, "window", None)
    return name if window is None else f"{name} {window.kernel[0]}x{window.kernel[1]}"


def unit(batch: int) -> str:
    """What a network takes at a time, in words."""
    return "frame" if batch == 1 else f"batch of {batch} frames"


def units(batch: int) -> str:
    """Several of them."""
    return "frames" if batch == 1 else f"batches of {batch} frames"


def describe(layer: Layer) -> str:
    """A layer in a phrase: its kind, and the maps it takes and gives."""
    inputs = " + ".join(map(map_text, layer.input_shapes, layer.input_types))
    return f"{kind(layer)}, {inputs} to {map_text(layer.output_shape, layer.output_type)}"


def left_out(dropped: Mapping[str, int]) -> str:
    """A sentence about channels that are left out, by layer (see :mod:`finnr_rtl.network.pruning`); empty where there are none."""
    if not dropped:
        return ""
    layers = "1 layer" if len(dropped) == 1 else f"{len(dropped)} layers"
    return f"{sum(dropped.values()):,} channels of {layers}, which make no difference to any result, are left out."


def rows(network: Network) -> list[tuple[str, ...]]:
    """One tuple of texts per layer, in the order of :data:`COLUMNS`, and a last one with the totals.

    Shapes are rows x columns x channels. ``operations`` are per batch, a multiply-accumulate counting as two.
    """
    table = []
    for layer in network.layers:
        table.append((
            layer.name,
            kind(layer),
            " + ".join(map(map_text, layer.input_shapes, layer.input_types)),
            map_text(layer.output_shape, layer.output_type),
            f"{layer.weights.size:,} {layer.weight_type}" if isinstance(layer, Conv) else "",
            _accumulator(layer) if isinstance(layer, Accumulating) else "",
            f"{layer.operations:,}",
            f"{layer.parameters:,}",
        ))
    table.append(("total", "", "", "", "", "", f"{network.operations:,}", f"{network.parameters:,}"))
    return table


def text(network: Network) -> str:
    """The table as plain text, with a line about each input and each output."""
    table = [COLUMNS, *rows(network)]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    aligned = [str.rjust if column in ("operations", "parameters") else str.ljust for column in COLUMNS]
    lines = ["  ".join(align(*cell) for align, cell in zip(aligned, zip(row, widths, strict=True), strict=True)) for row in table]
    rule = "-" * max(map(len, lines))
    lines = [*map(_source, network.inputs), lines[0], rule, *lines[1:-1], rule, lines[-1], *map(_sink, network.outputs)]
    return "\n".join([*lines, *filter(None, [left_out(network.dropped)])]) + "\n"


def _source(port: InputPort) -> str:
    return f"input   {port.name}: {map_text(port.shape, port.dtype)}, scale {port.scale:g} ({port.source})"


def _sink(port: OutputPort) -> str:
    end = ", then " + ", ".join(step["op"] for step in port.tail) + " on the host" if port.tail else ""
    return f"output  {port.name}: integers of {port.layer} by scale and bias{end}"
