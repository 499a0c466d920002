"""Models whose tensors are integers: what ONNX Runtime's quantiser writes, and single operators of that kind."""

import numpy as np
import onnx
import onnxruntime
import pytest
from graphs import Writer, execute
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate


class Calibration(CalibrationDataReader):
    def __init__(self, inputs):
        self.rows = iter([{"x": x} for x in inputs])

    def get_next(self):
        return next(self.rows, None)


def float_network(rng):
    """Two convolutions around a residual, a mean, a dense layer; in float."""
    w = Writer((3, 8, 8), opset=17)
    x = w.node("Conv", "x", np.float32(rng.normal(0, 0.3, (4, 3, 3, 3))), np.float32(rng.normal(0, 0.3, 4)), pads=[1] * 4)
    x = w.node("Relu", x)
    y = w.node("Conv", x, np.float32(rng.normal(0, 0.3, (4, 1, 3, 3))), pads=[1] * 4, group=4)
    x = w.node("MaxPool", w.node("Add", x, y), kernel_shape=[2, 2], strides=[2, 2])
    x = w.node("Conv", x, np.float32(rng.normal(0, 0.3, (6, 4, 1, 1))))
    x = w.node("Flatten", w.node("GlobalAveragePool", x))
    return w.model(w.node("MatMul", x, np.float32(rng.normal(0, 0.3, (6, 5)))))


def branching_network(rng):
    """A concatenation, constants added and multiplied, a mean, dense layers, a softmax; in float."""
    w = Writer((3, 8, 8), opset=17)
    x = w.node("Relu", w.node("Conv", "x", np.float32(rng.normal(0, 0.3, (4, 3, 3, 3))), pads=[1] * 4))
    y = w.node("Sigmoid", w.node("Conv", x, np.float32(rng.normal(0, 0.3, (2, 4, 1, 1)))))
    x = w.node("Concat", x, w.node("LeakyRelu", y, alpha=0.1), axis=1)
    x = w.node("Mul", w.node("Add", x, np.float32(rng.normal(0, 1, (1, 6, 1, 1)))), np.float32(rng.normal(0, 1, (1, 6, 1, 1))))
    x = w.node("AveragePool", w.node("Conv", x, np.float32(rng.normal(0, 0.3, (4, 6, 3, 3)))), kernel_shape=[3, 3], strides=[3, 3])
    x = w.node("Gemm", w.node("Flatten", x), np.float32(rng.normal(0, 0.3, (16, 6))), np.float32(rng.normal(0, 0.3, 6)))
    x = w.node("Gemm", x, np.float32(rng.normal(0, 0.3, (5, 6))), np.float32(rng.normal(0, 0.3, 5)), transB=1, alpha=0.5)
    return w.model(w.node("Softmax", x, axis=1))


