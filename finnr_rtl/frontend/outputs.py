"""The end of the network: class index, host functions, and the output port."""

from dataclasses import replace

import numpy as np

from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.relabel import bare
from finnr_rtl.frontend.values import Constant, HostValue, Stream, revised
from finnr_rtl.network.functions import Function
from finnr_rtl.network.layers import ArgMax
from finnr_rtl.network.network import OutputPort

__all__ = ["on_host", "output_port"]

# All values of an accumulator are checked up to this many.
_CHECKABLE = 1 << 22


def _per_element(stream: Stream, argument) -> np.ndarray:
    """An argument per channel as one per element of the model's tensor, batch left out; a scalar stays one."""
    full = revised(argument, stream.shape, stream.order.size)
    return full[stream.order].reshape(bare(stream.order.shape)) if np.ndim(full) else full


def _step(function: Function) -> dict:
    """A function as a step of the host."""
    branches = {"branches": tuple(tuple(map(_step, branch)) for branch in function.branches)} if function.branches else {}
    return {"op": function.op, **function.args, **branches}


def on_host(value, builder: Builder) -> HostValue:
    """``value`` as the host sees it: the affine begin of a stream's chain becomes scale and bias, the rest the tail."""
    if isinstance(value, HostValue):
        return value
    stream = builder.placed(value)
    scale, bias, chain = np.float64(stream.scale), np.float64(stream.bias), list(stream.chain)
    while chain and chain[0].affine is not None:
        slope, offset = chain.pop(0).affine
        scale, bias = scale * slope, bias * slope + offset
    tail = tuple(_step(f.mapped(lambda argument: _per_element(stream, argument))) for f in chain)
    return HostValue(replace(stream, scale=scale, bias=bias, chain=()), stream.order.shape, tail)


def output_port(name: str, value, builder: Builder) -> OutputPort:
    """The network's output named ``name``."""
    host = on_host(value, builder)
    stream = host.stream
    scale, bias = (np.asarray(_per_element(stream, part), dtype=np.float64).reshape(-1) for part in (stream.scale, stream.bias))
    scale, bias = (part[0] if np.all(part == part[0]) else part for part in (scale, bias))
    shape, order = bare(stream.order.shape), stream.order.reshape(-1)
    return OutputPort(name, stream.producer, shape, order, np.asarray(scale), np.asarray(bias), host.tail)


def _common_and_strict(stream: Stream) -> bool:
    """Whether all channels have one function that strictly rises over every integer, so that it makes and breaks no tie."""
    arguments = [stream.scale, stream.bias, *(arg for f in stream.chain for arg in f.arguments)]
    if any(np.ptp(argument) for argument in arguments) or stream.high - stream.low > _CHECKABLE:
        return False
    one = stream.viewed((1, stream.order.size, 1))
    real = one.evaluate(np.arange(stream.low, stream.high + 1)[:, None])[:, 0]
    return bool(np.all(np.diff(real) > 0))


def _greatest(node: Node, value, builder: Builder, axis: int, keep: bool):
    """Index of the greatest element along ``axis``: a layer where the integers decide alone, else a step of the host."""
    shape = value.shape if isinstance(value, HostValue) else value.order.shape
    axis = axis % len(shape)
    if isinstance(value, Stream):
        stream = builder.placed(value)
        count = shape[axis]
        places = np.moveaxis(stream.order, axis, -1)
        pixels = stream.shape if stream.shape[2] == count else (1, stream.order.size // count, count)
        inner = np.array_equal(places.reshape(-1), np.arange(stream.order.size))
        if inner and count > 1 and _common_and_strict(stream):
            layer = ArgMax(builder.layer_name(node), (stream.producer,), pixels, builder.type_of(stream.producer))
            producer = builder.add(layer)
            order = np.arange(np.prod(layer.output_shape)).reshape(places.shape[:-1])
            order = np.expand_dims(order, axis) if keep else order
            return Stream(producer, layer.output_shape, order, np.float64(1), np.float64(0), 0, count - 1)
    host = on_host(value, builder)
    after = [1 if i == axis else size for i, size in enumerate(shape) if keep or i != axis]
    return host.then({"op": "ArgMax", "axis": axis - len(shape), "keep": keep}, tuple(after))


@operator("ArgMax", limits="at the end; on the host where channels are scaled differently")
def _arg_max(node, inputs, builder):
    if node.get("select_last_index", 0):
        raise node.error("select_last_index=1 is not supported; the first of equals is taken")
    return _greatest(node, inputs[0], builder, node.get("axis", 0), bool(node.get("keepdims", 1)))


@operator("TopK", limits="k=1, largest, only the indices used, at the end")
def _top_k(node, inputs, builder):
    k = inputs[1].value if len(inputs) > 1 and isinstance(inputs[1], Constant) else node.get("k", 0)
    if np.size(k) != 1 or int(np.reshape(k, ())) != 1 or not node.get("largest", 1):
        raise node.error("only k=1 and largest=1 are supported")
    if node.outputs[0] in builder.uses:
        raise node.error("its values are used; only its indices are supported")
    return None, _greatest(node, inputs[0], builder, node.get("axis", -1), True)


@operator("Softmax", limits="at the end, on the host")
def _softmax(node, inputs, builder):
    host = on_host(inputs[0], builder)
    # A QLinearSoftmax says by itself which opset's rules it follows.
    rank, opset = len(host.shape), node.get("opset", builder.graph.opset)
    axis = node.get("axis", 1 if opset < 13 else -1) % rank
    # Up to opset 12 the axis begins the dimensions that are normalised together.
    last = rank if opset < 13 else axis + 1
    return host.then({"op": "Softmax", "axes": [i - rank for i in range(axis, last)]})
