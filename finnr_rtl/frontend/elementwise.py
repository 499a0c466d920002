"""Operators that act on each value by itself: they wait in a stream's chain until a quantiser or the output asks for them."""

from dataclasses import replace

import numpy as np

from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.relabel import bare
from finnr_rtl.frontend.values import Constant, HostValue
from finnr_rtl.network.functions import Function

__all__ = ["applied"]


def applied(node: Node, value, op: str, /, **args):
    """``value`` put through function ``op`` of the table; ``args`` are scalars or broadcast to the model's tensor."""
    args = {name: np.asarray(argument, dtype=np.float32) for name, argument in args.items()}
    shape = value.shape if isinstance(value, HostValue) else value.order.shape
    for argument in args.values():
        try:
            fits = np.broadcast_shapes(argument.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise node.error(f"a constant of shape {argument.shape} does not fit a stream of shape {shape}")
    if isinstance(value, HostValue):
        spread = {name: np.broadcast_to(argument, shape).reshape(bare(shape)) for name, argument in args.items()}
        return value.then({"op": op, **spread})
    stream, placed = value.aligned(list(args.values()))
    function = Function(op, dict(zip(args, placed, strict=True)), node.name)
    return replace(stream, chain=(*stream.chain, function))


def _operands(node: Node, inputs):
    """(stream, constant, whether the stream comes first) of an operator with one of each."""
    for first, second, leads in ((*inputs, True), (*inputs[::-1], False)):
        if isinstance(second, Constant):
            return first, second.value, leads
    raise node.error("combines two streams, which is not supported yet; one side must be constant")


@operator("Add", limits="one side constant")
def _add(node, inputs, builder):
    value, constant, _ = _operands(node, inputs)
    return applied(node, value, "Add", value=constant)


@operator("Sub", limits="one side constant")
def _sub(node, inputs, builder):
    value, constant, leads = _operands(node, inputs)
    if leads:
        return applied(node, value, "Add", value=-constant)
    return applied(node, applied(node, value, "Mul", value=-1), "Add", value=constant)


@operator("Mul", limits="one side constant")
def _mul(node, inputs, builder):
    value, constant, _ = _operands(node, inputs)
    return applied(node, value, "Mul", value=constant)


@operator("Div", limits="by a constant")
def _div(node, inputs, builder):
    value, constant, leads = _operands(node, inputs)
    if not leads:
        raise node.error("divides a constant by a stream, which is not monotone; only division by a constant is supported")
    if np.any(constant == 0):
        raise node.error("divides by zero")
    return applied(node, value, "Div", value=constant)


@operator("Neg")
def _neg(node, inputs, builder):
    return applied(node, inputs[0], "Mul", value=-1)


@operator("BatchNormalization", limits="inference mode, constant statistics")
def _batch_normalization(node, inputs, builder):
    value, parameters = inputs[0], inputs[1:5]
    if node.get("training_mode", 0) or len(parameters) < 4 or any(not isinstance(p, Constant) for p in parameters):
        raise node.error("its statistics must be constant; export the model for inference")
    rank = len(value.shape if isinstance(value, HostValue) else value.order.shape)
    scale, offset, mean, variance = (np.float32(p.value).reshape(1, -1, *[1] * (rank - 2)) for p in parameters)
    variance = variance + np.float32(node.get("epsilon", 1e-5))
    if np.any(variance <= 0):
        raise node.error("a variance plus epsilon is not positive")
    # The order of these operations is that of onnxruntime's kernel, so the roundings are too.
    slope = scale * (np.float32(1) / np.sqrt(variance))
    return applied(node, value, "ScaleShift", slope=slope, offset=offset - mean * slope)


@operator("Relu")
def _relu(node, inputs, builder):
    return applied(node, inputs[0], "Relu")


@operator("LeakyRelu", limits="alpha of 0 or more")
def _leaky_relu(node, inputs, builder):
    alpha = node.get("alpha", 0.01)
    if alpha < 0:
        raise node.error(f"alpha={alpha} makes it not monotone; 0 or more is supported")
    return applied(node, inputs[0], "LeakyRelu", alpha=alpha)


@operator("Sigmoid")
def _sigmoid(node, inputs, builder):
    return applied(node, inputs[0], "Sigmoid")


@operator("Tanh")
def _tanh(node, inputs, builder):
    return applied(node, inputs[0], "Tanh")


@operator("Clip", limits="constant bounds")
def _clip(node, inputs, builder):
    bounds = []
    for index, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), start=1):
        bound = inputs[index] if len(inputs) > index else None
        if bound is None:
            bounds.append(node.get(name, default))
        elif isinstance(bound, Constant) and bound.value.size == 1:
            bounds.append(bound.value.reshape(()))
        else:
            raise node.error(f"its {name} must be one constant")
    return applied(node, inputs[0], "Clip", low=bounds[0], high=bounds[1])
