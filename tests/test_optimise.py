"""The folding optimiser: proven best, within its budget, told apart from the impossible."""

from functools import partial
from itertools import product
from math import prod

import numpy as np
import pytest
from networks import add, conv, network, small_cnn, small_resnet, two_ways

from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cost import predict
from finnr_rtl.cost.registry import MODELS, _with_ring
from finnr_rtl.cost.resources import RESOURCES, Resources
from finnr_rtl.dataflow.engines import engine
from finnr_rtl.dataflow.stages import lower
from finnr_rtl.datatypes import DataType
from finnr_rtl.design import Goal, design
from finnr_rtl.errors import UserError
from finnr_rtl.folding.budget import budget
from finnr_rtl.folding.exact import fastest, limits
from finnr_rtl.folding.finn_r import algorithm_1
from finnr_rtl.folding.folding import FoldedNetwork
from finnr_rtl.folding.goal import OPTIMISERS
from finnr_rtl.folding.optimise import optimise, space_of
from finnr_rtl.folding.options import Options, folds, quickest, undominated
from finnr_rtl.folding.program import cheapest, shares, tightest
from finnr_rtl.folding.space import Space
from finnr_rtl.network.layers import Window
from finnr_rtl.platforms import load

BOARD = load("pynq_z1")
NETWORKS = [small_cnn, small_resnet, two_ways]


def generated(seed):
    """A random small chain or diamond of matrix layers."""
    rng = np.random.default_rng(seed)
    types = [DataType(name) for name in ("BIPOLAR", "UINT2", "INT4", "UINT8")]

    def layer(name, source, shape, dtype, window, output):
        weight = types[rng.integers(3)]
        return conv(rng, name, source, shape, dtype, int(rng.choice([4, 6, 8, 12])), weight, output, window)

    act = types[rng.integers(1, 3)]
    first = layer("a", "input", (7, 6, int(rng.choice([2, 3, 4]))), DataType("UINT8"), Window((3, 3)), act)
    second = layer("b", "a", first.output_shape, act, Window((3, 3), pads=(1, 1, 1, 1)), act)
    layers = [first, second]
    if rng.random() < 0.5:
        skip = conv(rng, "skip", "a", first.output_shape, act, second.outputs, types[0], act)
        layers += [skip, add(rng, "sum", (second, skip), act)]
    flat = (1, 1, prod(layers[-1].output_shape))
    layers.append(layer("end", layers[-1].name, flat, act, None, None))
    return network(f"generated_{seed}", first.input_shape, DataType("UINT8"), layers)


def tight(space, seed):
    """A random budget that some designs are within and others are not."""
    rng = np.random.default_rng(seed)
    least = [min(int(options.resources[:, column].min()) for options in space.options) for column in range(len(RESOURCES))]
    rows = [int(rng.integers(len(options))) for options in space.options]
    picked = [*vars(space.resources(rows)).values()]
    return Resources(*(max(low, int(count * rng.uniform(0.7, 1.2))) for low, count in zip(least, picked, strict=True)))


def brute_force(space, limit, room):
    """Least share of ``room`` over all designs, one by one; None where there is none."""
    best = None
    worth = shares(room)
    for rows in product(*(np.flatnonzero(options.cycles <= limit).tolist() for options in space.options)):
        taken = space.resources(rows)
        if taken <= room:
            share = float(worth @ [*vars(taken).values()])
            best = share if best is None else min(best, share)
    return best


def small_space(seed):
    """Two layers with a fork, a converter and an input read twice, small enough to try every design."""
    rng = np.random.default_rng(seed)
    act = DataType("UINT2")
    left = conv(rng, "left", "input", (3, 3, 4), DataType("INT4"), 6, DataType("INT2"), act)
    right = conv(rng, "right", "input", (3, 3, 4), DataType("INT4"), 6, DataType("INT3"), act)
    total = add(rng, "total", (left, right), act)
    return space_of(network("small", (3, 3, 4), DataType("INT4"), [left, right, total]), Goal(), BOARD.device, BOARD.family)


