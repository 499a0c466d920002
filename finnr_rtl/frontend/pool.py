"""Pools: the greatest value of each window, or its mean."""

from dataclasses import replace
from math import prod

import numpy as np

from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.chain import applied
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.padding import zero_padded
from finnr_rtl.frontend.values import Constant, Stream
from finnr_rtl.frontend.windows import read_window
from finnr_rtl.network.layers import MaxPool, SumPool, Window

__all__ = ["greatest", "mean"]


def greatest(node: Node, builder: Builder, value, window_of) -> Stream:
    """The stream of greatest values of windows; ``window_of(stream)`` gives the window once the map is known."""
    stream = builder.risen(builder.as_map(node, builder.stream(node, value)))
    if not np.all(stream.direction >= 0):
        raise node.error(
            "falling functions stand between the integers and this pool in some channels, so the greatest value is not that of "
            "the greatest integer; quantise before pooling"
        )
    window = window_of(stream)
    if window.trivial:
        return stream
    layer = MaxPool(builder.layer_name(node), (stream.producer,), stream.shape, builder.type_of(stream.producer), window)
    return _pooled(node, builder, stream, layer)


def _pooled(node: Node, builder: Builder, stream: Stream, layer) -> Stream:
    shape = layer.output_shape
    if min(shape) < 1:
        padded = layer.window.padded(stream.shape)
        raise node.error(f"its window does not fit the padded input of {padded} (rows, columns, channels)")
    order = np.arange(np.prod(shape)).reshape(1, *shape).transpose(0, 3, 1, 2)
    order = order if stream.order.ndim == 4 else order[:, :, 0]
    return replace(stream, producer=builder.add(layer), shape=shape, order=order, terms=())


def mean(node: Node, builder: Builder, value, window_of, padding_counts: bool, spare=(0, 0), divided: bool = True) -> Stream:
    """The stream of means of windows: sums, ``divided`` in the chain.

    Pads count as values where ``padding_counts``, but for the last ``spare`` rows and columns, which never do.
    """
    stream = builder.settled(node, builder.as_map(node, builder.stream(node, value)))
    window = window_of(stream)
    if window.trivial:
        return stream
    shape, rank, before = stream.shape, stream.order.ndim, window
    stream, window, pad = zero_padded(node, builder, stream, window)
    scale, bias = stream.affine
    layer = SumPool(builder.layer_name(node), (stream.producer,), stream.shape, builder.type_of(stream.producer), window, pad)
    size = prod(window.kernel)
    low, high = size * stream.low, size * stream.high
    if any(window.pads):
        low, high = size * min(stream.low, pad), size * max(stream.high, pad)
    summed = Stream(stream.producer, stream.shape, stream.order, scale, bias * size, low, high)
    result = _pooled(node, builder, summed, layer)
    return applied(node, result, "Div", value=_counts(shape, before, padding_counts, spare, rank)) if divided else result


def _counts(shape, window: Window, padding_counts: bool, spare: tuple[int, int], rank: int) -> np.ndarray:
    """How many values each window over a map of ``shape`` counts: one number, or (1, 1, rows, columns) where they differ."""
    padded = window.pad(np.ones((1, *shape[:2], 1)), 1 if padding_counts else 0)
    for axis, rows in enumerate(spare):
        if rows:
            np.moveaxis(padded, 1 + axis, 0)[-rows:] = 0
    count = sum(window.taps(padded))[0, :, :, 0]
    if np.all(count == count[0, 0]):
        return count[0, 0]
    return count[None, None] if rank == 4 else count[None]


def _kernel(node: Node):
    return lambda stream: read_window(node, stream, node.get("kernel_shape", ()))


def _whole(stream: Stream) -> Window:
    return Window(stream.shape[:2])


@operator("MaxPool", limits="1-D or 2-D, behind functions that rise in every channel")
def _max_pool(node, inputs, builder):
    if node.get("storage_order", 0):
        raise node.error("storage_order=1 is not supported")
    return greatest(node, builder, inputs[0], _kernel(node))


@operator("GlobalMaxPool", limits="behind functions that rise in every channel")
def _global_max_pool(node, inputs, builder):
    return greatest(node, builder, inputs[0], _whole)


@operator("AveragePool", limits="1-D or 2-D, of quantised values")
def _average_pool(node, inputs, builder):
    spare = (0, 0)
    counts = bool(node.get("count_include_pad", 0))
    if counts and node.get("ceil_mode", 0):
        stream = builder.as_map(node, builder.stream(node, inputs[0]))
        kernel = node.get("kernel_shape", ())
        long, short = (read_window(node, stream, kernel, ceil).pads for ceil in (True, False))
        spare = (long[2] - short[2], long[3] - short[3])
    return mean(node, builder, inputs[0], _kernel(node), counts, spare)


@operator("GlobalAveragePool", limits="of quantised values")
def _global_average_pool(node, inputs, builder):
    return mean(node, builder, inputs[0], _whole, False)


@operator("ReduceMean", "ReduceSum", "ReduceMax", limits="over height, width or both (length), channels first or last")
def _reduce(node, inputs, builder):
    stream = builder.stream(node, inputs[0])
    rank, axes = stream.order.ndim, node.get("axes", None)
    if len(inputs) > 1 and inputs[1] is not None:
        axes = inputs[1].value if isinstance(inputs[1], Constant) else None
    if axes is None and node.get("noop_with_empty_axes", 0):
        return stream
    axes = {int(axis) % rank for axis in np.reshape(axes, -1)} if axes is not None else set(range(rank))
    if rank not in (3, 4) or 0 in axes or {1, rank - 1} <= axes:
        raise node.error("reduces the batch, channels or features; only height and width (length) can be, channels first or last")
    # The channels are the first dimension, or the last where it is the first that is reduced.
    order = (0, rank - 1, *range(1, rank - 1)) if 1 in axes else tuple(range(rank))
    reduced = tuple(order.index(axis) for axis in axes)

    def window_of(found: Stream) -> Window:
        rows, columns = (axis in reduced for axis in (rank - 2, rank - 1))
        return Window((found.shape[0] if rows and rank == 4 else 1, found.shape[1] if columns else 1))

    turned = replace(stream, order=stream.order.transpose(order))
    if node.op == "ReduceMax":
        result = greatest(node, builder, turned, window_of)
    else:
        result = mean(node, builder, turned, window_of, False, divided=node.op == "ReduceMean")
    result = replace(result, order=result.order.transpose(np.argsort(order)))
    return result if node.get("keepdims", 1) else replace(result, order=np.squeeze(result.order, tuple(axes)))
