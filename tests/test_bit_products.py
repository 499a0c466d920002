"""Products in LUTs: counters, heaps, and both made of cells of slices."""

from itertools import product

import numpy as np
import pytest
from core_verilog import Placed, hold_to_contract
from matrix_configs import bitwise_mvtu
from networks import values

from finnr_rtl.cores.bit_heap import plan
from finnr_rtl.cores.bit_planes import Front, in_sums, owed, planes
from finnr_rtl.cores.counters import FullAdder, Parity, SixCounter, TwelveCounter
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.datatypes import BIPOLAR, DataType, int_, uint


class Evaluated:
    """Cells of slices as functions of arrays of bits."""

    placed = True

    def lut(self, name, inputs, *functions):
        assert len(inputs) <= 7 - len(functions)
        return [np.asarray(function(*inputs)).astype(int) & 1 for function in functions]

    def carry(self, name, select, data):
        sums, carries, carry = [], [], 0
        for chosen, given in zip(select, data, strict=True):
            sums.append(chosen ^ carry)
            carry = np.where(chosen, carry, given)
            carries.append(carry)
        return sums, carries


@pytest.mark.parametrize("kind", [FullAdder, Parity, SixCounter, TwelveCounter])
def test_placed_counters_count_whatever_their_bits_are(kind):
    bits = np.array(list(product((0, 1), repeat=sum(kind.taken)))).T
    weights = np.concatenate([[1 << place] * taken for place, taken in enumerate(kind.taken) if taken])
    given = kind.placed(Evaluated(), list(bits))
    assert np.array_equal(sum(bit << place for place, bit in enumerate(given)), weights @ bits % (1 << kind.given))


def test_plans_lose_no_bit():
    rng = np.random.default_rng(5)
    for _ in range(60):
        heights = tuple(rng.integers(0, rng.choice([4, 12, 60]), rng.integers(1, 9)).tolist())
        rows = int(rng.choice([2, 3]))
        if not heights[-1]:
            continue
        print(heights, rows)
        worth = sum(height << place for place, height in enumerate(heights))
        reduced = plan(heights, rows, max(1, worth.bit_length()))
        assert max(reduced.heights) <= rows
        # What is left over can hold the greatest sum.
        assert sum(height << place for place, height in enumerate(reduced.heights)) >= worth


TYPES = ("BIPOLAR", "TERNARY", "UINT1", "UINT3", "INT2", "INT8")


@pytest.mark.parametrize(("name", "weight_name"), list(product(TYPES, TYPES)))
def test_sums_of_bits_stand_for_dot_products(name, weight_name):
    rng = np.random.default_rng(6)
    dtype, weight_type = DataType(name), DataType(weight_name)
    weights, x = values(rng, weight_type, (5, 7)), values(rng, dtype, (7,))
    codes, weight_codes = (kind.encode(numbers).astype(np.int64) for kind, numbers in ((dtype, x), (weight_type, weights)))
    found = -owed(dtype, weight_type, 7)
    for plane in planes(dtype, weight_type):
        found = found + (plane.product(codes >> plane.i & 1, weight_codes >> plane.j & 1).sum(axis=1) << plane.worth)
    scale, offsets = in_sums(dtype, weight_type, weights)
    assert np.array_equal(scale * found - offsets, weights @ x)


def test_weights_of_few_words_are_in_the_luts_that_multiply():
    # The 64 x 576 layer of CNV: three products in a LUT, where a memory would need two and the memory.
    same = planes(BIPOLAR, BIPOLAR)
    assert Front(144, same, 10).luts == 96 and Front(144, same, 10, words=4).luts == 48
    assert Front(144, same, 10, words=4).heights == (48, 48)
    assert Front(32, same, 10, words=16).luts == 16 and Front(32, same, 10, words=32).luts == 32
    assert plan((48, 48), 2, 10).luts < 60


@pytest.mark.parametrize("seed", range(3))
def test_placed_cells_keep_the_contract(seed, tmp_path, builds):
    rng = np.random.default_rng(seed)
    hold_to_contract([bitwise_mvtu(rng) for _ in range(6)], seed, tmp_path, builds, "icarus", frames=2, platform=Placed())


def test_netlist_of_placed_cells_keeps_the_contract(tmp_path, builds):
    # Skips where there is no Yosys.
    from test_netlist import netlist

    rng = np.random.default_rng(9)
    few = MvtuConfig(BIPOLAR, BIPOLAR, values(rng, BIPOLAR, (4, 90)), 2, 45, 3)
    planes = MvtuConfig(int_(3), BIPOLAR, values(rng, BIPOLAR, (3, 20)), 3, 10, 3)
    memory = MvtuConfig(uint(2), BIPOLAR, values(rng, BIPOLAR, (16, 32)), 1, 8, 3, storage="lut")
    assert few.fused and planes.fused and not memory.fused
    hold_to_contract([few, planes, memory], 9, tmp_path, builds, "icarus", frames=2, mapped=netlist, platform=Placed())
