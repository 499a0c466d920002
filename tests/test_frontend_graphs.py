"""Random networks with forks and joins: integers in NumPy against the float graph run by another executor."""

import numpy as np
import onnx
import pytest
from graphs import execute
from random_graphs import random_graph

from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate


def _check(seed, folder):
    print(f"seed {seed}")
    model, inputs = random_graph(seed)
    onnx.save(model, folder / "random.onnx")
    report = evaluate(load_network(folder / "random.onnx"), {"inputs": np.concatenate(inputs), "outputs": execute(model, inputs)})
    assert report.mismatching_values == 0


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs(seed, tmp_path):
    _check(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1500))
def test_more_random_graphs(seed, tmp_path):
    _check(seed, tmp_path)
