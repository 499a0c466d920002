"""Lowering, rooms and exact cycles, without a simulator; tests/test_verify.py holds the same against the Verilog."""

from itertools import pairwise

import numpy as np
import pytest
from networks import small_cnn

from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.dataflow.stages import lower
from finnr_rtl.dataflow.timing import predict, size_rooms
from finnr_rtl.emit.simulation import random_frames
from finnr_rtl.emit.vectors import link_beats
from finnr_rtl.folding.folding import Fold, FoldedNetwork, legal_factors


def random_fold(network, seed):
    """Random legal factors for every layer."""
    print(f"folding seed {seed}")
    rng = np.random.default_rng(seed)
    pick = {layer.name: {key: int(rng.choice(values)) for key, values in legal_factors(layer).items()} for layer in network.layers}
    return FoldedNetwork(network, {name: Fold(**factors) for name, factors in pick.items()})


@pytest.mark.parametrize("seed", range(25))
def test_interval_is_that_of_the_slowest_stage(seed):
    stages = size_rooms(lower(random_fold(small_cnn(), seed)))
    slowest = max(stage.config.schedule().interval for stage in stages)
    ends = predict(stages, frames=8).ends
    assert ends[-1] - ends[-2] == slowest
    assert predict(stages).interval == slowest
    assert max(after - before for before, after in pairwise(ends)) == slowest


def test_stages_compute_what_the_network_does():
    network = small_cnn(3, "INT2")
    for seed in range(4):
        stages = lower(random_fold(network, seed))
        beats = link_beats(network, stages, random_frames(network, 2, seed))
        assert list(beats) == ["s_axis", *(stage.name for stage in stages)]


def test_neighbours_fit():
    for seed in range(10):
        stages = lower(random_fold(small_cnn(), seed))
        for before, after in pairwise(stages):
            assert before.config.output.lanes == after.config.input.lanes
            assert before.config.output.beats == after.config.input.beats
            assert before.config.output.dtype == after.config.input.dtype


def test_rooms_are_small_where_paces_agree():
    network = small_cnn()
    stages = size_rooms(lower(FoldedNetwork(network, {layer.name: Fold() for layer in network.layers})))
    depths = {stage.name: stage.config.depth for stage in stages if isinstance(stage.config, FifoConfig)}
    assert all(depth <= stage.config.output.beats for stage in stages for depth in [depths.get(stage.name, 0)])
