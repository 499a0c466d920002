"""Operators that join streams: sums, products, concatenation."""

from dataclasses import replace

import numpy as np

from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.chain import applied
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.sums import common_unit
from finnr_rtl.frontend.values import Constant, HostValue, Stream
from finnr_rtl.network.functions import Function
from finnr_rtl.network.layers import Add, Concat, Multiply, Upsample

__all__ = ["product", "total"]


def _operands(inputs):
    """(stream, constant, whether the stream comes first) of an operator with one of each; None with two streams."""
    for first, second, leads in ((*inputs, True), (*inputs[::-1], False)):
        if isinstance(second, Constant):
            return first, second.value, leads
    return None


def _spread(node: Node, builder: Builder, stream: Stream, shape: tuple[int, ...]) -> Stream:
    """``stream`` broadcast to the model's tensor of ``shape``: a value per channel repeated for all pixels."""
    if stream.order.shape == shape:
        return stream
    if len(shape) not in (3, 4) or stream.order.shape != (1, shape[1], *[1] * (len(shape) - 2)):
        raise node.error(f"joins streams of shapes {stream.order.shape} and {shape}; equal shapes, or one value per channel, expected")
    stream = builder.as_map(node, stream)
    factors = (1, *shape[2:])[-2:]
    layer = Upsample(builder.layer_name(node), (stream.producer,), stream.shape, builder.type_of(stream.producer), factors)
    order = np.arange(np.prod(layer.output_shape)).reshape(layer.output_shape).transpose(2, 0, 1).reshape(shape)
    return replace(stream, producer=builder.add(layer), shape=layer.output_shape, order=order, sole=True)


def _together(node: Node, builder: Builder, values) -> list[Stream]:
    """Streams of one shape whose elements travel in the same order, each with nothing but scale and bias."""
    streams = [builder.stream(node, value) for value in values]
    shape = np.broadcast_shapes(*(stream.order.shape for stream in streams))
    streams = [_spread(node, builder, stream, shape) for stream in streams]
    fixed = next((stream for stream in streams if not stream.raw), None)
    streams = [builder.placed(s, *(() if fixed is None else (fixed.order, fixed.shape))) for s in streams]
    streams = [builder.settled(node, stream) for stream in streams]
    if any(not np.array_equal(stream.order, streams[0].order) for stream in streams):
        raise node.error("joins streams whose elements travel in different orders; remove the reshape or transpose of one of them")
    for shape in (streams[0].shape, streams[-1].shape, (1, 1, streams[0].order.size)):
        viewed = [stream.viewed(shape) for stream in streams]
        if all(viewed):
            return viewed
    raise node.error("joins streams whose scales differ from pixel to pixel")


def total(node: Node, builder: Builder, first, second, negative: bool = False) -> Stream:
    """The sum (difference, where ``negative``) of two streams."""
    streams = _together(node, builder, (first, second))
    terms = [streams[0], applied(node, streams[1], "Mul", value=-1) if negative else streams[1]]
    channels = terms[0].channels
    (scale, bias), (other, more) = (term.affine for term in terms)
    if np.any(scale == 0) or np.any(other == 0):
        raise node.error("one of its inputs is multiplied by zero in some channel; remove that channel")
    try:
        multipliers, unit = common_unit(scale, other)
    except ValueError as error:
        raise node.error(f"joins streams of scales too far apart ({error}); quantise both terms to similar scales") from None
    types = [builder.type_of(term.producer) for term in terms]
    sources = tuple(term.producer for term in terms)
    offsets = np.zeros(channels, dtype=np.int64)
    layer = Add(builder.layer_name(node), sources, terms[0].shape, types[0], (types[1],), multipliers, offsets)
    low, high = layer.accumulator_range
    return Stream(
        builder.add(layer), layer.output_shape, terms[0].order, _same(unit), _same(bias + more), low, high,
        terms=tuple(terms),
    )


def _same(values: np.ndarray) -> np.ndarray:
    """One value where all are equal."""
    return np.float64(values[0]) if np.all(values == values[0]) else values


