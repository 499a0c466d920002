"""MatMul and Gemm, and what every product of integer weights with a stream has in common."""

from dataclasses import replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, TERNARY, DataType, smallest
from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.chain import applied
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.padding import zero_padded
from finnr_rtl.frontend.values import Constant, Stream
from finnr_rtl.network.layers import Conv, Window

__all__ = ["constant", "matmul", "product", "read_weights"]

# Quotients of float32 scales are this close to the whole number that was meant.
_TOLERANCE = 2.0**-20


def read_weights(node: Node, value) -> Constant:
    """Weights as scaled integers. Raises ``UserError`` where they are not."""
    if not isinstance(value, Constant):
        raise node.error("multiplies two streams, which is not supported; the weights must be constant")
    if value.integers is not None:
        return value
    array = value.value
    if not np.array_equal(array, np.round(array)) or np.abs(array).max(initial=0) > 1 << 15:
        raise node.error("its weights are float; quantise them (Quant or BipolarQuant on the weights) before export")
    integers = array.astype(np.int64)
    low, high = int(integers.min()), int(integers.max())
    dtype = smallest(low, high)
    if (low, high) == (-1, 1):
        dtype = TERNARY if np.any(integers == 0) else BIPOLAR
    return Constant(array, integers, np.broadcast_to(np.float64(1), array.shape), dtype)


