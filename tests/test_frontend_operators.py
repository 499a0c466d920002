"""Single operators and short chains, against the float graph run by another executor, and the layers they become."""

import numpy as np
import onnx
import onnxruntime
import pytest
from graphs import ROUNDING_MODES, Writer, agree, kinds
from onnx import TensorProto

from finnr_rtl.frontend import supported
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import OPERATORS
from finnr_rtl.frontend.values import Constant, Stream
from finnr_rtl.network.layers import ArgMax, Threshold


def ramp(count, low, high):
    """One sample (1, count) of rising values, ties included."""
    return np.linspace(low, high, count, dtype=np.float32)[None, None]


@pytest.mark.parametrize("mode", ROUNDING_MODES)
@pytest.mark.parametrize(("signed", "narrow", "zero_point", "bits"), [
    (1, 0, 0, 4), (1, 1, 1, 4), (0, 0, 3, 3), (0, 1, 0, 4), (1, 1, 0, 2), (1, 0, 0, 1),
])
def test_every_rounding_mode_on_every_tie(load, mode, signed, narrow, zero_point, bits):
    w = Writer((161,))
    x = w.quant("x", 0.25, bits=8)
    x = w.node("Mul", x, np.float32(-0.5))
    model = w.model(w.quant(x, 0.5, zero_point, bits, signed, narrow, mode))
    network = load(model)
    assert kinds(network) == ["Threshold"]
    assert network.layers[0].thresholds.flip.all()
    outputs = agree(network, model, ramp(161, -20, 20))
    assert len(np.unique(outputs)) == network.layers[0].thresholds.steps + 1


def test_falling_channels_of_a_matrix_layer_are_negated(load):
    rng = np.random.default_rng(1)
    w = Writer((8,))
    x = w.quant("x", 0.5, bits=4)
    x = w.node("MatMul", x, w.quant(np.float32(rng.normal(0, 2, (8, 6))), 0.5, bits=4, narrow=1))
    x = w.batch_norm(x, [1, -1, 2, -2, 0, -0.3], rng.normal(0, 1, 6), rng.normal(0, 1, 6), rng.uniform(0.5, 2, 6))
    model = w.model(w.quant(x, 0.5, bits=3))
    network = load(model)
    assert kinds(network) == ["Conv"]
    assert not network.layers[0].thresholds.flip.any()
    agree(network, model, rng.normal(0, 3, (5, 1, 8)))


def test_rows_that_cannot_be_negated_fall(load):
    w = Writer((2,))
    x = w.quant("x", bits=4)
    x = w.node("MatMul", x, w.quant(np.float32([[-8, 1], [3, 1]]), bits=4))
    model = w.model(w.node("BipolarQuant", w.node("Neg", x), np.float32(1)))
    network = load(model)
    assert network.layers[0].thresholds.flip.tolist() == [True, False]
    agree(network, model, [[[a, b]] for a in range(-8, 8, 4) for b in range(-8, 8, 3)])


def test_scales_per_channel_that_are_multiples_become_weights(load):
    rng = np.random.default_rng(8)
    w = Writer((4,))
    x = w.quant("x", bits=4)
    x = w.node("MatMul", x, w.quant(np.float32(rng.normal(0, 3, (4, 3))), bits=3))
    x = w.quant(x, [[0.5, 1.0, 2.0]], bits=3)
    model = w.model(w.node("MatMul", x, w.quant(np.float32(rng.normal(0, 2, (3, 2))), bits=3)))
    network = load(model)
    assert network.layers[1].weight_type.bits > 3
    agree(network, model, rng.normal(0, 4, (5, 1, 4)))