@pytest.mark.parametrize("seed", range(6))
def test_no_design_is_cheaper_or_faster(seed):
    space = small_space(seed)
    room = tight(space, seed)
    found = [brute_force(space, limit, room) for limit in limits(space, 1)]
    for limit, least in zip(limits(space, 1), found, strict=True):
        solution = cheapest(space, limit, room, room)
        assert (solution is None) == (least is None), limit
        if solution is not None:
            assert space.resources(solution.rows) <= room
            assert space.cycles(solution.rows) <= limit
            assert solution.value == pytest.approx(least, rel=1e-6)
            assert float(shares(room) @ [*vars(space.resources(solution.rows)).values()]) == pytest.approx(least, rel=1e-6)
    best = fastest(space, 1, room, room)
    first = next((limit for limit, least in zip(limits(space, 1), found, strict=True) if least is not None), None)
    assert (None if best is None else space.cycles(best.rows)) == first


@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_out_never_wins(seed):
    net, cost = generated(seed), MODELS["finnr_rtl"]
    every, some = (
        Space(net, {}, partial(cost.layer, family="xc7"), partial(cost.core, family="xc7"), most=10_000, pruned=pruned)
        for pruned in (False, True)
    )
    room = budget(BOARD, {})
    for limit in limits(some, 1)[::9]:
        assert cheapest(some, limit, room, room).value == pytest.approx(cheapest(every, limit, room, room).value, rel=1e-6)


@pytest.mark.parametrize("make", NETWORKS)
def test_prices_of_choices_add_up(make):
    cost = partial(MODELS["finnr_rtl"].layer, family="xc7")
    for layer in make().layers:
        options = Options.of(layer, {}, cost, most=10_000, least=0)
        for fold, resources in zip(options.folds[::7], options.resources[::7].tolist(), strict=True):
            wanted = [*vars(cost(options.layer, fold)).values()]
            assert abs(resources[0] - wanted[0]) <= 2
            assert resources[1:] == wanted[1:]


@pytest.mark.parametrize("seed", range(3))
def test_the_closest_to_a_budget_is(seed):
    space = small_space(seed)
    room = Resources(300, 300, 2, 3, 1)
    solution = tightest(space, max(limits(space, 1)), room)

    def worst(rows):
        return max(count / have for count, have in zip(vars(space.resources(rows)).values(), vars(room).values(), strict=True))

    least = min(worst(rows) for rows in product(*(range(len(options)) for options in space.options)))
    assert solution.value <= least + 1e-6
    assert worst(solution.rows) <= 1.3 * least


@pytest.mark.parametrize("make", NETWORKS)
def test_what_is_counted_is_what_is_built(make):
    """Cycles are those of the schedules, resources those of stages whose rooms are not sized, rings a little off."""
    net = make()
    space = space_of(net, Goal(), BOARD.device, BOARD.family)
    rng = np.random.default_rng(0)
    for _ in range(8):
        rows = [int(rng.integers(len(options))) for options in space.options]
        stages = lower(FoldedNetwork(net, space.folds(rows)))
        assert space.cycles(rows) == max(stage.config.schedule().interval for stage in stages)
        # But for a FIFO between an input and an output that are the same.
        built = sum(predict.stages_cost([stage for stage in stages if stage.layer], BOARD.family).values(), Resources())
        counted = space.resources(rows)
        assert counted.dsp == built.dsp
        assert counted.bram18 == pytest.approx(built.bram18, abs=1)
        assert counted.ff == pytest.approx(built.ff, rel=0.03)
        assert counted.lut == pytest.approx(built.lut, rel=0.05)


