"""Conv and ConvTranspose: windows of integer weights sliding over a map."""

from dataclasses import replace

import numpy as np

from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.chain import applied
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.matrix import constant, product, read_weights
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.padding import value_of
from finnr_rtl.frontend.values import Constant, Stream
from finnr_rtl.frontend.windows import read_window
from finnr_rtl.network.layers import Stuff, Window

__all__ = ["convolution"]


def convolution(node: Node, builder: Builder, value, weights: Constant) -> Stream:
    """The sums of a Conv node over ``value`` with ``weights`` (outputs, channels of a group, \\*kernel)."""
    groups = node.get("group", 1)
    stream = builder.as_map(node, builder.stream(node, value))
    rank = stream.order.ndim
    shape = weights.integers.shape
    if len(shape) != rank or shape[1] * groups != stream.channels or shape[0] % groups:
        raise node.error(f"weights of shape {shape} in {groups} group(s) do not fit an input of shape {stream.order.shape}")
    if rank == 3:
        weights = weights.relabelled(lambda array: array[:, :, None, :])
    window = read_window(node, stream, weights.integers.shape[2:])
    weights = weights.relabelled(lambda array: array.transpose(0, 2, 3, 1))
    result = product(node, builder, stream, weights.integers, weights.scale, weights.dtype, window, groups)
    return _channels_first(result, rank)


def _channels_first(result: Stream, rank: int) -> Stream:
    order = result.order.transpose(0, 3, 1, 2)
    return replace(result, order=order if rank == 4 else order[:, :, 0])


def _biased(node: Node, result: Stream, inputs) -> Stream:
    if len(inputs) > 2 and inputs[2] is not None:
        bias = constant(node, inputs[2])
        return applied(node, result, "Add", value=bias.reshape(1, -1, *[1] * (result.order.ndim - 2)))
    return result


@operator("Conv", limits="1-D or 2-D, any kernel, stride, dilation, padding and groups, constant integer weights")
def _conv(node, inputs, builder):
    return _biased(node, convolution(node, builder, inputs[0], read_weights(node, inputs[1])), inputs)


@operator("ConvTranspose", limits="1-D or 2-D, any stride, dilation and groups, pads up to the kernel's span, constant integer weights")
def _conv_transpose(node, inputs, builder):
    weights, groups = read_weights(node, inputs[1]), node.get("group", 1)
    stream = builder.settled(node, builder.as_map(node, builder.stream(node, inputs[0])))
    rank, shape = stream.order.ndim, weights.integers.shape
    if len(shape) != rank or shape[0] != stream.channels or shape[0] % groups:
        raise node.error(f"weights of shape {shape} in {groups} group(s) do not fit an input of shape {stream.order.shape}")

    def flipped(array):
        array = array if rank == 4 else array[:, :, None, :]
        array = array.reshape(groups, -1, *array.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
        return array.reshape(-1, *array.shape[2:]).transpose(0, 2, 3, 1)

    weights = weights.relabelled(flipped)
    kernel = weights.integers.shape[1:3]
    stride, dilation, extra = (_pair(node, name, default, rank) for name, default in
                               (("strides", 1), ("dilations", 1), ("output_padding", 0)))
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    before, after = _transposed_pads(node, stream, stride, span, extra, rank)
    pads = [s - 1 - p for s, p in zip(span * 2, before + after, strict=True)]
    pads = (pads[0], pads[1], pads[2] + extra[0], pads[3] + extra[1])
    if min(pads) < 0:
        raise node.error("its pads are larger than the kernel's span less one, which is not supported; crop its output instead")
    if stride != (1, 1):
        zero = value_of(node, 0.0, *stream.affine)
        layer = Stuff(
            builder.layer_name(node), (stream.producer,), stream.shape, builder.type_of(stream.producer), stride, zero
        )
        order = np.arange(np.prod(layer.output_shape)).reshape(1, *layer.output_shape).transpose(0, 3, 1, 2)
        stream = replace(stream, producer=builder.add(layer), shape=layer.output_shape, order=order, sole=True,
                         low=min(stream.low, zero), high=max(stream.high, zero))
    window = Window(kernel, (1, 1), dilation, pads)
    result = product(node, builder, stream, weights.integers, weights.scale, weights.dtype, window, groups)
    return _biased(node, _channels_first(result, rank), inputs)


def _pair(node: Node, name: str, default: int, rank: int) -> tuple[int, int]:
    values = tuple(node.get(name, [default] * (rank - 2)))
    return values if rank == 4 else (default, *values)


def _transposed_pads(node: Node, stream: Stream, stride, span, extra, rank: int) -> tuple[list[int], list[int]]:
    """(before, after) per axis, which a transposed convolution cuts off."""
    mode = node.get("auto_pad", "NOTSET")
    sizes = stream.shape[:2]
    if "output_shape" in node.attributes or mode in ("SAME_UPPER", "SAME_LOWER"):
        wanted = tuple(node.get("output_shape", [n * s for n, s in zip(sizes, stride, strict=True)][4 - rank :]))[-(rank - 2) :]
        wanted = wanted if rank == 4 else (1, *wanted)
        cut = [s * (n - 1) + e + p - w for s, n, e, p, w in zip(stride, sizes, extra, span, wanted, strict=True)]
        # SAME_LOWER, and a given shape without auto_pad, cut more off the beginning.
        upper = mode == "SAME_UPPER"
        before = [c // 2 if upper else c - c // 2 for c in cut]
        return before, [c - b for c, b in zip(cut, before, strict=True)]
    given = list(node.get("pads", [0] * 2 * (rank - 2))) if mode == "NOTSET" else [0] * 2 * (rank - 2)
    half = rank - 2
    before, after = given[:half], given[half:]
    return (before, after) if rank == 4 else ([0, *before], [0, *after])
