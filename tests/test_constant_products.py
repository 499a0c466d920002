"""Products with weights that never change: digits, graphs of adders, and both made of cells of slices."""

from dataclasses import replace

import numpy as np
import pytest
from core_verilog import Placed, hold_to_contract
from matrix_configs import constant_mvtu

from finnr_rtl.cores.adder import Adder, Operand
from finnr_rtl.cores.adder_graph import adder_graph
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.signed_digits import digits
from finnr_rtl.datatypes import BIPOLAR, int_, uint


def evaluated(graph, x):
    """Results of a graph for inputs (columns, vectors), level by level as the hardware has them."""
    sources = list(x)
    for node in graph.nodes:
        assert all(graph.level(term.source) < node.level for term in node.terms)
        assert 1 <= len(node.terms) <= 3 and sum(term.negative for term in node.terms) < 3
        total = sum((-1 if term.negative else 1) * (sources[term.source] << term.place) for term in node.terms)
        assert node.low <= total.min() and total.max() <= node.high
        sources.append(total)
    zero = np.zeros(x.shape[1], dtype=np.int64)
    assert all(term is None or graph.level(term.source) <= graph.latency for term in graph.outputs)
    return np.array([zero if term is None else sources[term.source] << term.place for term in graph.outputs])


def matrices(rng):
    """Random ones, and those with rows and columns that are nothing, alike, negated, or powers of two."""
    rows, columns, bits = int(rng.integers(1, 20)), int(rng.integers(1, 24)), int(rng.integers(1, 9))
    weights = rng.integers(-(1 << bits - 1), 1 << bits - 1, (rows, columns))
    weights[rng.random(weights.shape) < rng.choice([0, 0.5, 0.9])] = 0
    for row in range(1, rows):
        other, kind = int(rng.integers(row)), rng.random()
        if kind < 0.4:
            weights[row] = weights[other] * rng.choice([1, -1, 2, -4, 0])
    if rng.random() < 0.2:
        weights = np.sign(weights) << rng.integers(0, 7, weights.shape)
    return weights


@pytest.mark.parametrize("seed", range(60))
def test_graphs_are_the_product_with_their_matrix(seed):
    print("seed", seed)
    rng = np.random.default_rng(seed)
    weights = matrices(rng)
    low, high = [(0, 1), (0, 255), (-8, 7), (-1, 1), (-128, 127), (0, 3)][rng.integers(6)]
    graph = adder_graph(weights, low, high)
    # The inputs at which a row is least and greatest are among those tried.
    ends = np.concatenate([np.where(weights > 0, low, high), np.where(weights > 0, high, low)]).T
    x = np.concatenate([rng.integers(low, high + 1, (weights.shape[1], 20)), ends], axis=1)
    y = evaluated(graph, x)
    assert np.array_equal(y, weights @ x)
    for term, row in zip(graph.outputs, y, strict=True):
        # As wide as is needed, and no wider.
        width, signed = graph.shape(term.source) if term else (1, False)
        place = term.place if term else 0
        assert row.any() == (term is not None) or high == 0
        if term and term.source >= graph.inputs:
            assert max(int(row.max()).bit_length(), (~int(row.min())).bit_length() if signed else 0) + signed == width + place
    assert adder_graph(weights, low, high) == graph


def test_rows_that_are_alike_share_their_sums():
    rng = np.random.default_rng(3)
    row = rng.integers(-128, 128, 16)
    one, all_three = adder_graph(row[None], 0, 255), adder_graph(np.array([row, row * 4, row]), 0, 255)
    assert len(one.nodes) == len(all_three.nodes)
    assert adder_graph(np.array([[1, 0], [0, 4]]), 0, 255).luts == 0


def test_shared_sums_are_fewer_than_additions():
    rng = np.random.default_rng(0)
    weights = rng.integers(-128, 128, (16, 16))
    additions = sum(len(digits(value)) for value in weights.flat) - 16
    graph = adder_graph(weights, 0, 255)
    # Two additions in an adder, and a third of them shared.
    assert len(graph.nodes) < additions / 2.7
    # A level for each factor of three, and one or two for what is shared.
    assert graph.latency <= 6


@pytest.mark.parametrize("seed", range(200))
def test_places_of_an_adder_add(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 4))
    signs = rng.random(count) < 0.4
    if signs.sum() == 3:
        signs[0] = False
    operands = tuple(Operand(int(rng.integers(1, 6)), bool(rng.random() < 0.5), int(rng.integers(0, 6)), bool(sign)) for sign in signs)
    adder = Adder(operands, 14)
    print(adder)
    values = [rng.integers(0, 1 << op.width, 50) - (op.signed << op.width - 1) for op in operands]
    expected = sum((-value if op.negative else value) << op.place for value, op in zip(values, operands, strict=True)) & (1 << 14) - 1
    bits = [np.zeros(50, dtype=np.int64) if bit is None else values[bit[0]] >> bit[1] & 1 for bit in adder.below]
    (carry, below) = adder.first
    for place in adder.places:
        ones = np.zeros(50, dtype=np.int64) + place.ones_of([values[index] >> bit & 1 for index, bit in place.bits])
        select = (ones ^ below) & 1
        bits.append(select ^ carry)
        carry = np.where(select, carry, below)
        below = (ones > 1).astype(np.int64)
        assert ones.max() <= 3 and (place.carry is None or len(bits) == 14 or (below == place.carry).all())
    assert np.array_equal(sum(bit << number for number, bit in enumerate(bits)), expected)


@pytest.mark.parametrize("seed", range(3))
def test_placed_adders_keep_the_contract(seed, tmp_path, builds):
    rng = np.random.default_rng(seed)
    hold_to_contract([constant_mvtu(rng) for _ in range(6)], seed, tmp_path, builds, "icarus", frames=2, platform=Placed())


def test_netlist_of_placed_adders_keeps_the_contract(tmp_path, builds):
    # Skips where there is no Yosys.
    from test_netlist import netlist, requantiser

    rng = np.random.default_rng(9)
    signed = MvtuConfig(int_(4), int_(5), rng.integers(-16, 16, (4, 9)), 4, 9, 3, requantiser(rng, 7))
    codes = MvtuConfig(BIPOLAR, int_(3), rng.integers(-4, 4, (3, 12)), 3, 12, 3)
    asked = MvtuConfig(uint(8), int_(4), rng.integers(-8, 8, (2, 3)), 2, 3, 3, arithmetic="dsp")
    assert signed.constant and codes.constant and not asked.constant and replace(asked, arithmetic="packed").constant
    hold_to_contract([signed, codes, asked], 9, tmp_path, builds, "icarus", frames=2, mapped=netlist, platform=Placed())


def test_all_canonical_digits():
    for value in range(-300, 301):
        found = digits(value)
        assert sum(digit << place for place, digit in found) == value
        assert all(high - low > 1 for (low, _), (high, _) in zip(found, found[1:], strict=False))
    assert digits(0) == []
