"""Random networks: integers in NumPy against the float graph run by another executor."""

import numpy as np
import onnx
import pytest
from graphs import execute, random_network

from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate


def _check(seed, folder):
    print(f"seed {seed}")
    model, inputs = random_network(seed)
    onnx.save(model, folder / "random.onnx")
    expected = execute(model, inputs)
    network = load_network(folder / "random.onnx")
    report = evaluate(network, {"inputs": np.concatenate(inputs), "outputs": expected})
    assert report.mismatching_values == 0


@pytest.mark.parametrize("seed", range(30))
def test_random_networks(seed, tmp_path):
    _check(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1500))
def test_more_random_networks(seed, tmp_path):
    _check(seed, tmp_path)
