"""Conv, MatMul and Gemm: products of integer weights with a stream."""

from dataclasses import replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, TERNARY, DataType, smallest
from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.elementwise import applied
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.values import Constant, Stream
from finnr_rtl.frontend.windows import read_window
from finnr_rtl.network.layers import Conv, Window

# Quotients of float32 scales are this close to the whole number that was meant.
_TOLERANCE = 2.0**-20


def _weights(node: Node, value) -> Constant:
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


def _pad_value(node: Node, builder: Builder, stream: Stream, scale: np.ndarray, bias: np.ndarray) -> int:
    """The integer that means zero in every channel; the producer's type is widened to hold it where needed."""
    zeros = -bias / scale
    pad = np.round(zeros)
    if np.any(np.abs(zeros - pad) > _TOLERANCE * np.maximum(np.abs(zeros), 1)) or np.any(pad != pad[0]):
        raise node.error("pads with zero, which no integer of its input stands for; quantise its input with zero on the grid")
    pad = int(pad[0])
    dtype = builder.type_of(stream.producer)
    if not dtype.allows([pad]):
        wider = TERNARY if dtype == BIPOLAR and pad == 0 else smallest(min(pad, dtype.min), max(pad, dtype.max))
        if not stream.sole or not builder.widen(stream.producer, wider):
            raise node.error(f"pads with zero, which {dtype} does not hold; use a type with zero for its input, or no padding")
    return pad


def _product(node, builder, stream: Stream, integers, scale, dtype: DataType, window: Window) -> Stream:
    """The stream of sums over windows of ``stream`` (a map); ``integers`` and ``scale`` are (outputs, rows, columns, channels).

    The result's order is that of its row-major map, as (1, rows, columns, outputs).
    """
    affine = stream.affine
    if affine is None:
        culprit = next(f for f in stream.chain if f.affine is None)
        raise node.error(f"its input comes through {culprit.op} (node {culprit.node}) without a quantiser behind it; quantise it")
    in_scale, in_bias = affine
    if np.any(in_scale == 0):
        raise node.error("its input is multiplied by zero in some channel; remove that channel")
    pad = _pad_value(node, builder, stream, in_scale, in_bias) if any(window.pads) else 0
    bias = (integers * scale * in_bias).reshape(len(integers), -1).sum(axis=1) if np.any(in_bias) else np.float64(0)
    whole, out_scale = _common_scale(node, integers, scale * in_scale)
    if whole is not integers and not dtype.allows(whole):
        dtype = smallest(int(whole.min()), int(whole.max()))
    layer = Conv(
        builder.layer_name(node), (stream.producer,), stream.shape, builder.type_of(stream.producer), whole, dtype, window, pad
    )
    shape = layer.output_shape
    if min(shape) < 1:
        raise node.error(f"its window does not fit the padded input of {window.padded(stream.shape)} (rows, columns, channels)")
    low, high = layer.accumulator_range
    order = np.arange(np.prod(shape)).reshape(1, *shape)
    return Stream(builder.add(layer), shape, order, out_scale, bias, low, high)


@operator("Conv", limits="1-D or 2-D, any kernel, stride, dilation and padding, one group, constant integer weights")
def _conv(node, inputs, builder):
    weights = _weights(node, inputs[1])
    if node.get("group", 1) != 1:
        raise node.error(f"group={node.get('group', 1)} is not supported yet; only group=1 is")
    stream = builder.as_map(node, _stream(node, inputs[0]))
    rank = stream.order.ndim
    if weights.integers.ndim != rank or weights.integers.shape[1] != stream.channels:
        raise node.error(f"weights of shape {weights.integers.shape} do not fit an input of shape {stream.order.shape}")
    if rank == 3:
        weights = weights.relabelled(lambda array: array[:, :, None, :])
    window = read_window(node, stream, weights.integers.shape[2:])
    weights = weights.relabelled(lambda array: array.transpose(0, 2, 3, 1))
    result = _product(node, builder, stream, weights.integers, weights.scale, weights.dtype, window)
    order = result.order.transpose(0, 3, 1, 2)
    result = replace(result, order=order if rank == 4 else order[:, :, 0])
    if len(inputs) > 2 and inputs[2] is not None:
        bias = _constant(node, inputs[2])
        return applied(node, result, "Add", value=bias.reshape(1, -1, *[1] * (rank - 2)))
    return result


def _stream(node: Node, value) -> Stream:
    if not isinstance(value, Stream):
        raise node.error("its input is not a stream of integers: a layer cannot follow what only the host computes")
    return value


def _constant(node: Node, value) -> np.ndarray:
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
    result = _product(node, builder, viewed, weights.integers, weights.scale, weights.dtype, Window())
    return replace(result, order=result.order.reshape(*leading, n))


@operator("MatMul", limits="one side a constant integer matrix, the other (1, features) or (1, pixels, channels)")
def _matmul(node, inputs, builder):
    left = isinstance(inputs[0], Constant)
    value, weights = inputs[::-1] if left else inputs
    weights = _weights(node, weights)
    stream = _stream(node, value)
    if weights.integers.ndim != 2 or stream.order.ndim < 2:
        raise node.error(f"weights of shape {weights.integers.shape} are not supported; a matrix expected")
    if not left:
        return _rows(node, builder, stream, weights)
    # W x = (x' W')'
    turned = replace(stream, order=stream.order.swapaxes(-1, -2))
    result = _rows(node, builder, turned, weights.relabelled(np.transpose))
    return replace(result, order=result.order.swapaxes(-1, -2))


@operator("Gemm", limits="transA=0, constant integer weights and constant bias")
def _gemm(node, inputs, builder):
    if node.get("transA", 0):
        raise node.error("transA=1 is not supported; export it with transA=0")
    weights = _weights(node, inputs[1])
    if node.get("transB", 0):
        weights = weights.relabelled(np.transpose)
    alpha = float(node.get("alpha", 1.0))
    if alpha == 0:
        raise node.error("alpha=0 leaves nothing of its product")
    weights = Constant(weights.value, weights.integers, weights.scale * alpha, weights.dtype)
    result = _rows(node, builder, _stream(node, inputs[0]), weights)
    if len(inputs) > 2 and inputs[2] is not None:
        bias = np.float32(_constant(node, inputs[2])) * np.float32(node.get("beta", 1.0))
        return applied(node, result, "Add", value=bias)
    return result