def test_rings_are_foretold():
    rng = np.random.default_rng(0)
    for _ in range(100):
        shape = (int(rng.integers(5, 12)), int(rng.integers(5, 12)), int(rng.choice([2, 4, 6, 8])))
        kernel, stride = tuple(rng.integers(1, 5, 2).tolist()), tuple(rng.integers(1, 3, 2).tolist())
        order = str(rng.choice(["window", "depthwise"]))
        pads, simd = tuple(rng.integers(0, 2, 4).tolist()), int(rng.choice([1, 2]))
        try:
            config = SwuConfig(DataType("UINT4"), shape, kernel, stride, (1, 1), pads, 0, simd, order)
        except ValueError:
            continue
        print(config)
        foretold = _with_ring(config).depth
        if order == "window":
            assert foretold == config.words
        else:
            assert foretold == pytest.approx(config.words, rel=0.5)


@pytest.mark.parametrize("seed", range(4))
def test_never_worse_than_algorithm_1(seed):
    net = generated(seed)
    rng = np.random.default_rng(seed)
    for board in (load(name) for name in ("pynq_z1", "kv260")):
        caps = {"lut": float(rng.uniform(0.1, 0.7)), "bram18": float(rng.uniform(0.08, 0.9)), "dsp": float(rng.uniform(0.02, 0.9))}
        found = {}
        for optimiser in OPTIMISERS:
            try:
                result = design(net, board, Goal(caps=caps, optimiser=optimiser))
            except UserError:
                continue
            found[optimiser] = result.cycles.interval
            assert result.total <= result.budget
        assert "finn-r" not in found or found["exact"] <= found["finn-r"]


@pytest.mark.parametrize("seed", range(4))
def test_never_dearer_than_algorithm_1(seed):
    net = generated(seed)
    walked, space = space_of(net, Goal(optimiser="finn-r"), BOARD.device, BOARD.family), space_of(net, Goal(), BOARD.device, BOARD.family)
    room = budget(BOARD, {})
    for target in limits(space, 1)[::7]:
        rows = algorithm_1(walked, 1, room, room, target)
        if rows is not None:
            other = float(shares(room) @ [*vars(walked.resources(rows)).values()])
            assert cheapest(space, target, room, room).value <= other + 1e-9


def test_algorithm_1_widens_q_then_p():
    """One layer of 12 outputs over 8 values: Q first, then P, each to its next divisor; every step is a design."""
    rng = np.random.default_rng(0)
    act = DataType("UINT4")
    net = network("one", (1, 1, 8), act, [conv(rng, "fc", "input", (1, 1, 8), act, 12, act)])
    space = space_of(net, Goal(optimiser="finn-r"), BOARD.device, BOARD.family)
    room = budget(BOARD, {})
    walk = [space.folds(algorithm_1(space, 1, room, room, target))["fc"] for target in (96, 48, 24, 12, 6, 4, 3, 2, 1)]
    assert [(fold.simd, fold.pe) for fold in walk] == [(1, 1), (2, 1), (4, 1), (8, 1), (8, 2), (8, 3), (8, 4), (8, 6), (8, 12)]


def test_every_fold_is_legal_and_none_is_told_twice():
    for layer in small_cnn().layers:
        every = list(folds(layer, {}))
        assert len(set(every)) == len(every)
        assert quickest(layer, {}) == min(max(config.cycles for _, config in engine(layer, fold)) for fold in every)


def test_undominated_rows():
    rng = np.random.default_rng(0)
    measure = rng.integers(0, 5, (60, 3))
    kept = set(undominated(measure).tolist())
    for row in range(len(measure)):
        others = [other for other in range(len(measure)) if other != row and np.all(measure[other] <= measure[row])]
        better = [other for other in others if np.any(measure[other] < measure[row]) or other < row]
        assert (row in kept) == (not better)


def test_the_same_question_has_the_same_answer():
    for goal in (Goal(), Goal(target_fps=5000), Goal(caps={"lut": 0.13})):
        first, second = (optimise(small_resnet(), BOARD, goal) for _ in range(2))
        assert first.folded.folds == second.folded.folds
