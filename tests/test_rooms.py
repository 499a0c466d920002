"""Rooms are as small as they can be: in the model, and in the Verilog."""

import json
from itertools import pairwise
from math import inf
from pathlib import Path

import numpy as np
import pytest
from emitted import random, write
from networks import network, small_cnn, small_resnet, two_ways
from runner import simulate

from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.dataflow.rooms import size_rooms
from finnr_rtl.dataflow.stages import Stage, lower
from finnr_rtl.dataflow.timing import predict
from finnr_rtl.datatypes import int_, uint
from finnr_rtl.design import Goal, design
from finnr_rtl.folding.folding import Fold, FoldedNetwork, read_folding
from finnr_rtl.frontend import load_network
from finnr_rtl.network.layers import Conv, Window
from finnr_rtl.platforms import load
from finnr_rtl.zoo import make

NETWORKS = [small_cnn, small_resnet, two_ways]


def slowest(stages: list[Stage]) -> int:
    return max(stage.config.schedule().work for stage in stages)


def one_less(stages: list[Stage]):
    """Each tight stage's name with the stages that have one place less there."""
    for index, stage in enumerate(stages):
        if stage.tight:
            yield stage.name, [*stages[:index], stage.holding(stage.room - 1), *stages[index + 1 :]]


def late_interval(stages: list[Stage], frames: int = 16) -> float:
    """The longest time between two of the later frames, once whatever room there is before is full; infinite at a standstill."""
    try:
        return max(gaps(predict(stages, frames).ends)[frames // 2 :])
    except ValueError as error:
        assert "stand still" in str(error)
        return inf


def gaps(ends) -> list[int]:
    return [after - before for before, after in pairwise(ends)]


@pytest.mark.parametrize("make_network", NETWORKS)
def test_one_place_less_costs_throughput(make_network):
    found = 0
    for seed in range(2 if make_network is small_resnet else 4):
        stages = size_rooms(lower(random(make_network(), seed)))
        assert predict(stages, frames=6).interval == slowest(stages)
        for name, fewer in one_less(stages):
            found += 1
            assert late_interval(fewer) > slowest(stages), (seed, name)
    assert found


@pytest.mark.parametrize("make_network", NETWORKS)
def test_rooms_are_tight_or_the_least_there_is(make_network):
    known = []
    for seed in range(3):
        rooms = [stage for stage in size_rooms(lower(random(make_network(), seed))) if stage.room is not None]
        known += [stage.tight is not None for stage in rooms]
        for stage in rooms:
            # A ring may hold more where that costs nothing.
            if stage.tight is False and not isinstance(stage.config, WalkConfig):
                assert stage.room == 1, stage.name
    assert sum(known) >= 0.9 * len(known)


def test_rings_hold_what_is_passed_over():
    """A product that never pauses reads every other row: the ring has room for its row while the next is written."""
    weights = np.ones((32, 1, 1, 16), dtype=np.int64)
    half = Conv("half", ("input",), (32, 32, 16), uint(8), weights, int_(2), window=Window((1, 1), (2, 2)))
    found = network("net", (32, 32, 16), uint(8), [half])
    stages = size_rooms(lower(FoldedNetwork(found, {"half": Fold(pe=2, simd=4, window="ring")})))
    assert predict(stages).interval == slowest(stages)


def test_every_room_of_a_large_network_is_known(tmp_path):
    """Rings that are too small for CNV make events wait for themselves, each time round a few cycles longer: that is seen at once."""
    (tmp_path / "cnv.onnx").write_bytes(make("cnv_w1a1").SerializeToString())
    network = load_network(tmp_path / "cnv.onnx")
    given = read_folding(Path(__file__).parent.parent / "examples" / "cnv_finn_folding.json", network)
    stages = design(network, load("pynq_z1"), Goal(target_fps=3051, given=given)).stages
    assert [stage.name for stage in stages if stage.room is not None and stage.tight is None] == []


def simulated(network, stages: list[Stage], folder: Path, builds: Path, frames: int) -> dict:
    """Back to back, in Verilog."""
    write(network, stages, folder, frames)
    sources = [*sorted((folder / "rtl").glob("*.v")), folder / "sim" / "tb.v"]
    simulate(sources, "tb", "network_bench", build_dir=builds, tests="back_to_back$", env={"NETWORK_BENCH": str(folder / "sim")},
             beside=[folder / "sim" / "vectors"])
    return json.loads((folder / "sim" / "results.json").read_text())["back_to_back"]


@pytest.mark.parametrize(("make_network", "seed"), [
    (two_ways, 1), pytest.param(two_ways, 3, marks=pytest.mark.slow), pytest.param(small_resnet, 0, marks=pytest.mark.slow),
])
def test_one_place_less_costs_throughput_in_verilog(make_network, seed, tmp_path, builds):
    """The bench finds every frame of every run at the cycle that is predicted."""
    print(f"folding seed {seed}")
    network = make_network()
    stages = size_rooms(lower(random(network, seed)))
    whole = simulated(network, stages, tmp_path / "whole", builds, frames=8)
    assert whole["faults"] == [] and set(gaps(whole["ends"])[-3:]) == {slowest(stages)}
    found = 0
    for name, fewer in one_less(stages):
        found += 1
        run = simulated(network, fewer, tmp_path / name, builds, frames=12)
        assert run["faults"] == [] and max(gaps(run["ends"])[6:]) > slowest(stages), name
    assert found