@pytest.mark.parametrize("make", [float_network, branching_network])
@pytest.mark.parametrize("form", [QuantFormat.QOperator, QuantFormat.QDQ])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("activations", [QuantType.QUInt8, QuantType.QInt8])
def test_what_the_quantiser_of_onnxruntime_writes(tmp_path, make, form, per_channel, activations):
    rng = np.random.default_rng(1)
    onnx.save(make(rng), tmp_path / "float.onnx")
    inputs = np.float32(rng.normal(0, 1, (24, 1, 3, 8, 8)))
    quantize_static(
        str(tmp_path / "float.onnx"), str(tmp_path / "q.onnx"), Calibration(inputs[:16]), quant_format=form, per_channel=per_channel,
        activation_type=activations, weight_type=QuantType.QInt8,
        reduce_range=True,  # onnxruntime's kernels for some processors overflow with weights of 8 bits
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # node by node
    session = onnxruntime.InferenceSession(str(tmp_path / "q.onnx"), options)
    expected = np.concatenate([session.run(None, {"x": x})[0] for x in inputs])
    network = load_network(tmp_path / "q.onnx")
    report = evaluate(network, {"inputs": np.concatenate(inputs), "outputs": expected})
    assert report.mismatching_values == 0


def integer_node(op, x, parameters, shape, opset=13, **attributes):
    """A model of one node on the integers ``x`` (their type is the input's), and a Cast of its result."""
    constants = [numpy_helper.from_array(np.asarray(value), f"c{i}") for i, value in enumerate(parameters)]
    names = ["x", *(constant.name for constant in constants)]
    nodes = [helper.make_node(op, names, ["sum"], name="product", **attributes), helper.make_node("Cast", ["sum"], ["y"], to=1)]
    element = TensorProto.UINT8 if x == np.uint8 else TensorProto.INT8
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", element, shape)], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def test_integer_products(tmp_path):
    rng = np.random.default_rng(2)
    weights = rng.integers(0, 256, (3, 2, 2, 2)).astype(np.uint8)
    cases = [
        ("ConvInteger", (1, 2, 5, 5), (weights, np.uint8(7), np.uint8(128)), dict(pads=[1, 0, 1, 0])),
        ("MatMulInteger", (1, 6), (rng.integers(0, 256, (6, 4)).astype(np.uint8), np.uint8(3), np.uint8(100)), {}),
    ]
    for op, shape, parameters, attributes in cases:
        model = integer_node(op, np.uint8, parameters, shape, **attributes)
        onnx.save(model, tmp_path / "m.onnx")
        x = rng.integers(0, 256, (5, *shape)).astype(np.uint8)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        expected = np.concatenate([session.run(None, {"x": one})[0] for one in x])
        network = load_network(tmp_path / "m.onnx")
        assert evaluate(network, {"inputs": np.concatenate(x), "outputs": expected}).mismatching_values == 0


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL"])
@pytest.mark.parametrize("version", [1, 2])
def test_truncation_behind_a_mean(tmp_path, mode, version):
    rng = np.random.default_rng(3)
    w = Writer((2, 4, 4))
    x = w.node("AveragePool", w.quant("x", 0.25, bits=4), kernel_shape=[2, 2], strides=[2, 2])
    x = w.node("Mul", x, np.float32(4))
    bits = [np.float32(6)] if version == 1 else [np.float32(6), np.float32(1)]
    attributes = dict(rounding_mode=mode) if version == 1 else dict(rounding_mode=mode, signed=1, narrow=0)
    x = w.node("Trunc", x, np.float32(0.25), np.float32(0), *bits, np.float32(4), **attributes)
    model = w.model(x)
    node = next(n for n in model.graph.node if n.op_type == "Trunc")
    node.domain = w.domain
    if version == 2:
        next(o for o in model.opset_import if o.domain == w.domain).version = 2
    onnx.save(model, tmp_path / "m.onnx")
    inputs = np.float32(rng.normal(0, 1, (4, 1, 2, 4, 4)))
    report = evaluate(load_network(tmp_path / "m.onnx"), {"inputs": np.concatenate(inputs), "outputs": execute(model, inputs)})
    assert report.mismatching_values == 0


def test_xnor_popcount(tmp_path):
    rng = np.random.default_rng(4)
    w = Writer((6,))
    x = w.quant("x", bits=1, signed=0)
    x = w.node("XnorPopcountMatMul", x, np.float32(rng.integers(0, 2, (6, 3))))
    model = w.model(w.node("MultiThreshold", x, np.float32([[2, 4]]), out_dtype="UINT2"))
    next(n for n in model.graph.node if n.op_type == "XnorPopcountMatMul").domain = w.domain
    onnx.save(model, tmp_path / "m.onnx")
    inputs = np.float32(rng.integers(0, 2, (8, 1, 6)))
    report = evaluate(load_network(tmp_path / "m.onnx"), {"inputs": np.concatenate(inputs), "outputs": execute(model, inputs)})
    assert report.mismatching_values == 0
    assert len(np.unique(report.outputs)) > 1
