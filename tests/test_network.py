"""Host functions, files, table, and evaluation of networks."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from graphs import Writer, random_network

from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.errors import UserError
from finnr_rtl.frontend import load_network
from finnr_rtl.network import store, summary
from finnr_rtl.network.evaluate import evaluate
from finnr_rtl.network.host import mismatches, quantise, restore
from finnr_rtl.network.network import InputPort, OutputPort


def port(dtype="INT4", scale=0.5, shape=(1, 1, 3), model_shape=(3,), order=None, **rest):
    order = np.arange(int(np.prod(shape))) if order is None else order
    return InputPort("x", model_shape, order, shape, DataType(dtype), scale, **rest)


def output(scale=0.5, bias=1.0, tail=(), size=3):
    return OutputPort("y", "last", (size,), np.arange(size), np.asarray(scale), np.asarray(bias), tail)


@pytest.fixture
def network(tmp_path):
    rng = np.random.default_rng(0)
    w = Writer((2, 5, 5))
    weights = w.quant(np.float32(rng.normal(0, 2, (3, 2, 3, 3))), bits=2, narrow=1)
    x = w.node("Conv", w.quant("x", 0.5, bits=4), weights, pads=[1] * 4)
    x = w.node("MaxPool", w.quant(x, bits=2), kernel_shape=[2, 2], strides=[2, 2])
    x = w.node("MatMul", w.node("Flatten", x), w.node("BipolarQuant", np.float32(rng.normal(0, 2, (12, 4))), np.float32(1)))
    onnx.save(w.model(w.node("Softmax", w.node("Add", x, np.float32([0.5, 0, 1, 2])))), tmp_path / "small net.onnx")
    return load_network(tmp_path / "small net.onnx")


def test_inputs_are_rounded_clipped_and_counted():
    q, off = quantise(port(), np.float32([[0, 0.5, -4], [0.2, 0.26, 9]]))
    assert q.tolist() == [[[[0, 1, -8]]], [[[0, 1, 7]]]]
    assert off == 1
    q, off = quantise(port("UINT4", zero_point=3, rounding="FLOOR"), np.float32([[0, 0.9, -9]]))
    assert q.tolist() == [[[[3, 4, 0]]]]
    assert off == 1
    q, off = quantise(port("BIPOLAR", rounding="SIGN", scale=1.0), np.float32([[-1, 0, 0.1]]))
    assert q.tolist() == [[[[-1, 1, 1]]]]
    assert off == 1
    q, off = quantise(port("INT8", scale=1.0, low=-127, high=127), np.float32([[-128, 127, 1]]))
    assert q.tolist() == [[[[-127, 127, 1]]]]
    assert off == 1
    q, off = quantise(port("INT24", scale=2.0**-20), np.float32([[0.1, 1e30, -8]]))
    assert q.tolist() == [[[[104858, 2**23 - 1, -(2**23)]]]]
    assert off == 1


def test_inputs_travel_channels_last():
    order = np.arange(12).reshape(2, 3, 2).transpose(2, 0, 1).reshape(-1)
    x = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    q, _ = quantise(port("UINT4", 1.0, (2, 3, 2), (2, 2, 3), order), x)
    assert np.array_equal(q[0], x[0].transpose(1, 2, 0))


def test_every_image_value_is_on_its_grid():
    image = np.arange(256, dtype=np.float32) / np.float32(255)
    q, off = quantise(port("UINT8", 1 / 255, (1, 1, 256), (256,)), image[None])
    assert off == 0
    assert q.reshape(-1).tolist() == list(range(256))


def test_wrong_inputs_are_refused():
    with pytest.raises(UserError, match=r"\(2, 4\).*\(samples, 3\)"):
        quantise(port(), np.zeros((2, 4)))
    with pytest.raises(UserError, match="NaN"):
        quantise(port(), np.float32([[0, np.nan, 0]]))


def test_integers_come_back_as_the_models_outputs():
    q = np.array([[[[1, -2, 3]]]])
    assert restore(output(), q).tolist() == [[1.5, 0.0, 2.5]]
    assert restore(output(), q).dtype == np.float32
    assert restore(output([1, 2, 3], [0, 0, 1]), q).tolist() == [[1, -4, 10]]
    assert restore(output(tail=({"op": "ArgMax", "axis": -1, "keep": True},)), q).tolist() == [[2]]
    soft = restore(output(tail=({"op": "Softmax", "axes": [-1]},)), q)
    assert np.isclose(soft.sum(), 1)
    assert soft.argmax() == 2
    turned = ({"op": "Mul", "value": np.float32(2)}, {"op": "Relabel", "order": np.array([2, 1, 0]), "shape": [3, 1]})
    assert restore(output(tail=turned), q).tolist() == [[[5], [0], [3]]]


def test_one_wrong_integer_is_seen_and_float_rounding_is_not():
    q = np.array([[[[1000, -2000, 3000]]], [[[0, 1, 2]]]])
    for tail in ((), ({"op": "Relu"},), ({"op": "Sigmoid"},)):
        out = output(0.001, 0.3, tail)
        expected = restore(out, q).astype(np.float64) * (1 + 3e-7)
        assert mismatches(out, q, expected).tolist() == [0, 0]
        wrong = q.copy()
        wrong[1, 0, 0, 2] += 1
        assert mismatches(out, wrong, expected).tolist() == [0, 1]
    # Executors approximate Sigmoid to so many parts of 1, not of its value.
    small = output(1.0, 0.0, ({"op": "Sigmoid"},))
    few = np.array([[[[-12, -40, 0]]]])
    for error, found in ((1e-7, 0), (1e-6, 2)):
        assert mismatches(small, few, restore(small, few).astype(np.float64) + error).tolist() == [found]
    index = output(1.0, 0.0, ({"op": "ArgMax", "axis": -1, "keep": False},))
    assert mismatches(index, q, np.array([2, 1])).tolist() == [0, 1]
    with pytest.raises(UserError, match="shape"):
        mismatches(output(), q, np.zeros((2, 4)))
    assert mismatches(output(), q[:1], np.full((1, 3), np.nan)).tolist() == [3]


def test_a_stored_network_is_the_same_network(network, tmp_path):
    store.save(network, tmp_path / "a")
    again = store.load(tmp_path / "a")
    assert store.dump(again) == store.dump(network)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"network.json", "network.npz"}
    x = np.random.default_rng(1).normal(0, 2, (3, 2, 5, 5))
    assert np.array_equal(evaluate(again, {"inputs": x}).outputs, evaluate(network, {"inputs": x}).outputs)
    assert again.layers[0].weights.dtype == np.int64
    assert again.input.dtype == network.input.dtype
    for seed in range(5):
        onnx.save(random_network(seed)[0], tmp_path / "r.onnx")
        found = load_network(tmp_path / "r.onnx")
        store.save(found, tmp_path / "r")
        assert store.dump(store.load(tmp_path / "r")) == store.dump(found)


def test_damaged_files_are_refused(network, tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        store.load(tmp_path / "nothing")
    for name, content in (("network.json", b"{"), ("network.json", b"[]"), ("network.npz", b"PK"), ("network.npz", b"")):
        store.save(network, tmp_path)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match="build it again"):
            store.load(tmp_path)
    store.save(network, tmp_path)
    content = json.loads((tmp_path / "network.json").read_text())
    (tmp_path / "network.json").write_text(json.dumps(content | {"format": "other"}))
    with pytest.raises(UserError, match="not a network of this version"):
        store.load(tmp_path)


def test_the_table_adds_up(network):
    table = summary.rows(network)
    assert [row[0] for row in table] == [layer.name for layer in network.layers] + ["total"]
    assert all(len(row) == len(summary.COLUMNS) for row in table)
    assert int(table[-1][-2].replace(",", "")) == network.operations == 2 * 54 * 25 + 4 * 12 + 2 * 48
    assert int(table[-1][-1].replace(",", "")) == network.parameters == 54 + 3 * 3 + 48
    text = summary.text(network)
    assert "54 TERNARY" in text
    assert "MaxPool 2x2" in text
    assert "then Softmax on the host" in text
    assert network.name == "small_net"


def test_evaluation_counts(network):
    x = np.float32(np.random.default_rng(2).integers(-8, 8, (70, 2, 5, 5)) / 2)
    seen = []
    alone = evaluate(network, {"inputs": x}, lambda done, samples: seen.append((done, samples)))
    assert alone.mismatching_values is None
    assert alone.accuracy is None
    assert alone.off_grid == 0
    assert seen == [(32, 70), (64, 70), (70, 70)]
    labels = alone.outputs.argmax(axis=1)
    labels[:7] += 1
    outputs = alone.outputs.copy()
    outputs[40] = outputs[40, ::-1]
    report = evaluate(network, {"inputs": x, "outputs": outputs, "labels": labels})
    assert report.accuracy == 0.9
    assert report.first_mismatch == 40
    assert report.mismatching_samples == 1


def test_wrong_data_is_refused(network):
    x = np.zeros((3, 2, 5, 5))
    for data, text in (
        ({}, "no array named inputs"), ({"inputs": x[:0]}, "no samples"),
        ({"inputs": x, "labels": [1]}, "labels has 1 samples, that of x has 3"),
        ({"inputs": x, "outputs": np.zeros((3, 9))}, "shape"), ({"inputs": x[:, :1]}, "shape"),
    ):
        with pytest.raises(UserError, match=text):
            evaluate(network, data)


def test_the_ports_bounds_are_its_types_by_default():
    assert (port().low, port().high) == (-8, 7)
    widened = replace(port("BIPOLAR", rounding="SIGN", scale=1.0), dtype=DataType("TERNARY"))
    assert quantise(widened, np.float32([[0, -2, 2]]))[0].tolist() == [[[[1, -1, 1]]]]
    assert BIPOLAR.min == widened.low
