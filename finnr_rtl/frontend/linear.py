"""QuantizeLinear and DequantizeLinear: quantisers whose integers are tensors of the model."""

from dataclasses import replace

import numpy as np

from finnr_rtl.datatypes import smallest
from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.chain import applied
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.quantise import quantised
from finnr_rtl.frontend.quantisers import Whole, linear_parameters
from finnr_rtl.frontend.values import Constant, HostValue, Stream

__all__ = ["dequantised", "quantised_linear"]


def quantised_linear(node: Node, builder: Builder, value, scale, zero_point, bounds: tuple[int, int], narrowed: bool = False):
    """The stream of integers ``clip(round(x / scale) + zero_point)``; with ``narrowed``, a Clip behind it makes them integers.

    What only the host computes is quantised there.
    """
    result = applied(node, value, "QuantizeLinear", scale=scale, zero_point=zero_point, low=bounds[0], high=bounds[1])
    return result if narrowed or isinstance(value, HostValue) else quantised(node, result, Whole(*bounds), builder)


def dequantised(node: Node, value, scale: np.ndarray, zero_point: np.ndarray):
    """``scale * (q - zero_point)`` of a constant, a stream or the host's values that are integers q."""
    if isinstance(value, Constant):
        integers = value.value.astype(np.int64) - zero_point.astype(np.int64)
        real = (integers.astype(np.float32) * scale).astype(np.float32)
        dtype = smallest(int(integers.min()), int(integers.max()))
        return Constant(real, integers, np.broadcast_to(np.float64(scale), integers.shape), dtype)
    if isinstance(value, HostValue):
        return applied(node, applied(node, value, "Add", value=-zero_point), "Mul", value=scale)
    if value.chain or np.any(value.scale != 1):
        raise node.error("its input is not a tensor of integers; quantise it first")
    stream, (scale, zero_point) = value.aligned([scale, zero_point])
    scale, zero_point = np.float64(scale), np.float64(zero_point)
    return replace(stream, scale=scale, bias=(stream.bias - zero_point) * scale)


@operator("QuantizeLinear", limits="constant scale per tensor or channel, more than 8 bits as Quant", constants=False)
def _quantize_linear(node, inputs, builder):
    value = inputs[0]
    rank = len(value.shape if isinstance(value, HostValue) else value.order.shape)
    scale, zero_point, bounds = linear_parameters(node, inputs[1], (*inputs, None)[2], rank, node.get("axis", 1))
    readers = [other.op for other in builder.graph.nodes if node.outputs[0] in other.inputs]
    narrowed = bool(readers) and all(op == "Clip" for op in readers)
    if node.name in builder.quantisers:
        # Whoever feeds the accelerator does it: the integers are there.
        return replace(value, scale=np.float64(1), bias=np.float64(0))
    return quantised_linear(node, builder, value, scale, zero_point, bounds, narrowed)


@operator("DequantizeLinear", limits="constant scale per tensor or channel", constants=True)
def _dequantize_linear(node, inputs, builder):
    value = inputs[0]
    rank = len((value.order if isinstance(value, Stream) else value.value if isinstance(value, Constant) else value).shape)
    zero_point = (*inputs, None)[2] or _like(value)
    return dequantised(node, value, *linear_parameters(node, inputs[1], zero_point, rank, node.get("axis", 1))[:2])


def _like(value) -> Constant | None:
    """A zero point of the type of a constant; streams need none."""
    return Constant(np.zeros((), dtype=value.value.dtype)) if isinstance(value, Constant) else None
