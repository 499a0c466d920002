"""Products: exact for every pair of operands, and where the design says."""

from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.hdl import Const, Module, Shape, Signal, signed, unsigned
from amaranth.sim import Simulator

from finnr_rtl.cores.product import product, uses_dsp


def values(shape: Shape) -> range:
    """All values of a shape."""
    return range(-(1 << (shape.width - 1)), 1 << (shape.width - 1)) if shape.signed else range(1 << shape.width)


def check(cases, first, second, results, m):
    """Hold ``results`` to ``first * second`` for each pair in ``cases``."""
    simulator = Simulator(m)

    async def bench(context):
        for a, b in cases:
            context.set(first, a)
            if second is not None:
                context.set(second, b)
            for factor, result in results:
                assert context.get(result) == a * (b if factor is None else factor), (a, b, factor, result.name)

    simulator.add_testbench(bench)
    simulator.run()


# With LUTs of six inputs and of four.
PLATFORMS = [SimpleNamespace(slices=True), SimpleNamespace(slices=False)]
SMALL = [unsigned(1), signed(1), unsigned(3), signed(2), signed(4)]


@pytest.mark.parametrize("second", SMALL, ids=repr)
@pytest.mark.parametrize("first", SMALL, ids=repr)
def test_all_pairs_of_small_numbers(first, second):
    m, a, b = Module(), Signal(first), Signal(second)
    results = [
        (None, product(m, f"{arithmetic}{n}", a, b, arithmetic, platform))
        for arithmetic in ("auto", "lut", "dsp") for n, platform in enumerate(PLATFORMS)
    ]
    check([(x, y) for x in values(first) for y in values(second)], a, b, results, m)


@pytest.mark.parametrize(("first", "second"), [(signed(20), signed(17)), (unsigned(13), signed(8)), (signed(8), unsigned(8))])
def test_wide_numbers(first, second):
    m, a, b, rng = Module(), Signal(first), Signal(second), np.random.default_rng(1)
    results = [
        (None, product(m, f"{arithmetic}{n}", a, b, arithmetic, platform))
        for arithmetic in ("lut", "dsp") for n, platform in enumerate(PLATFORMS)
    ]
    ends = [[values(shape)[0], values(shape)[-1], 0, 1] for shape in (first, second)]
    cases = [(x, y) for x in ends[0] for y in ends[1]]
    cases += [tuple(int(rng.integers(values(shape)[0], values(shape)[-1] + 1)) for shape in (first, second)) for _ in range(100)]
    check(cases, a, b, results, m)


@pytest.mark.parametrize("shape", [signed(4), unsigned(3)], ids=repr)
def test_constant_factors(shape):
    m, a = Module(), Signal(shape)
    factors = [*range(-20, 21), 255, -129, 1000]
    results = []
    for platform in PLATFORMS:
        kind = f"slices_{platform.slices}"
        results += [(factor, product(m, f"{kind}_times{n}", Const(factor), a, platform=platform)) for n, factor in enumerate(factors)]
        results += [
            (factor, product(m, f"{kind}_by{n}", a, Const(factor, signed(12)), "dsp", platform)) for n, factor in enumerate(factors)
        ]
    check([(x, 0) for x in values(shape)], a, None, results, m)


def test_wide_constant_factors():
    """Of many digits, positive and negative."""
    m, a, rng = Module(), Signal(signed(24)), np.random.default_rng(2)
    factors = [0xAAAAAA, 0x555555, 0xB6DB6D, -0xB6DB6D, *rng.integers(1 << 23, 1 << 24, 6).tolist()]
    results = [
        (factor, product(m, f"slices_{platform.slices}_times{n}", a, Const(factor), platform=platform))
        for platform in PLATFORMS for n, factor in enumerate(factors)
    ]
    check([(x, 0) for x in (-(1 << 23), (1 << 23) - 1, -1, 0, 1, *rng.integers(-(1 << 23), 1 << 23, 50).tolist())], a, None, results, m)


def test_the_rule():
    assert not uses_dsp("auto", signed(8), unsigned(6))
    assert uses_dsp("auto", signed(8), unsigned(8))
    assert not uses_dsp("lut", signed(20), signed(20))
    assert uses_dsp("dsp", signed(9), signed(2))
    assert not uses_dsp("dsp", signed(5), signed(5))
    assert not uses_dsp("dsp", signed(20), signed(1))
