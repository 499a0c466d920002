"""Operators that drop, repeat, move or insert pixels and channels."""

from dataclasses import replace

import numpy as np

from finnr_rtl.datatypes import uint
from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.padding import padded, value_of
from finnr_rtl.frontend.values import Constant, Stream, revised
from finnr_rtl.network.layers import Conv, DepthToSpace, Layer, Slice, SpaceToDepth, Upsample, Window

# A crop is a window of so many taps at most.
_MAX_TAPS = 32


def _moved(builder: Builder, stream: Stream, layer: Layer) -> Stream:
    """``stream``, a map, behind a layer whose values are those of its input: scales and constants move with their channels."""
    builder.add(layer)
    source = layer.reference(np.arange(stream.order.size).reshape(1, *stream.shape)).reshape(-1).astype(np.int64)
    size, shape = source.size, layer.output_shape

    def moved(argument):
        if np.ndim(argument) == 0:
            return argument
        full = revised(argument, stream.shape, stream.order.size)[source]
        return revised(full, (1, 1, size), shape[2]) if narrow else full

    arguments = [stream.scale, stream.bias, *(arg for f in stream.chain for arg in f.arguments)]
    narrow = True
    narrow = all(moved(argument) is not None for argument in arguments)
    chain = tuple(function.mapped(moved) for function in stream.chain)
    order = np.arange(size).reshape(shape).transpose(2, 0, 1)[None]
    order = order if stream.order.ndim == 4 else order[:, :, 0]
    # Where a channel's constants then differ from pixel to pixel, all values are channels of one pixel.
    return replace(
        stream, producer=layer.name, shape=shape if narrow else (1, 1, size), order=order, scale=moved(stream.scale),
        bias=moved(stream.bias), chain=chain, terms=(), sole=True,
    )


def _inputs(node: Node, builder: Builder, value) -> tuple[Stream, tuple]:
    """A map, and the arguments that any layer on it begins with."""
    stream = builder.as_map(node, builder.stream(node, value))
    return stream, (builder.layer_name(node), (stream.producer,), stream.shape, builder.type_of(stream.producer))


@operator("DepthToSpace")
def _depth_to_space(node, inputs, builder):
    stream, common = _inputs(node, builder, inputs[0])
    block = node.get("blocksize", 1)
    if block < 1 or stream.channels % block**2:
        raise node.error(f"blocksize={block} does not divide its {stream.channels} channels")
    return _moved(builder, stream, DepthToSpace(*common, block, node.get("mode", "DCR")))


@operator("SpaceToDepth")
def _space_to_depth(node, inputs, builder):
    stream, common = _inputs(node, builder, inputs[0])
    block = node.get("blocksize", 1)
    if block < 1 or stream.shape[0] % block or stream.shape[1] % block:
        raise node.error(f"blocksize={block} does not divide its map of {stream.shape[0]} x {stream.shape[1]} pixels")
    return _moved(builder, stream, SpaceToDepth(*common, block))


