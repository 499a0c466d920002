"""Random networks as Verilog: every beat and every cycle in simulation, and the outputs of another executor at the end."""

import numpy as np
import onnx
import pytest
from emitted import random
from graphs import execute, random_network
from random_graphs import random_graph

from finnr_rtl.build import build
from finnr_rtl.folding.folding import write_folding
from finnr_rtl.frontend import load_network
from finnr_rtl.verify import verify

# Two more than are predicted one by one, so that the interval is measured too.
FRAMES = 6


def _check(seed, make, folder):
    print(f"{make.__name__}, seed {seed}")
    model, inputs = make(seed)
    path, fold, data = folder / "random.onnx", folder / "fold.json", folder / "data.npz"
    onnx.save(model, path)
    fold.write_text(write_folding(random(load_network(path), seed)))
    repeats = FRAMES // len(inputs)
    np.savez(data, inputs=np.tile(np.concatenate(inputs), (repeats, *[1] * (inputs.ndim - 2))),
             outputs=np.concatenate([execute(model, inputs)] * repeats))
    build(path, "pynq_z1", folder / "built", fold=fold)
    result = verify(folder / "built", FRAMES, data)
    assert result.frames == FRAMES
    assert [fault for run in result.runs.values() for fault in run["faults"]] == []
    assert result.differing_samples == 0
    free = result.runs["back_to_back"]
    assert (free["interval"], free["latency"]) == (result.predicted.interval, result.predicted.latency)
    assert result.passed


@pytest.mark.parametrize(("seed", "make"), [(0, random_network), (1, random_graph)])
def test_random_accelerators(seed, make, tmp_path):
    _check(seed, make, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("make", [random_network, random_graph])
@pytest.mark.parametrize("seed", range(100, 125))
def test_more_random_accelerators(seed, make, tmp_path):
    _check(seed, make, tmp_path)
