"""Counts of matching bits."""

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.bit_heap import HeapSum
from finnr_rtl.cores.matches import Front, front, most_matches
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cost.contents import remember
from finnr_rtl.cost.parts import Parts


def match_lanes(c: MvtuConfig, p: Parts) -> Shape:
    """The lanes of cores/matches.py, for one vector, with their sums; returns the shape of one."""
    first, several = front(c), c.sf > 1
    reduced = HeapSum.plan(first.heights, several)
    total = Shape.cast(range(most_matches(c.input_type, c.mw) + 1))
    shared = first.words and first.together > 1
    compared = remember(c.weights, ("tables", c.pe, c.simd), lambda: _tables(c, first)) if shared else c.pe * first.luts
    p.ff += c.pe * (reduced.registers + total.width)
    luts = compared + c.pe * (reduced.luts + HeapSum.adder(first.heights, total.width, several))
    if p.six:
        p.fixed += luts
    else:
        p.lut("heap LUT", luts)
    return total


def _tables(c: MvtuConfig, first: Front) -> int:
    """LUTs that compare inputs with weights chosen by an address; lanes that want the same have one."""
    codes = (c.weights > 0).reshape(c.nf, c.pe, c.sf, c.simd).transpose(1, 3, 0, 2).reshape(c.pe, c.simd, -1)
    whole = c.simd - first.rest
    luts = 1 if first.address <= 2 else 2
    count = first.planes * luts * _distinct(codes[:, :whole].reshape(c.pe, whole // first.together, first.together * codes.shape[2]))
    if first.rest:
        rest = _distinct(codes[:, whole:].reshape(c.pe, 1, -1))
        count += rest * (first.planes if first.rest == 2 else -(-first.planes // 2))
    return count


def _distinct(codes: np.ndarray) -> int:
    """Of bits (lanes, groups, 24 at most), how many kinds of lanes each group has, in all."""
    keys = np.sort(codes @ (1 << np.arange(codes.shape[2])), axis=0)
    return int((np.diff(keys, axis=0) != 0).sum()) + keys.shape[1]
