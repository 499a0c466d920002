"""What is asked of a design: targets, caps, given values, memory, costs; and what is said where that is impossible."""

from dataclasses import replace

import numpy as np
import pytest
from networks import small_cnn, small_resnet, two_ways

from finnr_rtl.cost import predict
from finnr_rtl.cost.registry import MODELS
from finnr_rtl.cost.resources import RESOURCES, Resources
from finnr_rtl.design import Goal, design
from finnr_rtl.errors import UserError
from finnr_rtl.folding.budget import CAPS, budget
from finnr_rtl.folding.goal import OPTIMISERS
from finnr_rtl.folding.optimise import optimise
from finnr_rtl.folding.program import shares
from finnr_rtl.platforms import load, names

BOARD = load("pynq_z1")


@pytest.mark.parametrize("make", [small_cnn, small_resnet, two_ways])
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_caps_are_honoured(make, optimiser):
    caps = {"lut": 0.13, "bram18": 0.07, "dsp": 0.1}
    result = design(make(), BOARD, Goal(caps=caps, optimiser=optimiser))
    for name in RESOURCES:
        share = caps.get(name, CAPS[name])
        assert getattr(result.total, name) <= share * getattr(BOARD.device, name) - getattr(BOARD.shell, name)
    assert result.total == predict.whole_cost(result.stages, BOARD.family)


def test_rooms_are_within_the_budget_too():
    """FIFOs that only show once a folding is chosen do not break a cap: something else is chosen then."""
    net = small_resnet()
    free = optimise(net, BOARD, Goal(target_fps=20_000))
    for lut in np.linspace(1.0, 0.9, 6):
        cap = (free.total.lut * lut + BOARD.shell.lut) / BOARD.device.lut
        try:
            result = optimise(net, BOARD, Goal(target_fps=20_000, caps={"lut": float(cap)}))
        except UserError:
            continue
        assert result.total <= result.budget


def test_a_target_is_met_with_the_least():
    net = small_cnn()
    last = None
    for target in (200_000, 50_000, 10_000, 1000, 1):
        result = design(net, BOARD, Goal(target_fps=target))
        assert result.frames_per_second >= target
        assert result.gap == 0
        share = float(shares(result.budget) @ [*vars(result.total).values()])
        assert last is None or share <= last + 0.01
        last = share


def test_given_values_stay_and_the_rest_is_chosen():
    given = {"conv0": {"pe": 2}, "conv1": {"simd": 4, "weights": "block"}, "fc0": {}}
    result = design(small_cnn(), BOARD, Goal(given=given))
    assert result.folded.folds["conv0"].pe == 2
    assert result.folded.folds["conv1"].simd == 4 and result.folded.folds["conv1"].weights == "block"
    assert result.folded.folds["conv0"].simd > 1


def test_default_is_no_faster_than_memory_brings_frames():
    slow = replace(BOARD, memory=replace(BOARD.memory, port_bits=1))
    result = design(small_cnn(), slow, Goal())
    bits = 9 * 8 * 3 * 8
    # The cheapest that keeps up, and what keeps up is not always exactly as slow.
    assert bits / 2 < result.cycles.interval <= bits
    assert result.total.lut < design(small_cnn(), BOARD, Goal()).total.lut


def test_memory_cycles():
    memory = BOARD.memory
    assert memory.cycles([640], [64], 100) == 10  # one bus, one port
    assert memory.cycles([64] * 8, [1], 1) == 2  # eight buses share four ports
    assert memory.cycles([6400] * 4, [6400] * 4, 100) == 51200 * 100 // 16800 + 1  # 2.1 GB/s are 168 bits a cycle


def test_nothing_fits():
    with pytest.raises(UserError) as caught:
        design(small_cnn(), BOARD, Goal(caps={"lut": 0.08}))
    text = str(caught.value)
    assert "does not fit pynq_z1" in text
    assert "LUT, of which 256 may be used (" in text
    assert "short)" in text
    assert "smallest of our boards on which it would fit is ulx3s" in text
    with pytest.raises(UserError, match="fits none of our boards"):
        design(small_cnn(), BOARD, Goal(caps={"bram18": 0.001, "lut": 0.005}))


@pytest.mark.parametrize(
    ("fps", "words"),
    [
        (1e8, ["1 cycles per frame", "memory of pynq_z1 takes 27 cycles"]),
        (2e6, ["50 cycles per frame", "layer 'conv0' takes 72 cycles at its fastest"]),
    ],
)
def test_a_target_out_of_reach(fps, words):
    with pytest.raises(UserError) as caught:
        design(small_cnn(), BOARD, Goal(target_fps=fps))
    for word in [*words, "the most possible is 1,388,889 frames/s (72 cycles per frame)"]:
        assert word in str(caught.value)


def test_a_target_beyond_the_budget():
    caps = {"lut": 0.09, "bram18": 0.05}
    most = design(small_cnn(), BOARD, Goal(caps=caps))
    with pytest.raises(UserError, match="no folding of .* cycles fits the budget on pynq_z1; the most possible is"):
        design(small_cnn(), BOARD, Goal(target_fps=most.frames_per_second * 1.05, caps=caps))


@pytest.mark.parametrize(
    ("caps", "words"),
    [({"lut": -0.1}, "--max-lut -0.1 is out of range"), ({"dsp": 1.01}, "--max-dsp 1.01"), ({"ram": 1}, "no resource 'ram'")],
)
def test_caps_out_of_range(caps, words):
    with pytest.raises(UserError, match=words):
        design(small_cnn(), BOARD, Goal(caps=caps))


def test_a_cap_of_zero_keeps_out_what_there_is():
    assert design(small_cnn(), BOARD, Goal(caps={"dsp": 0})).total.dsp == 0


def test_unknown_optimiser_and_cost_model():
    with pytest.raises(UserError, match="'best' is unknown: choose one of exact, finn-r"):
        Goal(optimiser="best")
    with pytest.raises(UserError, match="'vivado' is unknown: choose one of finnr_rtl, finn-r"):
        Goal(cost_model="vivado")


def test_published_costs_can_be_counted_by():
    result = design(small_cnn(), BOARD, Goal(cost_model="finn-r"))
    assert result.total == sum(MODELS["finn-r"].layers(result.folded, result.stages, BOARD.family).values(), Resources())
    assert result.total <= result.budget


def test_budget_is_a_share_of_the_device_less_the_shell():
    for name in names():
        board = load(name)
        room = budget(board, {"lut": 0.5})
        assert room.lut == int(0.5 * board.device.lut) - board.shell.lut
        assert room.bram18 == int(CAPS["bram18"] * board.device.bram18) - board.shell.bram18
