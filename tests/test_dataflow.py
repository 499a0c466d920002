"""Lowering, rooms and exact cycles, without a simulator; tests/test_verify.py holds the same against the Verilog."""

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from emitted import random
from networks import conv, small_cnn, small_resnet, two_ways, values
from networks import network as network_of

from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.dataflow.rooms import size_rooms
from finnr_rtl.dataflow.stages import lower
from finnr_rtl.dataflow.timing import early_beats, predict
from finnr_rtl.datatypes import DataType
from finnr_rtl.design import Goal, design
from finnr_rtl.emit.simulation import random_frames
from finnr_rtl.emit.vectors import link_beats, links
from finnr_rtl.folding.folding import Fold, FoldedNetwork, read_folding
from finnr_rtl.frontend import load_network
from finnr_rtl.network.layers import Conv, Window
from finnr_rtl.platforms import load
from finnr_rtl.zoo import make


def random_fold(network, seed):
    print(f"folding seed {seed}")
    return random(network, seed)


@pytest.mark.parametrize("make_network", [small_cnn, small_resnet, two_ways])
@pytest.mark.parametrize("seed", range(20))
def test_interval_is_that_of_the_slowest_stage(make_network, seed):
    stages = size_rooms(lower(random_fold(make_network(), seed)))
    slowest = max(stage.config.schedule().work for stage in stages)
    ends = predict(stages, frames=16).ends
    assert predict(stages).interval == slowest
    # The first frames find rooms empty: one may be early, so that the next one seems late.
    assert [after - before for before, after in pairwise(ends[-6:])] == [slowest] * 5
    assert ends[-1] - ends[0] <= 15 * slowest


def test_stages_compute_what_the_network_does():
    for network, seed in product([small_cnn(3, "INT2"), small_resnet(), two_ways()], range(4)):
        stages = lower(random_fold(network, seed))
        beats = link_beats(network, stages, random_frames(network, 2, seed))
        buses = ["s_axis"] if len(network.inputs) == 1 else ["s_axis_0", "s_axis_1"]
        assert list(beats) == [*buses, *(link for stage in stages for link in stage.links)]


def test_neighbours_fit():
    for seed in range(10):
        stages = lower(random_fold(small_cnn(), seed))
        specs = dict(links(stages))
        for stage in stages:
            for link, spec in zip(stage.sources, stage.config.inputs, strict=True):
                assert (specs[link].lanes, specs[link].beats, specs[link].dtype) == (spec.lanes, spec.beats, spec.dtype)


def test_both_cores_of_a_layer_may_need_converters():
    """Of a grouped convolution the windows come a group at a time, whatever the beats before and behind them."""
    rng, dtype = np.random.default_rng(0), DataType("INT3")
    first = conv(rng, "first", "input", (3, 3, 4), dtype, 4, dtype, dtype)
    grouped = Conv("grouped", ("first",), (3, 3, 4), dtype, values(rng, dtype, (4, 2, 2, 2)), dtype, Window((2, 2)), groups=2)
    folded = FoldedNetwork(network_of("groups", (3, 3, 4), dtype, [first, grouped]), {"first": Fold(pe=1), "grouped": Fold(pe=1, simd=1)})
    stages = size_rooms(lower(folded))
    assert [stage.name for stage in stages if "_dwc" in stage.name] == ["grouped_dwc", "grouped_dwc_2"]
    assert len({stage.name for stage in stages}) == len(stages)
    assert predict(stages).interval == max(stage.config.schedule().interval for stage in stages)


def test_what_is_made_of_padding_alone_comes_early():
    rng, dtype = np.random.default_rng(0), DataType("INT3")
    for kernel, early in (((1, 1), 6), ((2, 1), 1), ((2, 2), 0)):
        layer = conv(rng, "conv", "input", (3, 3, 2), dtype, 2, dtype, None, Window(kernel, pads=(1, 1, 1, 1)))
        stages = size_rooms(lower(FoldedNetwork(network_of("frame", (3, 3, 2), dtype, [layer]), {"conv": Fold(pe=2)})))
        assert early_beats(stages)["conv_mvtu"] == early, kernel


