"""Operators on tensors of integers, as quantisers of finished networks write them: ConvInteger, QLinearConv and their kind.

Each is taken apart into the steps it stands for: integers less their zero point, a product, a scale, a quantiser.
"""

from dataclasses import replace

import numpy as np

from finnr_rtl.datatypes import smallest
from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.chain import applied
from finnr_rtl.frontend.convolution import convolution
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.linear import dequantised, quantised_linear
from finnr_rtl.frontend.matrix import constant, matmul
from finnr_rtl.frontend.operators import OPERATORS, operator
from finnr_rtl.frontend.quantisers import linear_parameters
from finnr_rtl.frontend.values import Constant, Stream


def _centred(node: Node, builder: Builder, value, zero_point) -> Stream:
    """The integers of a stream less their zero point."""
    if zero_point is not None and (not isinstance(zero_point, Constant) or zero_point.value.size != 1):
        raise node.error("the zero point of its input must be one constant")
    zero = np.zeros(()) if zero_point is None else zero_point.value.astype(np.float32).reshape(())
    return dequantised(node, builder.stream(node, value), np.float32(1), np.float32(zero))


def _weights(node: Node, value, zero_point, axis: int) -> Constant:
    """Weights less their zero point, which may differ along ``axis``."""
    if not isinstance(value, Constant) or not isinstance(zero_point, Constant | None):
        raise node.error("its weights and their zero point must be constant")
    integers = value.value.astype(np.int64)
    if zero_point is not None:
        zero = zero_point.value.astype(np.int64)
        integers = integers - (zero.reshape([-1 if i == axis else 1 for i in range(integers.ndim)]) if zero.size > 1 else zero.reshape(()))
    dtype = smallest(int(integers.min()), int(integers.max()))
    return Constant(integers.astype(np.float32), integers, np.ones(integers.shape), dtype)


def _requantised(node: Node, builder: Builder, sums: Stream, scales, zero_point, channel_shape, alpha: float = 1.0) -> Stream:
    """Sums times ``alpha * x_scale * w_scale / y_scale``, computed in this order in float32 as onnxruntime does, as integers.

    Without a y_scale the product is real.
    """
    if any(not isinstance(value, Constant) for value in scales[:2]) or not isinstance(scales[2], Constant | None):
        raise node.error("its scales must be constant")
    x_scale, w_scale = (value.value.astype(np.float32).reshape(-1) for value in scales[:2])
    factor = np.float32(alpha) * x_scale * w_scale
    factor = factor if scales[2] is None else factor / scales[2].value.astype(np.float32).reshape(-1)
    factor = factor.reshape(channel_shape) if factor.size > 1 else factor.reshape(())
    if scales[2] is None:
        return applied(node, sums, "Mul", value=factor)
    _, zero, bounds = linear_parameters(node, scales[2], zero_point, sums.order.ndim, 0)
    return quantised_linear(node, builder, applied(node, sums, "Mul", value=factor), np.float32(1), zero, bounds)


@operator("ConvInteger", limits="as Conv")
def _conv_integer(node, inputs, builder):
    x, w, x_zero, w_zero = (*inputs, None, None)[:4]
    return convolution(node, builder, _centred(node, builder, x, x_zero), _weights(node, w, w_zero, 0))


@operator("MatMulInteger", limits="as MatMul, the second input constant")
def _matmul_integer(node, inputs, builder):
    a, b, a_zero, b_zero = (*inputs, None, None)[:4]
    return matmul(node, builder, _centred(node, builder, a, a_zero), None, _weights(node, b, b_zero, 1))


@operator("QLinearConv", limits="as Conv")
def _qlinear_conv(node, inputs, builder):
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias = (*inputs, None)[:9]
    sums = convolution(node, builder, _centred(node, builder, x, x_zero), _weights(node, w, w_zero, 0))
    if bias is not None:
        if not isinstance(bias, Constant):
            raise node.error("its bias must be constant")
        sums = replace(sums, bias=sums.bias + bias.value.astype(np.float64))
    shape = (1, -1, *[1] * (sums.order.ndim - 2))
    return _requantised(node, builder, sums, (x_scale, w_scale, y_scale), y_zero, shape)


@operator("QLinearMatMul", limits="as MatMul, the second input constant")
def _qlinear_matmul(node, inputs, builder):
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = inputs[:8]
    sums = matmul(node, builder, _centred(node, builder, a, a_zero), None, _weights(node, b, b_zero, 1))
    return _requantised(node, builder, sums, (a_scale, b_scale, y_scale), y_zero, (-1,))


@operator("QGemm", limits="transA=0, the second input and the bias constant")
def _qgemm(node, inputs, builder):
    a, a_scale, a_zero, b, b_scale, b_zero, bias, y_scale, y_zero = (*inputs, None, None, None)[:9]
    if node.get("transA", 0):
        raise node.error("transA=1 is not supported; export it with transA=0")
    turned = bool(node.get("transB", 0))
    weights = _weights(node, b, b_zero, 0 if turned else 1)
    weights = weights.relabelled(np.transpose) if turned else weights
    sums = matmul(node, builder, _centred(node, builder, a, a_zero), None, weights)
    if bias is not None:
        sums = applied(node, sums, "Add", value=constant(node, bias))
    return _requantised(node, builder, sums, (a_scale, b_scale, y_scale), y_zero, (-1,), node.get("alpha", 1.0))


def _real(node: Node, builder: Builder, value, scale, zero_point):
    """The real values that a tensor of integers stands for."""
    rank = value.value.ndim if isinstance(value, Constant) else builder.stream(node, value).order.ndim
    return dequantised(node, value, *linear_parameters(node, scale, zero_point, rank, 1)[:2])


def _whole(node: Node, builder: Builder, value, scale, zero_point):
    """Real values as integers."""
    return quantised_linear(node, builder, value, *linear_parameters(node, scale, zero_point, 0, 1))


def _as_real(node: Node, values, builder: Builder):
    """What the operator of the same name without QLinear makes of real values."""
    return OPERATORS[node.op.removeprefix("QLinear")].handler(node, values, builder)


@operator("QLinearAdd", "QLinearMul", limits="a constant, or two streams")
def _qlinear_join(node, inputs, builder):
    terms = [_real(node, builder, *inputs[start : start + 3]) for start in (0, 3)]
    return _whole(node, builder, _as_real(node, terms, builder), *inputs[6:8])


@operator("QLinearConcat", limits="as Concat")
def _qlinear_concat(node, inputs, builder):
    parts = [_real(node, builder, *inputs[start : start + 3]) for start in range(2, len(inputs), 3)]
    return _as_real(node, [_whole(node, builder, part, *inputs[:2]) for part in parts], builder)


@operator("QLinearAveragePool", "QLinearGlobalAveragePool", limits="channels first")
def _qlinear_pool(node, inputs, builder):
    if node.get("channels_last", 0):
        raise node.error("channels_last=1 is not supported; export it with channels first")
    return _whole(node, builder, _as_real(node, [_real(node, builder, *inputs[:3])], builder), *inputs[3:5])


@operator("QLinearLeakyRelu", "QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax", limits="as the operator on real values")
def _qlinear_function(node, inputs, builder):
    return _whole(node, builder, _as_real(node, [_real(node, builder, *inputs[:3])], builder), *inputs[3:5])
