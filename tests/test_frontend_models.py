"""Trained models with stored outputs of another executor: every sample, no mismatch."""

from pathlib import Path

import numpy as np
import pytest

from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate
from finnr_rtl.network.layers import ArgMax

MODELS = Path(__file__).parents[2] / "shared" / "models"
NAMES = (
    "cnv_w1a1", "cnv_w1a2", "cnv_w2a2", "tfc_w1a1", "tfc_w1a2", "tfc_w2a2", "tfc_w1a1_finnonnx", "lfc_w1a1", "lfc_w1a2",
    "cybsec_mlp_w2a2", "kws_mlp_w3a3", "jet_tagging_w6a6",
)


def _folder(name):
    if not (MODELS / name).is_dir():
        pytest.skip(f"trained models are not here: {MODELS / name} does not exist")
    return MODELS / name


@pytest.mark.parametrize("name", NAMES)
def test_reference_gives_the_stored_outputs(name):
    folder = _folder(name)
    data = dict(np.load(folder / "io.npz"))
    for file in sorted(folder.glob("model*.onnx")):
        network = load_network(file)
        report = evaluate(network, data)
        assert report.samples == len(data["inputs"])
        assert (report.mismatching_values, report.first_mismatch) == (0, None)
        # A wrong expectation is seen, in the sample it is in.
        wrong = data["outputs"].copy()
        wrong[3].reshape(-1)[0] += network.output.scale.max()  # one integer
        assert evaluate(network, data | {"outputs": wrong}).first_mismatch == 3


def test_scores_of_a_board_are_reproduced():
    for name in ("cnv_w1a1", "cnv_w1a2", "cnv_w2a2"):
        data = np.load(_folder(name) / "io.npz")
        report = evaluate(load_network(_folder(name) / "model.onnx"), {"inputs": data["inputs"][:1]})
        assert np.array_equal(report.outputs[0], data["hw_scores_sample0"])


def test_types_are_as_narrow_as_the_model_declares():
    network = load_network(_folder("cnv_w1a1") / "model.onnx")
    assert network.input.dtype == DataType("INT8")
    assert network.input.scale == 1 / 128
    assert {str(layer.output_type) for layer in network.layers[:-1]} == {"BIPOLAR"}
    assert network.operations == 2 * 59_461_376 + 4 * (14 * 14 * 64 + 5 * 5 * 128)
    network = load_network(_folder("tfc_w1a1_finnonnx") / "model.onnx")
    assert isinstance(network.layers[-1], ArgMax)
    assert not network.output.tail
    assert load_network(_folder("lfc_w1a1") / "model.onnx").input.dtype == BIPOLAR
