"""Operators that act on each value by itself: they wait in a stream's chain until a quantiser or the output asks for them."""

import numpy as np

from finnr_rtl.frontend.chain import applied
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.quantise import quantised
from finnr_rtl.frontend.quantisers import Whole
from finnr_rtl.frontend.values import Constant, HostValue, Stream


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


def _within(value, low, high) -> bool:
    """Whether no value of a stream lies outside [``low``, ``high``], so that clipping changes nothing."""
    if not isinstance(value, Stream) or np.any(np.isnan(value.direction)) or np.size(low) > 1 or np.size(high) > 1:
        return False
    ends = value.evaluate(np.array([[value.low], [value.high]]) + np.zeros(value.channels, dtype=np.int64))
    return bool(np.all((ends >= low) & (ends <= high)))


@operator("Relu")
def _relu(node, inputs, builder):
    if _within(inputs[0], 0, np.inf):
        return inputs[0]
    return applied(node, inputs[0], "Relu")


@operator("LeakyRelu", limits="a negative alpha is not monotone")
def _leaky_relu(node, inputs, builder):
    return applied(node, inputs[0], "LeakyRelu", alpha=node.get("alpha", 0.01))


@operator("PRelu", limits="constant slopes; negative ones are not monotone")
def _p_relu(node, inputs, builder):
    if not isinstance(inputs[1], Constant):
        raise node.error("its slopes must be constant")
    return applied(node, inputs[0], "LeakyRelu", alpha=inputs[1].value)


@operator("Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "Exp", "Log", "Sqrt", "Sign", "Floor", "Ceil", "Round")
def _plain(node, inputs, builder):
    return applied(node, inputs[0], node.op.removeprefix("QLinear"))


@operator("Abs", "HardSwish", "Mish", "Reciprocal", limits="not monotone: over 4096 integers, or with 256 runs of equal results")
def _bent(node, inputs, builder):
    return applied(node, inputs[0], node.op)


@operator("Gelu", limits="not monotone: over 4096 integers, or with 256 runs of equal results")
def _gelu(node, inputs, builder):
    return applied(node, inputs[0], "GeluTanh" if node.get("approximate", "none") == "tanh" else "Gelu")


@operator("Celu", "ThresholdedRelu", limits="a negative alpha is not monotone")
def _with_alpha(node, inputs, builder):
    return applied(node, inputs[0], node.op, alpha=node.get("alpha", 1.0))


@operator("Pow", limits="a constant exponent; other than odd ones are not monotone")
def _pow(node, inputs, builder):
    if not isinstance(inputs[1], Constant):
        raise node.error("its exponent must be constant")
    return applied(node, inputs[0], "Pow", exponent=inputs[1].value)


@operator("Elu")
def _elu(node, inputs, builder):
    return applied(node, inputs[0], "Elu", alpha=node.get("alpha", 1.0), gamma=1.0)


@operator("Selu")
def _selu(node, inputs, builder):
    alpha, gamma = node.get("alpha", 1.67326319217681884765625), node.get("gamma", 1.05070102214813232421875)
    return applied(node, inputs[0], "Selu", alpha=alpha, gamma=gamma)


@operator("HardSigmoid")
def _hard_sigmoid(node, inputs, builder):
    return applied(node, inputs[0], "HardSigmoid", alpha=node.get("alpha", 0.2), beta=node.get("beta", 0.5))


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
    if isinstance(inputs[0], Stream) and [f.op for f in inputs[0].chain[-1:]] == ["QuantizeLinear"]:
        # The narrower range of a quantiser whose integers are 8-bit numbers.
        last = inputs[0].chain[-1]
        low, high = max(int(last.args["low"]), int(bounds[0])), min(int(last.args["high"]), int(bounds[1]))
        return quantised(node, applied(node, inputs[0], "Clip", low=low, high=high), Whole(low, high), builder)
    if _within(inputs[0], *bounds):
        return inputs[0]
    return applied(node, inputs[0], "Clip", low=bounds[0], high=bounds[1])