def product(node: Node, builder: Builder, first, second) -> Stream:
    """The product of two streams, value by value."""
    terms = _together(node, builder, (first, second))
    scales, zeros = [], []
    for term in terms:
        scale, bias = term.affine
        zero = -bias / scale
        whole = np.round(zero)
        if np.any(np.abs(zero - whole) > 1e-6 * np.maximum(np.abs(zero), 1)) or np.any(whole != whole[0]):
            raise node.error("multiplies streams, one of which has no integer that stands for zero; quantise it with zero on the grid")
        scales.append(scale)
        zeros.append(int(whole[0]))
    types = [builder.type_of(term.producer) for term in terms]
    sources = tuple(term.producer for term in terms)
    layer = Multiply(builder.layer_name(node), sources, terms[0].shape, types[0], (types[1],), tuple(zeros))
    low, high = layer.accumulator_range
    scale = _same(scales[0] * scales[1])
    return Stream(builder.add(layer), layer.output_shape, terms[0].order, scale, np.float64(0), low, high)


def _of_itself(node: Node, op: str, first, second) -> Stream | None:
    """Two functions of the same integers joined by ``op``, as one function of these; None where they are not.

    Sums and products of affine ones are left to layers, which take any range.
    """
    if not isinstance(first, Stream) or not isinstance(second, Stream) or first.producer != second.producer:
        return None
    same = first.shape == second.shape and np.array_equal(first.order, second.order) and first.raw == second.raw
    same = same and np.array_equal(first.scale, second.scale) and np.array_equal(first.bias, second.bias)
    if not same or op in ("Add", "Sub", "Mul") and first.affine and second.affine:
        return None
    return replace(first, chain=(Function(op, {}, node.name, (first.chain, second.chain)),), terms=())


@operator("Add", limits="a constant, or two streams")
def _add(node, inputs, builder):
    found = _operands(inputs)
    if found:
        return applied(node, found[0], "Add", value=found[1])
    return _of_itself(node, "Add", *inputs) or total(node, builder, *inputs)


@operator("Sum", "Mean", limits="as Add, of any number")
def _sum(node, inputs, builder):
    result = inputs[0]
    for value in inputs[1:]:
        result = _add(node, (result, value), builder)
    return result if node.op == "Sum" else applied(node, result, "Div", value=len(inputs))


@operator("Sub", limits="a constant, or two streams")
def _sub(node, inputs, builder):
    found = _operands(inputs)
    if not found:
        return _of_itself(node, "Sub", *inputs) or total(node, builder, *inputs, negative=True)
    value, constant, leads = found
    if leads:
        return applied(node, value, "Add", value=-constant)
    return applied(node, applied(node, value, "Mul", value=-1), "Add", value=constant)


@operator("Mul", limits="a constant, or two streams")
def _mul(node, inputs, builder):
    found = _operands(inputs)
    if found:
        return applied(node, found[0], "Mul", value=found[1])
    return _of_itself(node, "Mul", *inputs) or product(node, builder, *inputs)


@operator("Div", limits="by a constant; a constant by a stream")
def _div(node, inputs, builder):
    found = _operands(inputs)
    if not found:
        result = _of_itself(node, "Div", *inputs)
        if result is None:
            raise node.error("divides one stream by another; only division by a constant, or of functions of one stream, is supported")
        return result
    value, constant, leads = found
    if not leads:
        return applied(node, applied(node, value, "Reciprocal"), "Mul", value=constant)
    if np.any(constant == 0):
        raise node.error("divides by zero")
    return applied(node, value, "Div", value=constant)


@operator("Max", "Min", limits="constants, or two functions of one stream")
def _extreme(node, inputs, builder):
    result = inputs[0]
    for value in inputs[1:]:
        found = _operands((result, value))
        if found:
            bounds = {"low": found[1], "high": np.inf} if node.op == "Max" else {"low": -np.inf, "high": found[1]}
            result = applied(node, found[0], "Clip", **bounds)
        else:
            result = _of_itself(node, node.op, result, value)
            if result is None:
                raise node.error("compares two streams, which is not supported; compare one with a constant, or join them by a sum")
    return result