def test_functions_per_position_behind_a_convolution(load):
    rng = np.random.default_rng(9)
    w = Writer((1, 3, 3))
    x = w.node("Conv", w.quant("x", bits=4), w.quant(np.float32(rng.normal(0, 2, (2, 1, 2, 2))), bits=3))
    x = w.node("Add", w.node("Flatten", x), np.float32(rng.normal(0, 3, (1, 8))))
    x = w.quant(x, bits=3)
    model = w.model(w.node("MatMul", x, w.quant(np.float32(rng.normal(0, 2, (8, 3))), bits=3)))
    network = load(model)
    assert kinds(network) == ["Conv", "Threshold", "Conv"]
    assert network.layers[1].input_shape == (1, 1, 8)
    agree(network, model, rng.normal(0, 4, (5, 1, 1, 3, 3)))


def test_one_result_with_two_readers(load):
    rng = np.random.default_rng(10)
    w = Writer((4,))
    x = w.node("MatMul", w.quant("x", bits=4), w.quant(np.float32(rng.normal(0, 3, (4, 3))), bits=3))
    first, second = w.quant(x, bits=2), w.quant(x, 2.0, bits=3)
    model = w.model(w.node("MatMul", second, w.quant(np.float32(rng.normal(0, 2, (3, 2))), bits=3)))
    assert kinds(load(model)) == ["Conv", "Conv"]  # the first quantiser leads nowhere
    w.node("Identity", first)
    model.graph.output.append(onnx.helper.make_tensor_value_info(first, TensorProto.FLOAT, None))
    network = load(model)
    assert [port.name for port in network.outputs] == [port.name for port in model.graph.output]
    assert kinds(network) == ["Conv", "Threshold", "Threshold", "Conv"]  # two quantisers read the first sums


def test_input_in_rows_columns_channels(load):
    rng = np.random.default_rng(11)
    w = Writer((5, 6, 2))
    x = w.node("Transpose", w.quant("x", bits=4), perm=[0, 3, 1, 2])
    x = w.node("Conv", x, w.quant(np.float32(rng.normal(0, 2, (3, 2, 3, 3))), bits=3), strides=[2, 1])
    x = w.quant(w.node("Transpose", x, perm=[0, 2, 3, 1]), [[[[1, 2, 4]]]], bits=3)
    model = w.model(x)
    network = load(model)
    assert network.input.shape == (5, 6, 2)
    assert np.array_equal(network.input.order, np.arange(60))
    agree(network, model, rng.normal(0, 4, (3, 1, 5, 6, 2)))


def test_dense_layers_over_pixels_and_from_the_left(load):
    rng = np.random.default_rng(12)
    w = Writer((5, 4))
    x = w.node("MatMul", w.quant("x", bits=4), w.quant(np.float32(rng.normal(0, 2, (4, 3))), bits=3))
    model = w.model(w.quant(x, bits=4))
    network = load(model)
    assert network.layers[0].output_shape == (1, 5, 3)
    agree(network, model, rng.normal(0, 4, (3, 1, 5, 4)))
    w = Writer((4, 5))
    model = w.model(w.node("MatMul", w.quant(np.float32(rng.normal(0, 2, (3, 4))), bits=3), w.quant("x", bits=4)))
    agree(load(model), model, rng.normal(0, 4, (3, 1, 4, 5)))


def test_flatten_of_a_map_permutes_weights(load):
    rng = np.random.default_rng(13)
    for order in ("flatten", "transpose"):
        w = Writer((2, 3, 4))
        x = w.quant("x", bits=4)
        x = w.node("Conv", x, w.quant(np.float32(rng.normal(0, 2, (3, 2, 1, 1))), bits=3))
        x = w.quant(x, bits=4)
        x = w.node("Transpose", x, perm=[0, 3, 1, 2]) if order == "transpose" else x
        x = w.node("Flatten", x)
        model = w.model(w.node("MatMul", x, w.quant(np.float32(rng.normal(0, 2, (36, 3))), bits=3)))
        agree(load(model), model, rng.normal(0, 4, (3, 1, 2, 3, 4)))


def test_the_exported_batch_is_taken_for_one(load):
    for batch in (1, 4, "N"):
        w = Writer((2, 3), batch=batch)
        x = w.node("Flatten", w.quant("x", bits=4)) if batch == "N" else w.reshape(w.quant("x", bits=4), [batch, 6])
        model = w.model(w.node("MatMul", x, w.quant(np.float32(np.arange(12).reshape(6, 2) % 5 - 2), bits=4)))
        network = load(model)
        assert network.input.model_shape == (2, 3)
        assert network.output.model_shape == (2,)


