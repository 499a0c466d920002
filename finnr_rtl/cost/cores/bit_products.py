"""Products in LUTs, and their sums."""

from collections import Counter, defaultdict

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.bit_heap import Sum
from finnr_rtl.cores.bit_planes import Front, front, lane_sum, sum_range, weight_codes
from finnr_rtl.cores.counters import FullAdder, Parity, SixCounter, TwelveCounter
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.operands import holding
from finnr_rtl.cost.contents import remember
from finnr_rtl.cost.parts import Parts

# With so many bits of weights more than it takes to number them, lanes are not the same by chance.
SURELY = 20
# LUTs of four inputs of each counter, which there is a module of its own.
SMALL_COUNTERS = {
    "ecp5": {FullAdder: 2, Parity: 4, SixCounter: 12, TwelveCounter: 30},
    "ice40": {FullAdder: 2, Parity: 3, SixCounter: 6, TwelveCounter: 17},
}


def bit_lanes(c: MvtuConfig, p: Parts) -> Shape:
    """The lanes of cores/bit_products.py, for one vector, with their sums; returns the shape of one."""
    first, total = front(c), lane_sum(c)
    lanes = distinct_lanes(c)
    if not p.six:
        for inputs, number in remember(c.weights, ("functions", c.pe, c.simd, first.planes), lambda: _functions(c, first)).items():
            p.lut("front LUT" if inputs <= 4 else f"front of {inputs}", number)
    elif c.fused and first.together > 1:
        p.fixed += remember(c.weights, ("tables", c.pe, c.simd, first.planes), lambda: _tables(c, first))
    else:
        # Each LUT is of two lanes.
        of_two = c.fused and first.address == 4
        p.fixed += -(-lanes // 2) * len(first.groups[1]) if of_two else lanes * first.luts
    heap_sums(total, lanes, p, pairs={len(group) for group in first.groups[0]} == {2})
    return holding(*sum_range(c))


def distinct_lanes(c: MvtuConfig) -> int:
    """Lanes that have different weights: of those that have the same, synthesis keeps one."""
    if c.sf * c.simd * c.nf * c.weight_type.bits >= c.pe.bit_length() + SURELY:
        return c.pe
    return remember(c.weights, ("lanes", c.pe, c.simd), lambda: len(np.unique(weight_codes(c).reshape(c.pe, -1), axis=0)))


def heap_sums(total: Sum, count: int, p: Parts, pairs: bool = False) -> None:
    """``count`` sums of cores/bit_heap.py. Where LUTs have multiplexers beside them, what adds up counts of ``pairs`` of products becomes
    one wide table of all that these come from."""
    p.ff += count * total.registers
    if p.six:
        p.fixed += count * total.luts
        return
    p.fixed += count * sum(SMALL_COUNTERS[p.family][kind] * number for stage in total.plan.stages for kind, _, number in stage)
    # One row more is the sum so far, or the initial value.
    more = total.several or total.initial > 0
    first = "pair full adder" if pairs and p.family == "ecp5" else "first heap full adder"
    adders = "heap full adder" if total.plan.stages else first
    p.lut(adders, count * sum(height + more > 2 for height in total.plan.heights))
    p.lut("heap bit", count * total.width * (max(total.plan.heights) + more > 1))
    p.lut("heap cleared bit", count * total.width * total.several)


def _functions(c: MvtuConfig, first: Front) -> Counter[int]:
    """How many functions of so many inputs products of bits and their weights are; lanes that want the same have one."""
    counted, alone = first.groups
    codes = weight_codes(c) if c.fused and first.together > 1 else None
    found = Counter()
    for group in [*counted, *([bit] for bit in alone)]:
        outputs = min(2, first.width - group[0][1].worth) if len(group) > 1 else 1
        lanes = distinct_lanes(c) if codes is None else _distinct(codes, group, len(group))
        found[len(group) + (first.address if c.fused else len(group))] += outputs * lanes
    return found


def _tables(c: MvtuConfig, first: Front) -> int:
    """LUTs that multiply bits with weights chosen by an address; lanes that want the same have one."""
    codes = weight_codes(c)
    counted, alone = first.groups
    luts = 0
    by_size = defaultdict(list)
    for group in counted:
        by_size[len(group), first.luts_of(group[0][1].worth, len(group))].append(group)
    for (size, each), groups in by_size.items():
        luts += each * _distinct(codes, [bit for group in groups for bit in group], size)
    even = len(alone) & ~1
    return luts + sum(_distinct(codes, part, size) for part, size in ((alone[:even], 2), (alone[even:], 1)) if part)


def _distinct(codes: np.ndarray, bits: list, size: int) -> int:
    """Of ``bits`` of weights (lanes, places, 8 words at most) in groups of ``size``, how many kinds of lanes each group has, in all."""
    chosen = codes[:, [place for place, _ in bits]] >> np.array([[plane.j] for _, plane in bits]) & 1
    chosen = chosen.reshape(len(codes), len(bits) // size, -1)
    keys = np.sort(chosen @ (1 << np.arange(chosen.shape[2])), axis=0)
    return int((np.diff(keys, axis=0) != 0).sum()) + keys.shape[1]
