"""Models with several inputs and outputs, from ONNX to simulation; and the arrays that data sets give them."""

import json

import numpy as np
import onnx
import pytest
from graphs import Writer
from networks import small_cnn, two_ways
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from finnr_rtl.build import build
from finnr_rtl.errors import UserError
from finnr_rtl.frontend import load_network
from finnr_rtl.network.dataset import integers, mismatching, sample_count
from finnr_rtl.network.evaluate import evaluate
from finnr_rtl.verify import verify


def gated(seed: int = 0) -> onnx.ModelProto:
    """An image ``x`` and a mask ``y`` of half its size: a convolution times the mask, its class scores, and the convolution itself."""
    rng = np.random.default_rng(seed)
    w = Writer((2, 6, 6))
    image, mask = w.quant("x", 0.5, bits=4), w.quant("y", 0.25, bits=3, signed=0)
    weights = w.quant(np.float32(rng.normal(0, 2, (4, 2, 3, 3))), bits=3)
    features = w.quant(w.node("Conv", image, weights, strides=[2, 2], pads=[1, 1, 1, 1]), 2.0, bits=4)
    product = w.quant(w.node("Mul", features, mask), 0.5, bits=4)
    scores = w.node("MatMul", w.node("Flatten", product), w.quant(np.float32(rng.normal(0, 2, (36, 3))), bits=3))
    model = w.model(scores)
    model.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 3, 3]))
    model.graph.output.append(helper.make_tensor_value_info(features, TensorProto.FLOAT, None))
    return model


@pytest.fixture
def case(tmp_path):
    """The model's file and a data file with what another executor computes."""
    model, rng = gated(), np.random.default_rng(1)
    onnx.save(model, tmp_path / "gated.onnx")
    data = {"x": np.float32(rng.normal(0, 2, (4, 2, 6, 6))), "y": np.float32(rng.uniform(0, 2, (4, 4, 3, 3)))}
    wrapper = ModelWrapper(model).transform(InferShapes())
    results = [execute_onnx(wrapper, {name: x[i : i + 1] for name, x in data.items()}) for i in range(4)]
    data |= {port.name: np.concatenate([result[port.name] for result in results]) for port in model.graph.output}
    np.savez(tmp_path / "gated.npz", **data)
    return tmp_path / "gated.onnx", tmp_path / "gated.npz", data


def test_from_onnx_to_simulation(case, tmp_path):
    model, file, data = case
    report = evaluate(load_network(model), data)
    assert (report.samples, report.mismatching_values) == (4, 0)
    assert list(report.results) == [name for name in data if name not in ("x", "y")]

    build(model, "pynq_z1", tmp_path / "out", data=file)
    result = verify(tmp_path / "out", 4, file)
    assert result.passed, result.runs
    assert (result.frames, result.differing_samples) == (4, 0)
    content = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [(frame["port"], frame["name"]) for frame in content["inputs"]] == [("s_axis_0", "x"), ("s_axis_1", "y")]
    assert [frame["port"] for frame in content["outputs"]] == ["m_axis_0", "m_axis_1"]

    last = list(data)[-1]
    np.savez(file, **data | {last: data[last] + 2})
    assert verify(tmp_path / "out", 4, file).differing_samples == 4


def test_arrays_are_found_by_the_ports_names():
    network = two_ways()
    data = {"image": np.zeros((2, 7, 6, 2)), "mask": np.ones((2, 5, 4, 6)), "index_out": np.full((2, 1), 9)}
    assert sample_count(network, data) == 2
    q, off_grid = integers(network, data, slice(1))
    assert {name: x.shape for name, x in q.items()} == {"image": (1, 7, 6, 2), "mask": (1, 5, 4, 6)}
    assert off_grid == 0
    assert mismatching(network, network.execute(q), data, slice(1)).tolist() == [1]
    del data["index_out"]
    assert mismatching(network, network.execute(q), data, slice(1)) is None


@pytest.mark.parametrize(("data", "words"), [
    ({"image": np.zeros((2, 7, 6, 2))}, ["no array named mask"]),
    ({"image": np.zeros((2, 7, 6, 2)), "mask": np.ones((3, 5, 4, 6))}, ["mask has 3", "image has 2"]),
    ({"inputs": np.zeros((2, 7, 6, 2))}, ["inputs", "image, mask"]),
    ({"image": np.zeros((2, 7, 6, 2)), "mask": np.ones((2, 5, 4, 6)), "outputs": np.zeros(2)}, ["outputs", "left_out, index_out"]),
])
def test_arrays_that_fit_no_port_are_refused(data, words):
    with pytest.raises(UserError) as caught:
        evaluate(two_ways(), data)
    for word in words:
        assert word in str(caught.value)


def test_a_single_port_goes_by_either_name():
    x = np.zeros((2, 9, 8, 3))
    for name in ("input", "inputs"):
        assert evaluate(small_cnn(), {name: x}).samples == 2