def _common_scale(node: Node, integers: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers (outputs, ...) and one scale per output with the same products as ``integers`` times ``scale`` (same shape).

    Raises ``UserError`` where the scales of one output are no whole multiples of the least of them.
    """
    flat, scales = integers.reshape(len(integers), -1), scale.reshape(len(integers), -1)
    if np.all(scales == scales[:, :1]):
        return integers, scales[:, 0]
    magnitude = np.where(flat != 0, np.abs(scales), np.inf)
    least = magnitude.min(axis=1, keepdims=True)
    least = np.where(np.isfinite(least), least, 1.0)
    ratio = np.where(flat != 0, scales, 0) / least
    whole = np.round(ratio)
    if np.any(np.abs(ratio - whole) > _TOLERANCE * np.abs(ratio)) or np.abs(whole).max() > 1 << 15:
        raise node.error(
            "the scales of its inputs or weights differ and are no whole multiples of each other, so its sums cannot be made "
            "integer; use one scale per tensor for its input, and one per output channel for its weights"
        )
    return (flat * whole.astype(np.int64)).reshape(integers.shape), least[:, 0]


def product(node, builder, stream: Stream, integers, scale, dtype: DataType, window: Window, groups: int = 1) -> Stream:
    """The stream of sums over windows of ``stream`` (a map); ``integers`` and ``scale`` are (outputs, rows, columns, channels of a group).

    The result's order is that of its row-major map, as (1, rows, columns, outputs).
    """
    stream = builder.settled(node, stream)
    in_scale, in_bias = stream.affine
    stream, window, pad = zero_padded(node, builder, stream, window)
    # Scale and bias of the channels that each output sees.
    run = np.arange(len(integers)) // (len(integers) // groups)
    seen_scale, seen_bias = (part.reshape(groups, -1)[run][:, None, None, :] for part in (in_scale, in_bias))
    bias = (integers * scale * seen_bias).reshape(len(integers), -1).sum(axis=1) if np.any(in_bias) else np.float64(0)
    whole, out_scale = _common_scale(node, integers, scale * seen_scale)
    if whole is not integers and not dtype.allows(whole):
        dtype = smallest(int(whole.min()), int(whole.max()))
    layer = Conv(
        builder.layer_name(node), (stream.producer,), stream.shape, builder.type_of(stream.producer), whole, dtype, window, pad,
        groups=groups,
    )
    shape = layer.output_shape
    if min(shape) < 1:
        raise node.error(f"its window does not fit the padded input of {window.padded(stream.shape)} (rows, columns, channels)")
    low, high = layer.accumulator_range
    order = np.arange(np.prod(shape)).reshape(1, *shape)
    return Stream(builder.add(layer), shape, order, out_scale, bias, low, high)


def constant(node: Node, value) -> np.ndarray:
    """The array of a bias."""
    if not isinstance(value, Constant):
        raise node.error("its bias must be constant")
    return value.value


def _rows(node: Node, builder: Builder, stream: Stream, weights: Constant) -> Stream:
    """``stream`` (..., k) times ``weights`` (k, n), pixel by pixel."""
    k, n = weights.integers.shape
    *leading, last = stream.order.shape
    pixels = int(np.prod(leading))
    if last != k:
        raise node.error(f"weights of shape {(k, n)} do not fit an input of shape {stream.order.shape}")
    if pixels > 1:
        rows = leading[-2] if len(leading) > 2 else 1
        stream = builder.placed(stream, np.arange(pixels * k), (rows, pixels // rows, k))
    stream = builder.placed(stream)
    shape = (1, 1, k) if pixels == 1 else stream.shape if stream.channels == k else (1, pixels, k)
    viewed = stream.viewed(shape)
    places = stream.order.reshape(pixels, k)
    if viewed is None or np.any(places != places[0] + k * np.arange(pixels)[:, None]):
        raise node.error("its rows are not the pixels of a stream; only (1, features) or (1, pixels, channels) are supported")
    # Row i of the weights meets the value at places[0][i] of a pixel.
    weights = weights.relabelled(lambda array: array[np.argsort(places[0])].T.reshape(n, 1, 1, k))
    result = product(node, builder, viewed, weights.integers, weights.scale, weights.dtype, Window())
    return replace(result, order=result.order.reshape(*leading, n))


def matmul(node: Node, builder: Builder, first, second, weights: Constant) -> Stream:
    """The product of a stream and ``weights``, whichever of ``first`` and ``second`` is not the stream."""
    left = isinstance(first, Constant)
    stream = builder.stream(node, second if left else first)
    if 2 < weights.integers.ndim <= stream.order.ndim and weights.integers.size == np.prod(weights.integers.shape[-2:]):
        weights = weights.relabelled(lambda array: array.reshape(array.shape[-2:]))  # a batch of one matrix
    if weights.integers.ndim != 2 or stream.order.ndim < 2:
        raise node.error(f"weights of shape {weights.integers.shape} are not supported; a matrix expected")
    if not left:
        return _rows(node, builder, stream, weights)
    # W x = (x' W')'
    turned = replace(stream, order=stream.order.swapaxes(-1, -2))
    result = _rows(node, builder, turned, weights.relabelled(np.transpose))
    return replace(result, order=result.order.swapaxes(-1, -2))


@operator("MatMul", limits="one side a constant integer matrix, the other (1, features) or (1, pixels, channels)")
def _matmul(node, inputs, builder):
    weights = inputs[0] if isinstance(inputs[0], Constant) else inputs[1]
    return matmul(node, builder, *inputs, read_weights(node, weights))


@operator("XnorPopcountMatMul", limits="a stream and a constant matrix of zeros and ones")
def _xnor_popcount(node, inputs, builder):
    value, weights = inputs
    if not isinstance(weights, Constant) or not np.all(np.isin(weights.value, (0, 1))):
        raise node.error("its second input must be a constant matrix of zeros and ones")
    signs = 2 * weights.value.astype(np.int64) - 1
    weights = Constant(signs.astype(np.float32), signs, np.ones(signs.shape), BIPOLAR)
    value = applied(node, applied(node, builder.stream(node, value), "Mul", value=2), "Add", value=-1)
    # Of K products, the positive ones are counted.
    result = applied(node, matmul(node, builder, value, None, weights), "Add", value=signs.shape[0])
    return applied(node, result, "Mul", value=0.5)


@operator("Gemm", limits="as MatMul, and a constant bias")
def _gemm(node, inputs, builder):
    left = isinstance(inputs[0], Constant)
    weights, stream = read_weights(node, inputs[0 if left else 1]), builder.stream(node, inputs[1 if left else 0])
    turned = node.get("transA", 0), node.get("transB", 0)
    if turned[0 if left else 1]:
        weights = weights.relabelled(np.transpose)
    if turned[1 if left else 0]:
        stream = replace(stream, order=stream.order.swapaxes(-1, -2))
    alpha = float(node.get("alpha", 1.0))
    if alpha == 0:
        raise node.error("alpha=0 leaves nothing of its product")
    weights = Constant(weights.value, weights.integers, weights.scale * alpha, weights.dtype)
    result = matmul(node, builder, *((weights, stream) if left else (stream, weights)), weights)
    if len(inputs) > 2 and inputs[2] is not None:
        bias = np.float32(constant(node, inputs[2])) * np.float32(node.get("beta", 1.0))
        return applied(node, result, "Add", value=bias)
    return result
