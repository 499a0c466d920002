"""A network as a table: one row per layer, and the totals."""

from finnr_rtl.datatypes import smallest
from finnr_rtl.network.layers import Conv, Layer, Shape
from finnr_rtl.network.network import Network

__all__ = ["COLUMNS", "rows", "text"]

COLUMNS = ("layer", "kind", "input", "output", "weights", "accumulator", "operations", "parameters")


def _accumulator(layer: Conv) -> str:
    low, high = layer.accumulator_range
    return f"{low}..{high} ({smallest(low, high).bits} bits)"


def _map(shape: Shape, dtype) -> str:
    size = f"{shape[2]}" if shape[:2] == (1, 1) else "x".join(map(str, shape))
    return f"{size} {dtype}"


def _kind(layer: Layer) -> str:
    name = type(layer).__name__
    if isinstance(layer, Conv) and layer.fully_connected:
        return "Dense"
    window = getattr(layer, "window", None)
    return name if window is None else f"{name} {window.kernel[0]}x{window.kernel[1]}"


def rows(network: Network) -> list[tuple[str, ...]]:
    """One tuple of texts per layer, in the order of :data:`COLUMNS`, and a last one with the totals.

    Shapes are rows x columns x channels. ``operations`` are per frame, a multiply-accumulate counting as two.
    """
    table = []
    for layer in network.layers:
        matrix = isinstance(layer, Conv)
        table.append((
            layer.name,
            _kind(layer),
            _map(layer.input_shape, layer.input_type),
            _map(layer.output_shape, layer.output_type),
            f"{layer.weights.size:,} {layer.weight_type}" if matrix else "",
            _accumulator(layer) if matrix else "",
            f"{layer.operations:,}",
            f"{layer.parameters:,}",
        ))
    table.append(("total", "", "", "", "", "", f"{network.operations:,}", f"{network.parameters:,}"))
    return table


def text(network: Network) -> str:
    """The table as plain text, with a line about the input and one about the output."""
    table = [COLUMNS, *rows(network)]
    widths = [max(len(row[column]) for row in table) for column in range(len(COLUMNS))]
    aligned = [str.rjust if column in ("operations", "parameters") else str.ljust for column in COLUMNS]
    lines = ["  ".join(align(*cell) for align, cell in zip(aligned, zip(row, widths, strict=True), strict=True)) for row in table]
    rule = "-" * max(map(len, lines))
    port, out = network.input, network.output
    end = ", then " + ", ".join(step["op"] for step in out.tail) + " on the host" if out.tail else ""
    return "\n".join([
        f"input   {port.name}: {_map(port.shape, port.dtype)}, scale {port.scale:g} ({port.source})",
        lines[0], rule, *lines[1:-1], rule, lines[-1],
        f"output  {out.name}: integers of {out.layer} by scale and bias{end}",
    ]) + "\n"
