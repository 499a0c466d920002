"""QuantizeLinear and DequantizeLinear: quantisers whose integers are tensors of the model."""

from dataclasses import replace

import numpy as np

from finnr_rtl.datatypes import smallest
from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.elementwise import applied
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.quantise import quantised
from finnr_rtl.frontend.quantisers import Whole
from finnr_rtl.frontend.values import Constant, Stream

__all__ = ["dequantised", "parameters", "quantised_linear"]

# Element types of integers, by their number in an ONNX file, for nodes that name it.
_BY_NUMBER = {2: (0, 255), 3: (-128, 127), 4: (0, 65535), 5: (-32768, 32767), 21: (0, 15), 22: (-8, 7)}


def parameters(node: Node, scale, zero_point, rank: int, axis: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """(scale, zero point, bounds of the integers), arrays such that they broadcast to a tensor of ``rank``.

    Raises ``UserError`` where they are not constants of a kind that integers follow.
    """
    if not isinstance(scale, Constant) or not isinstance(zero_point, Constant | None):
        raise node.error("its scale and zero point must be constant")
    factor = np.asarray(scale.value, dtype=np.float32)
    if not np.all(np.isfinite(factor)) or np.any(factor <= 0):
        raise node.error("its scale must be positive and finite")
    if zero_point is None:
        zero, bounds = np.zeros((), dtype=np.float32), _BY_NUMBER.get(node.get("output_dtype", 2) or 2)
    else:
        kind = str(zero_point.value.dtype)
        bits = int("".join(c for c in kind if c.isdigit()) or 0)
        if "int" not in kind:
            raise node.error(f"its zero point has element type {kind}; an integer type expected")
        bounds = (0, (1 << bits) - 1) if kind.startswith("u") else (-(1 << bits - 1), (1 << bits - 1) - 1)
        zero = np.asarray(zero_point.value).astype(np.float32)
    if bounds is None:
        raise node.error("gives integers of a type that is not supported")
    if factor.ndim == 1 and factor.size > 1:
        shape = [-1 if dimension == axis % rank else 1 for dimension in range(rank)]
        factor, zero = factor.reshape(shape), (zero.reshape(shape) if zero.size > 1 else zero.reshape(()))
    elif factor.size > 1:
        raise node.error("has scales in blocks, which is not supported; one per tensor or per channel expected")
    else:
        factor, zero = factor.reshape(()), zero.reshape(())
    return factor, zero, bounds


def quantised_linear(node: Node, builder: Builder, value, scale, zero_point, bounds: tuple[int, int], narrowed: bool = False) -> Stream:
    """The stream of integers ``clip(round(x / scale) + zero_point)``; with ``narrowed``, a Clip behind it makes them integers."""
    result = applied(node, value, "QuantizeLinear", scale=scale, zero_point=zero_point, low=bounds[0], high=bounds[1])
    return result if narrowed else quantised(node, result, Whole(*bounds), builder)


def dequantised(node: Node, value: Stream, scale: np.ndarray, zero_point: np.ndarray) -> Stream:
    """``scale * (q - zero_point)`` of a stream whose values are its integers q."""
    if value.chain or np.any(value.scale != 1):
        raise node.error("its input is not a tensor of integers; quantise it first")
    stream, (scale, zero_point) = value.aligned([scale, zero_point])
    scale, zero_point = np.float64(scale), np.float64(zero_point)
    return replace(stream, scale=scale, bias=(stream.bias - zero_point) * scale)


@operator("QuantizeLinear", limits="constant scale per tensor or channel, integers of up to 8 bits", constants=False)
def _quantize_linear(node, inputs, builder):
    stream = builder.stream(node, inputs[0])
    scale, zero_point, bounds = parameters(node, inputs[1], (*inputs, None)[2], stream.order.ndim, node.get("axis", 1))
    readers = [other.op for other in builder.graph.nodes if node.outputs[0] in other.inputs]
    narrowed = bool(readers) and all(op == "Clip" for op in readers)
    if node.name in builder.quantisers:
        # Whoever feeds the accelerator does it: the integers are there.
        return replace(stream, scale=np.float64(1), bias=np.float64(0))
    return quantised_linear(node, builder, stream, scale, zero_point, bounds, narrowed)


@operator("DequantizeLinear", limits="constant scale per tensor or channel", constants=True)
def _dequantize_linear(node, inputs, builder):
    value = inputs[0]
    rank = value.value.ndim if isinstance(value, Constant) else builder.stream(node, value).order.ndim
    scale, zero_point, _ = parameters(node, inputs[1], (*inputs, None)[2] or _like(value), rank, node.get("axis", 1))
    if isinstance(value, Stream):
        return dequantised(node, value, scale, zero_point)
    integers = value.value.astype(np.int64) - zero_point.astype(np.int64)
    real = (integers.astype(np.float32) * scale).astype(np.float32)
    dtype = smallest(int(integers.min()), int(integers.max()))
    return Constant(real, integers, np.broadcast_to(np.float64(scale), integers.shape), dtype)


def _like(value) -> Constant | None:
    """A zero point of the type of a constant; streams need none."""
    return Constant(np.zeros((), dtype=value.value.dtype)) if isinstance(value, Constant) else None
