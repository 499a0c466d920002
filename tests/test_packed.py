"""Packed products: exact for all weights and inputs, as many to a slice as promised."""

from itertools import product

import numpy as np
import pytest
from amaranth.sim import Simulator

from finnr_rtl.cores.bit_heap import Sum
from finnr_rtl.cores.contract import StreamSpec
from finnr_rtl.cores.packed import PACKED, PackedLanes, borrowed, packings
from finnr_rtl.datatypes import int_, uint


def results(lanes: PackedLanes, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """What ``lanes`` give for inputs (vectors, simd) and weights (vectors, lanes, simd), a vector each cycle."""
    input_type, weight_type, simd, packing, total = lanes.parameters
    latency, width = 1 + total.latency, total.width
    words = StreamSpec(weight_type, (packing.lanes, simd), packing.lanes * simd).pack(borrowed(w, (packing,)))
    inputs = StreamSpec(input_type, (simd,), simd).pack(x)
    found = []

    async def bench(context):
        for word, value in [*zip(words, inputs, strict=True), *[(0, 0)] * latency]:
            context.set(lanes.w, word)
            context.set(lanes.x, value)
            found.append([context.get(y) for y in lanes.results])
            await context.tick()

    simulator = Simulator(lanes)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return np.array(found[latency:]) - (np.array(found[latency:]) >> (width - 1) << width)


@pytest.mark.parametrize("narrow", [True, False])
@pytest.mark.parametrize("kind", [uint, int_])
@pytest.mark.parametrize("bits", range(2, 9))
def test_exact_to_the_ends_of_the_range(bits, kind, narrow):
    rng = np.random.default_rng(bits)
    input_type, low, high = kind(bits), narrow - (1 << (bits - 1)), (1 << (bits - 1)) - 1
    for arithmetic, pe in product(PACKED, (2, 8)):
        packing = packings((low, high), int_(bits), input_type, pe, 6, arithmetic)[0]
        x = np.concatenate([rng.choice([input_type.min, input_type.max, 0, 1], (150, 6)),
                            rng.integers(input_type.min, input_type.max + 1, (50, 6))])
        w = np.concatenate([rng.choice([low, high, -1, 0, 1], (150, packing.lanes, 6)),
                            rng.integers(low, high + 1, (50, packing.lanes, 6))])
        # All at an end at once, which gives the greatest sums there are.
        for place, (value, weight) in enumerate(product((input_type.min, input_type.max), (low, high))):
            x[place], w[place] = value, weight
        total = Sum(packing.heights(6, 24), 24, several=False, rescaled=False, initial=packing.constant(6) % (1 << 24))
        unit = PackedLanes(input_type, int_(bits), 6, packing, total)
        assert np.array_equal(results(unit, x, w), (w * x[:, None]).sum(axis=2)), packing


@pytest.mark.parametrize(("bits", "input_bits"), [(2, 3), (2, 8), (4, 1), (3, 7), (8, 2)])
def test_widths_that_differ(bits, input_bits):
    """The greatest sum may be all ones, on which the one below still lays a bit."""
    rng = np.random.default_rng(bits)
    for arithmetic, narrow in product(PACKED, (True, False)):
        low, high = narrow - (1 << (bits - 1)), (1 << (bits - 1)) - 1
        for packing in packings((low, high), int_(bits), uint(input_bits), 8, 2, arithmetic)[:1]:
            x = rng.choice([0, (1 << input_bits) - 1], (300, 2))
            w = rng.choice([low, 0, high], (300, packing.lanes, 2))
            total = Sum(packing.heights(2, 24), 24, several=False, rescaled=False, initial=packing.constant(2) % (1 << 24))
            unit = PackedLanes(uint(input_bits), int_(bits), 2, packing, total)
            assert np.array_equal(results(unit, x, w), (w * x[:, None]).sum(axis=2)), packing


@pytest.mark.parametrize(
    ("bits", "pe", "slices"), [(8, 8, 4), (7, 8, 4), (6, 8, 4), (5, 6, 2), (4, 8, 2), (3, 8, 2), (8, 7, 4)]
)
def test_products_to_a_slice(bits, pe, slices):
    # With the most negative weight, and in "dense" if in no other.
    for kind in (uint, int_):
        assert len(packings((-(1 << (bits - 1)), (1 << (bits - 1)) - 1), int_(bits), kind(bits), pe, 4, "dense")) == slices


def test_what_does_not_fit_is_not_packed():
    assert packings((-(1 << 15), (1 << 15) - 1), int_(16), uint(16), 4, 4, "dense") == ()
    assert packings((-8, 7), int_(4), uint(4), 1, 4, "packed") == ()
    assert packings((-8, 7), int_(4), uint(18), 4, 4, "packed") == ()
