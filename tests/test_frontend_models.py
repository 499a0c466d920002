"""Trained models with stored outputs of another executor: every sample, no mismatch."""

from pathlib import Path

import numpy as np
import pytest

from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate
from finnr_rtl.network.layers import ArgMax, Conv

MODELS = Path(__file__).parents[2] / "shared" / "models"
NAMES = (
    "cnv_w1a1", "cnv_w1a2", "cnv_w2a2", "tfc_w1a1", "tfc_w1a2", "tfc_w2a2", "tfc_w1a1_finnonnx", "lfc_w1a1", "lfc_w1a2",
    "cybsec_mlp_w2a2", "kws_mlp_w3a3", "jet_tagging_w6a6", "resnet8_cifar10_w8a8", "mobilenetv1_vww_w4a4", "mobilenetv1_vww_w8a8",
    "ad_autoencoder_w8a8", "quickdraw_cnn_qcdq_w8a8",
)
# Values in which the stored outputs, whose float32 sums were rounded on the way, fell on the other side of a tie: the sums of layers
# before a quantiser lie within 1e-5 of a step of half its scale. (Model, differing values, samples they are in.)
TIES = (("radioml_vgg10_w8a8", 48, 2), ("espcn_x2_subpixel", 9, 2), ("espcn_x2_nn_resize", 5, 2))


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


@pytest.mark.parametrize(("name", "values", "samples"), TIES)
def test_stored_outputs_but_for_ties(name, values, samples):
    folder = _folder(name)
    report = evaluate(load_network(folder / "model.onnx"), dict(np.load(folder / "io.npz")))
    assert report.mismatching_values <= values
    assert report.mismatching_samples <= samples


def test_the_core_of_a_detector_bit_for_bit():
    folder = _folder("tinier_yolo_w1a3")
    data = np.load(folder / "io.npz")
    network = load_network(folder / "model.onnx")
    report = evaluate(network, {"inputs": data["inputs"][:1], "outputs": data["outputs"][:1]})
    assert report.mismatching_values == 0
    # The makers' own input and output of the layers between the 8-bit ones, behind the first pool.
    names = [layer.name for layer in network.layers]
    convolutions = [layer for layer in network.layers if isinstance(layer, Conv)]
    first, last = names.index(convolutions[0].name), names.index(convolutions[-1].name)
    x = {names[first]: data["core_input"].transpose(0, 2, 3, 1).astype(np.int64)}
    for layer in network.layers[first + 1 : last]:
        x[layer.name] = layer.reference(*(x[name] for name in layer.inputs))
    assert np.array_equal(x[convolutions[-1].inputs[0]], data["core_output"].transpose(0, 2, 3, 1))


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