def test_finn_folding_of_cnv_takes_its_cycles(tmp_path):
    """FINN's published folding of CNV (Blott et al. 2018, BNN-PYNQ): 32,768 cycles per frame, set by the fully connected layers."""
    (tmp_path / "cnv.onnx").write_bytes(make("cnv_w1a1").SerializeToString())
    network = load_network(tmp_path / "cnv.onnx")
    given = read_folding(Path(__file__).parent.parent / "examples" / "cnv_finn_folding.json", network)
    result = design(network, load("pynq_z1"), Goal(target_fps=3051, given=given))
    cycles = {stage.name: stage.config.schedule().interval for stage in result.stages}
    assert [cycles[f"{name}_mvtu"] for name in given] == [32400, 28224, 20736, 28800, 20736, 18432, 32768, 32768, 1024]
    assert result.cycles.interval == 32_768


def test_rooms_hold_less_than_half_a_frame_where_paces_agree():
    network = small_cnn()
    stages = size_rooms(lower(FoldedNetwork(network, {layer.name: Fold() for layer in network.layers})))
    fifos = [stage.config for stage in stages if isinstance(stage.config, FifoConfig)]
    assert fifos
    for fifo in fifos:
        assert fifo.depth < fifo.output.beats / 2


@pytest.mark.parametrize(("outputs", "window", "fold", "stage", "limit"), [
    (1, Window(), Fold(pe=1, simd=1), "conv_mvtu", "input port"),
    (4, Window(), Fold(pe=1, simd=2), "conv_mvtu", "output port"),
    (4, Window(), Fold(pe=1, simd=1), "conv_mvtu", "compute"),
    (4, Window((3, 3)), Fold(pe=4, simd=2), "conv_swu", "window"),
])
def test_cycles_say_what_is_at_its_limit(outputs, window, fold, stage, limit):
    rng, dtype = np.random.default_rng(0), DataType("INT3")
    layer = conv(rng, "conv", "input", (6, 5, 2), dtype, outputs, dtype, None, window)
    cycles = predict(size_rooms(lower(FoldedNetwork(network_of("one", (6, 5, 2), dtype, [layer]), {"conv": fold}))))
    assert (cycles.bottleneck, cycles.limit) == (stage, limit)
    # The first to work waits for nothing; the ring's reader for the first pixel of the third row, written a cycle earlier.
    assert cycles.fill == (2 * 5 + 1 if limit == "window" else 0)


def test_interval_is_the_steady_one_however_few_frames_are_asked_for():
    for make_network, seed in product([small_resnet, two_ways], range(4)):
        stages = size_rooms(lower(random_fold(make_network(), seed)))
        assert predict(stages, frames=2).interval == predict(stages, frames=30).interval


def test_interval_of_rooms_too_small_is_the_mean_where_no_frame_repeats_the_last():
    """A place less somewhere may cost half a cycle a frame: then every other one comes a cycle later."""
    for seed in range(3):
        stages = size_rooms(lower(random_fold(two_ways(), seed)))
        for index, stage in enumerate(stages):
            if stage.tight and stage.room > 1:
                fewer = [*stages[:index], stage.holding(stage.room - 1), *stages[index + 1 :]]
                assert predict(fewer).interval > predict(stages).interval, (seed, stage.name)


def test_fill_ends_with_the_last_wait():
    """Behind it the slowest stage is never late again: frames leave it in the interval."""
    for seed in range(8):
        stages = size_rooms(lower(random_fold(small_resnet(), seed)))
        cycles = predict(stages, frames=16)
        assert 0 <= cycles.fill <= cycles.ends[-2]
        assert cycles.fill == cycles.fills[cycles.bottleneck]
        assert list(cycles.fills) == [stage.name for stage in stages]
        assert all(0 <= fill <= cycles.ends[-1] for fill in cycles.fills.values())