@operator("Resize", "Upsample", limits="nearest neighbour, by whole factors, height and width only")
def _resize(node, inputs, builder):
    if node.get("mode", "nearest") != "nearest":
        raise node.error(f"mode={node.get('mode', 'nearest')} is not supported; only nearest is")
    stream, common = _inputs(node, builder, inputs[0])
    given = inputs[1:] if node.op == "Upsample" or builder.graph.opset < 11 else inputs[2:]
    scales, sizes = (*given, None, None)[:2]
    shape = stream.order.shape
    if scales is None and "scales" in node.attributes:
        factors = np.array(node.attributes["scales"], dtype=np.float64)
    elif isinstance(scales, Constant) and scales.value.size == len(shape):
        factors = scales.value.astype(np.float64)
    elif isinstance(sizes, Constant) and sizes.value.size == len(shape):
        factors = sizes.value / np.array([builder.batch or 1, *shape[1:]])
    else:
        raise node.error("its scales or sizes must be constant, one per dimension")
    if np.any(factors != np.round(factors)) or np.any(factors < 1) or np.any(factors[:2] != 1):
        raise node.error(f"scales {factors.tolist()} are not whole factors of height and width only")
    transform, nearest = node.get("coordinate_transformation_mode", "half_pixel"), node.get("nearest_mode", "round_prefer_floor")
    for factor in factors[2:].astype(int):
        place = np.arange(4 * factor)
        source = {"half_pixel": (place + 0.5) / factor - 0.5, "asymmetric": place / factor}.get(transform)
        source = (place + 0.5) / factor - 0.5 if transform in ("pytorch_half_pixel", "half_pixel_symmetric") else source
        if node.op == "Upsample" or builder.graph.opset < 11:
            source, nearest = place / factor, "floor"
        if source is None:
            raise node.error(f"coordinate_transformation_mode={transform} is not supported; half_pixel or asymmetric expected")
        chosen = {
            "floor": np.floor(source), "ceil": np.ceil(source), "round_prefer_floor": np.ceil(source - 0.5),
            "round_prefer_ceil": np.floor(source + 0.5),
        }[nearest]
        if not np.array_equal(np.clip(chosen, 0, 3), place // factor):
            raise node.error(f"{transform} with nearest_mode={nearest} does not repeat every pixel {factor} times; use floor")
    rows, columns = (1, *factors[2:])[-2:]
    if (rows, columns) == (1, 1):
        return stream
    return _moved(builder, stream, Upsample(*common, (int(rows), int(columns))))


def _channels_last(builder: Builder, stream: Stream, axis: int) -> bool:
    """Whether the model's tensor has its channels last, as its elements travel; an input that is transposed is cut along them."""
    if stream.raw:
        return builder.transposed and axis == stream.order.ndim - 1
    return stream.order.shape[-1] == stream.channels and np.array_equal(stream.order.reshape(-1), np.arange(stream.order.size))


def _cut(node: Node, builder: Builder, stream: Stream, axis: int, start: int, stop: int, step: int = 1) -> Stream:
    """Elements ``start``, ``start + step`` ... below ``stop`` of a stream along ``axis``."""
    rank = stream.order.ndim
    if axis == 0 or rank not in (2, 3, 4):
        raise node.error("cuts along the batch, or a tensor of more dimensions than are supported; cut channels, height or width")
    if rank > 2 and _channels_last(builder, stream, axis):
        turned = replace(stream, order=np.moveaxis(stream.order, -1, 1))
        result = _cut(node, builder, turned, 1 if axis == rank - 1 else axis + 1, start, stop, step)
        return replace(result, order=np.moveaxis(result.order, 1, -1))
    if axis > 1:
        return _cropped(node, builder, stream, axis, start, stop, step)
    if step != 1:
        raise node.error(f"step {step} is not supported for channels or features; only 1 is")
    return _channels(node, builder, stream, start, stop)


def _cropped(node: Node, builder: Builder, stream: Stream, axis: int, start: int, stop: int, step: int) -> Stream:
    """Rows or columns of a map: a depthwise convolution, of whose taps one is 1 and the others are 0."""
    stream, common = _inputs(node, builder, stream)
    size, count = stream.order.shape[axis], len(range(start, stop, step))
    # The least kernel that reaches the first element and has just so many places.
    taps = max(start + 1, size - step * count + 1)
    if taps > _MAX_TAPS:
        raise node.error(f"leaves out {taps - 1} rows or columns; at most {_MAX_TAPS - 1} are, so feed a smaller map instead")
    weights = np.zeros((stream.channels, taps, 1), dtype=np.int64)
    weights[:, start] = 1
    across = axis == stream.order.ndim - 1
    weights = weights[:, None] if across else weights[:, :, None]
    window = Window((1, taps), (1, step)) if across else Window((taps, 1), (step, 1))
    return _moved(builder, stream, Conv(*common, weights, uint(1), window, groups=stream.channels))


def _channels(node: Node, builder: Builder, stream: Stream, start: int, stop: int) -> Stream:
    """Channels (or features) ``start`` to ``stop - 1`` of a stream."""
    if stream.order.ndim == 2:
        stream = builder.placed(stream)
        wide = stream.viewed((1, 1, stream.order.size))
        if not np.array_equal(wide.order.reshape(-1), np.arange(stream.order.size)):
            raise node.error("a reshape or transpose before it moves its features; cut before it")
        layer = Slice(builder.layer_name(node), (wide.producer,), wide.shape, builder.type_of(wide.producer), start, stop)
        result = _moved(builder, replace(wide, order=np.arange(wide.order.size).reshape(1, -1, 1, 1)), layer)
        return replace(result, order=result.order.reshape(1, -1))
    stream, common = _inputs(node, builder, stream)
    if (start, stop) == (0, stream.channels):
        return stream
    return _moved(builder, stream, Slice(*common, start, stop))


@operator("Split", limits="channels or features, height or width by few")
def _split(node, inputs, builder):
    stream = builder.stream(node, inputs[0])
    axis = node.get("axis", 0) % stream.order.ndim
    size, count = stream.order.shape[axis], len(node.outputs)
    if len(inputs) > 1 and isinstance(inputs[1], Constant):
        parts = [int(part) for part in inputs[1].value]
    else:
        step = -(-size // count)
        parts = list(node.get("split", [min(step, size - i * step) for i in range(count)]))
    if sum(parts) != size or len(parts) != count:
        raise node.error(f"parts {parts} do not make up {size}")
    ends = np.cumsum(parts)
    shared = replace(stream, sole=stream.sole and count == 1)
    return tuple(_cut(node, builder, shared, axis, int(end) - part, int(end)) for end, part in zip(ends, parts, strict=True))


@operator("Slice", limits="channels or features, step 1; height or width by few, any step forwards")
def _slice(node, inputs, builder):
    stream = builder.stream(node, inputs[0])
    rank = stream.order.ndim
    if len(inputs) > 1:
        parts = [None if value is None else value.value.reshape(-1) for value in inputs[1:]]
        if any(value is not None and not isinstance(value, Constant) for value in inputs[1:]):
            raise node.error("its starts and ends must be constant")
        starts, ends, axes, steps = (*parts, None, None)[:4]
    else:
        starts, ends, axes, steps = (node.get(name, None) for name in ("starts", "ends", "axes", "steps"))
    axes = range(len(starts)) if axes is None else axes
    for index, axis in enumerate(axes):
        axis, size = int(axis) % rank, stream.order.shape[int(axis)]
        step = 1 if steps is None else int(steps[index])
        if step < 1:
            raise node.error(f"step {step} is not supported; only steps forwards are")
        start, stop, _ = slice(int(starts[index]), int(ends[index])).indices(size)
        if start >= stop:
            raise node.error("leaves nothing of its input")
        if (start, stop, step) != (0, size, 1):
            stream = _cut(node, builder, stream, axis, start, stop, step)
    return stream


@operator("Pad", limits="constant, height and width only (negative: cut), with a value on the grid of its input")
def _pad(node, inputs, builder):
    if node.get("mode", "constant") != "constant":
        raise node.error(f"mode={node.get('mode', 'constant')} is not supported; only constant is")
    stream = builder.stream(node, inputs[0])
    rank = stream.order.ndim
    extra = [value.value if isinstance(value, Constant) else None for value in inputs[1:]]
    pads = np.array(node.attributes["pads"]) if "pads" in node.attributes else extra[0] if extra else None
    if pads is None:
        raise node.error("its pads must be constant")
    if len(extra) > 2 and extra[2] is not None:
        full = np.zeros(2 * rank, dtype=np.int64)
        axes = extra[2] % rank
        full[[*axes, *(axes + rank)]] = pads
        pads = full
    value = float(extra[1].reshape(())) if len(extra) > 1 and extra[1] is not None else float(node.get("value", 0.0))
    if not np.any(pads):
        return stream
    before, after = pads[:rank], pads[rank:]
    last = rank > 2 and bool(before[1] or after[1]) and _channels_last(builder, stream, rank - 1)
    if last:
        stream = replace(stream, order=np.moveaxis(stream.order, -1, 1))
        before, after = (np.array([side[0], side[-1], *side[1:-1]]) for side in (before, after))
    if rank < 3 or np.any(before[:2]) or np.any(after[:2]):
        raise node.error(f"pads {pads.tolist()} are not supported; only height and width can be padded")
    for axis in range(2, rank):
        if min(before[axis], after[axis]) < 0:
            stop = stream.order.shape[axis] + min(after[axis], 0)
            stream = _cut(node, builder, stream, axis, int(max(-before[axis], 0)), int(stop))
    before, after = np.maximum(before, 0), np.maximum(after, 0)
    stream = builder.settled(node, builder.as_map(node, stream))
    (top, left), (bottom, right) = ((0, *side[2:])[-2:] for side in (before, after))
    result = padded(node, builder, stream, (int(top), int(left), int(bottom), int(right)), value_of(node, value, *stream.affine))
    return replace(result, order=np.moveaxis(result.order, 1, -1) if last else result.order)