@pytest.mark.parametrize("op", ["ArgMax", "TopK"])
def test_class_index(load, op):
    rng = np.random.default_rng(14)
    for bias, expected in ((0.5, ["Conv", "ArgMax"]), (np.float32([0.5, 0, 1]), ["Conv"])):
        w = Writer((6,))
        x = w.node("MatMul", w.quant("x", bits=4), w.quant(np.float32(rng.normal(0, 2, (6, 3))), 0.3, bits=3))
        x = w.node("Add", w.node("Mul", x, np.float32(0.7)), np.float32(bias))
        if op == "ArgMax":
            y = w.node("ArgMax", x, axis=1)
        else:
            y = w.node("TopK", x, np.array([1], dtype=np.int64), outputs=2)[1]
        model = w.model(w.node("Cast", y, to=TensorProto.FLOAT))
        model.graph.node.pop()
        model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info(y, TensorProto.INT64, None))
        network = load(model)
        assert kinds(network) == expected
        assert [step["op"] for step in network.output.tail] == ["ArgMax"] * (len(expected) == 1)
        agree(network, model, rng.normal(0, 4, (9, 1, 6)))
        assert any(isinstance(layer, ArgMax) for layer in network.layers) == (len(expected) == 2)


@pytest.mark.parametrize("tail", [
    ["Softmax"], ["Relu"], ["Sigmoid"], ["Tanh"], ["Relu", "Mul"], ["Softmax", "Reshape"], ["LeakyRelu"],
])
def test_what_follows_the_last_layer_runs_on_the_host(load, tail):
    rng = np.random.default_rng(15)
    w = Writer((6,))
    x = w.node("MatMul", w.quant("x", 0.25, bits=4), w.quant(np.float32(rng.normal(0, 2, (6, 4))), 0.25, bits=3))
    x = w.node("Add", x, np.float32(rng.normal(0, 1, 4)))
    for op in tail:
        parameters = {"Mul": [np.float32([1, 2, 3, 4])], "Reshape": [np.array([1, 2, 2])]}.get(op, [])
        x = w.node(op, x, *parameters)
    network = load(w.model(x))
    assert kinds(network) == ["Conv"]
    assert len(network.output.tail) == len(tail)
    agree(network, w.model(x), rng.normal(0, 2, (9, 1, 6)))


@pytest.mark.parametrize("op", ["Mul", "Add"])
@pytest.mark.parametrize("shape", [(3, 5), (3, 4, 5)])
def test_one_value_per_channel_meets_its_map(load, op, shape):
    rng = np.random.default_rng(18)
    w = Writer(shape)
    x = w.quant("x", 0.25, bits=4)
    model = w.model(w.node(op, x, w.quant(w.node("GlobalMaxPool", x), 0.5, bits=3)))
    network = load(model)
    assert "Upsample" in kinds(network)
    assert len(np.unique(agree(network, model, rng.normal(0, 1, (3, 1, *shape))))) > 3


def test_domains_and_opsets(load):
    for domain, opset in (("onnx.brevitas", 9), ("finn.custom_op.general", 12), ("qonnx.custom_op.general", 21), ("", 11)):
        w = Writer((3,), opset=opset, domain=domain)
        weights = w.node("BipolarQuant", np.float32(np.ones((3, 2))), np.float32(1))
        model = w.model(w.node("MatMul", w.quant("x", bits=4), weights))
        if domain == "":
            del model.opset_import[1:]
        assert kinds(load(model)) == ["Conv"]


