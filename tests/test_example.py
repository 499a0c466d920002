"""The committed example is what its README says, and its training script still writes such files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"


def execute(model, inputs):
    wrapper = ModelWrapper(model)
    return np.concatenate([execute_onnx(wrapper, {"global_in": x[None]})["global_out"] for x in inputs])


def test_committed_network_and_images():
    data = dict(np.load(EXAMPLES / "digits_w1a1.npz"))
    model = onnx.load(EXAMPLES / "digits_w1a1.onnx")
    onnx.checker.check_model(model)
    assert (data["outputs"].argmax(axis=1) == data["labels"]).mean() == 0.975
    assert np.array_equal(execute(model, data["inputs"][:10]), data["outputs"][:10])
    pixels = data["inputs"] * np.float32(255)
    assert np.array_equal(pixels, np.round(pixels))
    first = model.graph.node[0]
    assert (first.op_type, first.input[0]) == ("Quant", "global_in")


@pytest.mark.slow
def test_training_script(tmp_path):
    script = [sys.executable, EXAMPLES / "train_digits.py", "--epochs", "1", "--out", tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(script, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    data = dict(np.load(tmp_path / "digits_w1a1.npz"))
    accuracy = (data["outputs"].argmax(axis=1) == data["labels"]).mean()
    assert accuracy > 0.4
    assert f"{accuracy:.2%}" in done.stdout
