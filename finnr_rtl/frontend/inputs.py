"""What integers the accelerator takes: read off the model, or chosen where the model does not say."""

from dataclasses import dataclass, replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, DataType, int_, smallest, uint
from finnr_rtl.errors import UserError
from finnr_rtl.frontend.graph import Graph, Node, Tensor
from finnr_rtl.frontend.quantisers import Grid, linear_parameters, read_grid
from finnr_rtl.frontend.values import Constant

__all__ = ["RELABELLING", "InputRule", "input_rule"]

# Operators that leave every value of a stream as it is.
RELABELLING = ("Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")

# Where nothing is said about real inputs: a range of +-8 suits standardised features. How fine the steps must be was measured on
# a 6-bit network with float inputs: from 2^-17 on, none of 256 samples gave other outputs than in float; 2^-20 leaves a margin.
DEFAULT_TYPE, DEFAULT_SCALE = int_(24), 2.0**-20


@dataclass(frozen=True, eq=False)
class InputRule:
    """The input's integers and what they mean (``scale * (q - zero_point)``), all within [``low``, ``high``].

    ``quantisers`` names the nodes that quantise the input itself: their work is done before the accelerator. ``source`` says in
    one sentence how all that was found.
    """

    dtype: DataType
    scale: float
    source: str
    low: int
    high: int
    zero_point: int = 0
    rounding: str = "ROUND"
    quantisers: frozenset[str] = frozenset()


def _plain(dtype: DataType, scale: float, source: str) -> InputRule:
    return InputRule(dtype, scale, source, dtype.min, dtype.max, rounding="SIGN" if dtype == BIPOLAR else "ROUND")


def _readers(graph: Graph, tensor: str) -> list[Node]:
    """The nodes that work on the tensor's values, seen through those that only relabel them."""
    found = []
    for node in graph.nodes:
        if tensor in node.inputs and node.op not in ("Shape", "Size"):
            through = node.op in RELABELLING and node.inputs[0] == tensor
            found += _readers(graph, node.outputs[0]) if through else [node]
    return found


def _quantised(graph: Graph, readers: list[Node], values: dict) -> InputRule | None:
    if readers and all(node.op == "QuantizeLinear" for node in readers):
        grids = [_linear_grid(graph, node, values) for node in readers]
    elif readers and all(node.op in ("Quant", "IntQuant", "BipolarQuant") for node in readers):
        grids = [read_grid(node, [values.get(name) for name in node.inputs[1:]]) for node in readers]
    else:
        return None
    first = grids[0]
    if first.scale.size > 1 or first.zero_point.size > 1 or not all(first.same(grid) for grid in grids):
        return None
    scale, zero_point = first.scale.item(), int(first.zero_point.item())
    if scale < 0:
        return None
    source = f"the model quantises its input to {first.dtype} (node {readers[0].name})"
    names = frozenset(node.name for node in readers)
    return InputRule(first.dtype, scale, source, first.low, first.high, zero_point, first.rounding, names)


def _linear_grid(graph: Graph, node: Node, values: dict) -> Grid:
    """The grid of a QuantizeLinear node, in the narrower range of the Clip nodes that read it, if nothing else does."""
    constants = [values.get(name) for name in (*node.inputs, "")[1:3]]
    scale, zero_point, (low, high) = linear_parameters(node, *constants, 1, 0)
    readers = [other for other in graph.nodes if node.outputs[0] in other.inputs]
    bounds = [tuple(_bound(values.get(name)) for name in other.inputs[1:3]) for other in readers if other.op == "Clip"]
    if readers and len(bounds) == len(readers) and len(set(bounds)) == 1 and len(bounds[0]) == 2 and None not in bounds[0]:
        low, high = max(low, bounds[0][0]), min(high, bounds[0][1])
    return Grid(smallest(low, high), low, high, scale, zero_point, "LINEAR")


def _bound(value) -> int | None:
    return int(value.value.reshape(())) if isinstance(value, Constant) and value.value.size == 1 else None


def _annotated(graph: Graph, tensor: str) -> InputRule | None:
    name = graph.annotations.get(tensor, "")
    try:
        dtype = uint(1) if name == "BINARY" else DataType(name)
    except ValueError:
        return None
    return _plain(dtype, 1.0, f"the model annotates its input as {name}")


def _by_255(node: Node, values: dict) -> bool:
    """Whether the node turns 0..255 into 0..1."""
    constants = [values[name].value for name in node.inputs if isinstance(values.get(name), Constant)]
    if len(constants) != 1 or constants[0].size != 1:
        return False
    factor = float(constants[0].reshape(()))
    return (node.op == "Div" and factor == 255 and node.inputs[0] not in values) or (
        node.op == "Mul" and np.isclose(factor * 255, 1, rtol=1e-5, atol=0)
    )


def _found(graph: Graph, tensor: Tensor, readers: list[Node], values: dict) -> InputRule:
    if tensor.element != "float32":
        dtype = uint(8) if tensor.element == "uint8" else int_(8)
        return _plain(dtype, 1.0, f"the model's input has element type {tensor.element}")
    rule = _quantised(graph, readers, values) or _annotated(graph, tensor.name)
    if rule:
        return rule
    if len(tensor.shape) == 4 and {tensor.shape[1], tensor.shape[3]} & {1, 3, 4}:
        if readers and all(_by_255(node, values) for node in readers):
            return _plain(uint(8), 1.0, "an 8-bit image: the model divides its input by 255")
        return _plain(uint(8), 1 / 255, "an 8-bit image scaled to 0..1, by the input's shape; the model does not quantise it")
    source = f"the model does not quantise its input: {DEFAULT_TYPE} in steps of 2^-20, a range of +-8"
    return _plain(DEFAULT_TYPE, DEFAULT_SCALE, source)


def input_rule(graph: Graph, tensor: Tensor, values: dict, input_type: str | None, input_scale: float | None) -> InputRule:
    """The rule for input ``tensor`` of ``graph``; ``values`` holds its constants.

    ``input_type`` (a type name) and ``input_scale`` (positive) take precedence; a type alone keeps the model's scale where the
    model has that type too, and has scale 1 otherwise.
    """
    found = _found(graph, tensor, _readers(graph, tensor.name), values)
    if input_scale is not None and not (np.isfinite(input_scale) and input_scale > 0):
        raise UserError(f"the input scale {input_scale} must be a positive number")
    if input_type is None and input_scale is None:
        return found
    if input_type is None:
        rule = replace(found, scale=float(input_scale), zero_point=0, quantisers=frozenset())
        return replace(rule, source=f"{found.dtype} as the model has it, with the scale given by the user")
    try:
        dtype = DataType(input_type.upper())
    except ValueError as error:
        raise UserError(f"the input type is not usable: {error}") from None
    if dtype.bits > 32:
        raise UserError(f"the input type {dtype} is too wide; at most 32 bits are supported")
    if input_scale is None:
        input_scale = found.scale if dtype == found.dtype else 1.0
    source = f"{dtype} with scale {input_scale:g}, given by the user"
    if (dtype, input_scale) == (found.dtype, found.scale):
        return replace(found, source=source)
    return _plain(dtype, float(input_scale), source)