def test_input_rules(load):
    def network(shape, *args, first=None, annotation=None, element=TensorProto.FLOAT):
        w = Writer(shape)
        x = w.node("Cast", "x", to=TensorProto.FLOAT) if element != TensorProto.FLOAT else "x"
        x = w.node(first[0], x, np.float32(first[1])) if first else x
        x = w.node("Flatten", x)
        size = int(np.prod(shape))
        x = w.node("MatMul", x, w.node("BipolarQuant", np.float32(np.ones((size, 2))), np.float32(1)))
        return load(w.model(x, {"x": annotation} if annotation else None, element), *args)

    def port(*args, **kwargs):
        found = network(*args, **kwargs).input
        return str(found.dtype), found.scale

    assert port((3, 4, 4)) == ("UINT8", 1 / 255)
    assert port((3, 4, 4), first=("Div", 255)) == ("UINT8", 1.0)
    assert port((4, 4, 1), first=("Mul", 1 / 255)) == ("UINT8", 1.0)
    assert port((3, 4, 4), first=("Mul", 2)) == ("UINT8", 1 / 255)
    assert port((7,)) == ("INT24", 2.0**-20)
    assert port((7,), annotation="BIPOLAR") == ("BIPOLAR", 1.0)
    assert port((7,), annotation="FLOAT32") == ("INT24", 2.0**-20)
    assert port((7,), element=TensorProto.UINT8) == ("UINT8", 1.0)
    assert port((7,), "INT16", 2.0**-12) == ("INT16", 2.0**-12)
    assert port((7,), None, 0.5) == ("INT24", 0.5)
    assert port((7,), "int5") == ("INT5", 1.0)


def test_an_input_type_of_the_user_leaves_the_quantiser_to_the_accelerator(load):
    w = Writer((9,))
    model = w.model(w.quant("x", 0.5, bits=3))
    network = load(model, "INT8", 0.25)
    assert isinstance(network.layers[0], Threshold)
    agree(network, model, ramp(9, -5, 5))


def test_the_list_of_operators_names_its_limits():
    listed = dict(supported())
    assert {"Conv", "MatMul", "Quant", "MultiThreshold", "Reshape", "Softmax"} <= set(listed)
    assert "constant integer weights" in listed["Conv"]


def test_batch_normalisation_rounds_as_the_executor_does():
    rng = np.random.default_rng(18)
    q = np.arange(-700, 700)[:, None] + np.zeros(40, dtype=int)
    scale, bias, mean, variance = rng.normal(0, 2, 40), rng.normal(0, 3, 40), rng.normal(0, 50, 40), rng.uniform(0.01, 900, 40)
    parameters = [np.float32(p) for p in (scale, bias, mean, variance)]
    w = Writer((40,), batch="N")
    model = w.model(w.batch_norm("x", *parameters))
    stream = Stream("acc", (1, 1, 40), np.arange(40).reshape(1, 40), np.float64(0.0371), np.float64(0), -700, 699)
    node = Node("m.onnx", "bn", "BatchNormalization", {"epsilon": 1e-5}, (), (), model.graph.node[0])
    result = OPERATORS[node.op].handler(node, [stream, *(Constant(p) for p in parameters)], None)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = session.run(None, {"x": (q * 0.0371).astype(np.float32)})[0]
    assert np.array_equal(result.evaluate(q), expected)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("trans_a", "trans_b"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_gemm_with_either_side_constant_and_turned(load, side, trans_a, trans_b):
    rng = np.random.default_rng(31)
    w = Writer((6,))
    x = w.quant("x", bits=4)
    # What the stream (1, 6) is after turning, and what the constant must be then.
    rows, columns = (6, 1) if (trans_b if side == "left" else trans_a) else (1, 6)
    shape = (4, rows) if side == "left" else (columns, 4)
    turned = trans_a if side == "left" else trans_b
    weights = w.quant(np.float32(rng.normal(0, 3, shape[::-1] if turned else shape)), bits=3)
    operands = (weights, x) if side == "left" else (x, weights)
    result = w.node("Gemm", *operands, np.float32([0.5]), alpha=0.5, beta=2.0, transA=trans_a, transB=trans_b)
    model = w.model(w.reshape(result, [1, -1]))
    agree(load(model), model, rng.normal(0, 4, (5, 1, 6)))