def _joined(streams: list[Stream], channels: list[int], part: str) -> np.ndarray:
    """Scale or bias of each channel of the concatenation."""
    values = [np.broadcast_to(getattr(s, part), c) for s, c in zip(streams, channels, strict=True)]
    return _same(np.concatenate(values))


def _joined_chain(node: Node, builder: Builder, streams: list[Stream], channels: list[int]):
    """Streams and the chain that all of them wait for, with arguments per channel of the concatenation."""
    forms = {tuple((f.op, *f.args) for f in stream.chain) for stream in streams}
    if len(forms) > 1 or any(function.branches for function in streams[0].chain):
        # Different functions: they are folded into scale and bias, or made integers, stream by stream.
        settled = []
        for stream in streams:
            stream = builder.settled(node, stream)
            scale, bias = stream.affine
            settled.append(replace(stream, scale=scale, bias=bias, chain=()))
        return settled, ()
    chain = []
    for functions in zip(*(stream.chain for stream in streams), strict=True):
        args = {
            name: _same(np.concatenate([np.broadcast_to(f.args[name], c) for f, c in zip(functions, channels, strict=True)]))
            for name in functions[0].args
        }
        chain.append(replace(functions[0], args={name: np.asarray(arg, dtype=np.float32) for name, arg in args.items()}))
    return streams, tuple(chain)


@operator("Concat", limits="of channels, or of features", constants=True)
def _concat(node, inputs, builder):
    axis = node.get("axis", 1)
    if all(isinstance(value, Constant) for value in inputs):
        return Constant(np.concatenate([value.value for value in inputs], axis=axis))
    if any(isinstance(value, HostValue | Constant) for value in inputs):
        raise node.error("joins streams with constants or with what only the host computes; all inputs must be streams")
    streams = [builder.stream(node, value) for value in inputs]
    rank = streams[0].order.ndim
    axis %= rank
    if axis == 0:
        raise node.error("joins along the batch, which is not supported")
    if rank > 2 and axis == 1:
        streams = [builder.as_map(node, stream) for stream in streams]
    else:
        streams = [_last_axis(node, builder, stream, axis) for stream in streams]
    channels = [stream.channels for stream in streams]
    streams, chain = _joined_chain(node, builder, streams, channels)
    sizes = {stream.shape[:2] for stream in streams}
    if len(sizes) > 1:
        raise node.error("joins streams of different height or width")
    types = [builder.type_of(stream.producer) for stream in streams]
    sources = tuple(stream.producer for stream in streams)
    layer = Concat(builder.layer_name(node), sources, streams[0].shape, types[0], tuple(channels[1:]), tuple(types[1:]))
    # Where each element of the streams, one behind the other, comes to lie.
    starts = np.cumsum([0, *(stream.order.size for stream in streams)])
    numbered = [start + np.arange(s.order.size).reshape(1, *s.shape) for start, s in zip(starts, streams, strict=False)]
    place = np.argsort(layer.reference(*numbered), axis=None)
    order = place[np.concatenate([start + stream.order for start, stream in zip(starts, streams, strict=False)], axis=axis)]
    low, high = min(stream.low for stream in streams), max(stream.high for stream in streams)
    scale, bias = (_joined(streams, channels, part) for part in ("scale", "bias"))
    return Stream(builder.add(layer), layer.output_shape, order, scale, bias, low, high, chain)


def _last_axis(node: Node, builder: Builder, stream: Stream, axis: int) -> Stream:
    """``stream`` as a map whose channels are the model's last axis, or as one pixel where it is a vector."""
    shape = stream.order.shape
    if axis != len(shape) - 1:
        raise node.error(f"joins along axis {axis} of tensors of shape {shape}; channels or features expected")
    rows, columns = (shape[1], shape[2]) if len(shape) == 4 else (1, shape[1] if len(shape) == 3 else 1)
    wanted = (rows, columns, shape[-1])
    stream = builder.placed(stream, np.arange(stream.order.size), wanted)
    viewed = stream.viewed(wanted)
    if viewed is None or rows * columns > 1 and not np.array_equal(stream.order.reshape(-1), np.arange(stream.order.size)):
        raise node.error("a reshape or transpose before it mixes pixels and channels in a way that no stream order follows")
    return viewed
