"""Products in LUTs, and their sums."""

from collections import Counter, defaultdict
from collections.abc import Collection
from functools import cache

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.bit_heap import Sum
from finnr_rtl.cores.bit_planes import Front, front, lane_sum, sum_range, weight_codes
from finnr_rtl.cores.counters import FullAdder, Parity, SixCounter, TwelveCounter
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.ram import rom_in_block
from finnr_rtl.cost.contents import remember
from finnr_rtl.cost.parts import SHORT_CARRY, Parts
from finnr_rtl.datatypes import BIPOLAR
from finnr_rtl.emit.images import keeps_to_itself

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
        key = ("functions", c.pe, c.simd, first.planes, c.fused, c.storage)
        for inputs, number in remember(c.weights, key, lambda: _functions(c, first)).items():
            # Tables of words are larger than sums of products, and sums of bits that are compared than of such as are multiplied.
            kind = "table" if c.fused else "matches" if first.planes[0].matched else "count"
            p.lut("front LUT" if inputs <= 4 else f"{kind} of {inputs}", number)
    elif c.fused and first.together > 1:
        p.fixed += remember(c.weights, ("tables", c.pe, c.simd, first.planes), lambda: _tables(c, first))
    else:
        # Each LUT is of two lanes.
        of_two = c.fused and first.address == 4
        p.fixed += -(-lanes // 2) * len(first.groups[1]) if of_two else lanes * first.luts
    heap_sums(total, lanes, p, {len(group) for group in first.groups[0]})
    return holding(*sum_range(c))


def distinct_lanes(c: MvtuConfig) -> int:
    """Lanes that have different weights: of those that have the same, synthesis keeps one."""
    if c.sf * c.simd * c.nf * c.weight_type.bits >= c.pe.bit_length() + SURELY:
        return c.pe
    return remember(c.weights, ("lanes", c.pe, c.simd), lambda: len(np.unique(weight_codes(c).reshape(c.pe, -1), axis=0)))


def heap_sums(total: Sum, count: int, p: Parts, sizes: Collection[int] = (0,)) -> None:
    """``count`` sums of cores/bit_heap.py. Where LUTs have multiplexers beside them, what adds up single products, or counts of pairs of
    them, becomes one wide table of all that these come from; ``sizes`` are those of what is counted, none where all are single."""
    p.ff += count * total.registers
    if p.six:
        p.fixed += count * total.luts
        return
    p.fixed += count * sum(SMALL_COUNTERS[p.family][kind] * number for stage in total.plan.stages for kind, _, number in stage)
    # One row more is the sum so far, or the initial value.
    more = total.several or total.initial > 0
    full = sum(height + more > 2 for height in total.plan.heights)
    if total.plan.stages:
        p.lut("heap full adder", count * full)
    elif p.family == "ecp5" and not sizes:
        # Two tables of six inputs, of four LUTs each, in place of two products.
        p.fixed += count * full * 6
    else:
        p.lut("pair full adder" if p.family == "ecp5" and {*sizes} == {2} else "first heap full adder", count * full)
    added = max(total.plan.heights) + more > 1
    if p.family == "ecp5" and total.width <= SHORT_CARRY:
        p.lut("short heap bit", count * total.width * added)
    else:
        p.carry(count, 0, total.width * added)
        # Full adders have room for what clears the sum.
        p.lut("heap cleared bit", count * (total.width - full) * total.several)


def _functions(c: MvtuConfig, first: Front) -> Counter[int]:
    """How many functions of so many inputs products of bits and their weights are; lanes that want the same have one. Where bits of weights
    are known never to change, their products take fewer inputs or none."""
    words, width = c.nf * c.sf, c.pe * c.simd * c.weight_type.bits
    hidden = not c.fused and keeps_to_itself(words, width) and not rom_in_block(c.storage, words, width)
    found = Counter()
    if hidden or (c.weight_type == BIPOLAR and not c.fused):
        # No bit is known, or all that there are change.
        for (size, top), (places, *_) in _places(first).items():
            found[2 * size] += min(size, top) * len(places) * distinct_lanes(c)
        return found
    codes = weight_codes(c)
    once, always = np.bitwise_or.reduce(codes, axis=2), np.bitwise_and.reduce(codes, axis=2)
    for (_, top), (places, bits, matched) in _places(first).items():
        changing = (once & ~always)[:, places] >> bits & 1
        # A product with a weight of 0 is always the same, unless that stands for -1.
        active = changing | once[:, places] >> bits & 1 | matched
        products = active.sum(axis=2)
        if c.fused:
            inputs, share = products + changing.any(axis=2) * first.address, _new(codes, places, bits)
        else:
            inputs, share = products + changing.sum(axis=2), distinct_lanes(c) / c.pe
        functions = np.minimum(products, top) * share
        for number in np.unique(inputs[inputs > 1]).tolist():
            found[number] += float(functions[inputs == number].sum())
    return found


@cache
def _places(first: Front) -> dict[tuple[int, int], np.ndarray]:
    """Groups of products that are looked at together, by their number and that of the functions of a group: place, bit of the weight, and
    whether bits are compared, each (groups, products)."""
    counted, alone = first.groups
    found = defaultdict(list)
    for group in [*counted, *([bit] for bit in alone)]:
        top = min(2, first.width - group[0][1].worth) if len(group) > 1 else 1
        found[len(group), top].append([(place, plane.j, plane.matched) for place, plane in group])
    return {kind: np.array(groups).transpose(2, 0, 1) for kind, groups in found.items()}


def _new(codes: np.ndarray, places: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """What functions of groups with words of weights take, as parts of one with all of its words different (lanes, groups): nothing where a
    lane before has the same, and with 17 to 32 words one LUT for each 16 that are not the same, and one that chooses."""
    words = codes.shape[2]
    tables = ((codes[:, places] >> bits[..., None] & 1) << np.arange(words)).sum(axis=3)
    keys = (tables << words * np.arange(tables.shape[2])).sum(axis=2)
    order = np.argsort(keys, axis=0, kind="stable")
    ordered = np.take_along_axis(keys, order, axis=0)
    new = np.ones(keys.shape)
    np.put_along_axis(new, order[1:], (np.diff(ordered, axis=0) != 0).astype(float), axis=0)
    if words > 16:
        low, high = tables[..., 0] & 0xFFFF, tables[..., 0] >> 16
        most = (1 << words - 16) - 1
        new *= (1 + ((low > 0) & (low < 0xFFFF)) + ((high > 0) & (high < most))) / 3
    return new


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
