"""Products in LUTs, and their sums."""

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.bit_products import Front, front, lane_sum, planes, sum_range
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.operands import holding
from finnr_rtl.cost.contents import remember
from finnr_rtl.cost.parts import Parts


def bit_lanes(c: MvtuConfig, p: Parts) -> Shape:
    """The lanes of cores/bit_products.py, for one vector, with their sums; returns the shape of one."""
    first, total = front(c), lane_sum(c)
    shared = c.fused and first.together > 1
    products = remember(c.weights, ("tables", c.pe, c.simd, first.worths), lambda: _tables(c, first)) if shared else c.pe * first.luts
    p.ff += c.pe * total.registers
    luts = products + c.pe * total.luts
    if p.six:
        p.fixed += luts
    else:
        p.lut("heap LUT", luts)
    return holding(*sum_range(c))


def _tables(c: MvtuConfig, first: Front) -> int:
    """LUTs that multiply bits with weights chosen by an address; lanes that want the same have one."""
    codes = c.weight_type.encode(c.weights).astype(np.int64).reshape(c.nf, c.pe, c.sf, c.simd)
    codes = codes.transpose(1, 3, 0, 2).reshape(c.pe, c.simd, -1)
    whole = c.simd - first.rest
    of_plane = [plane for plane in planes(c.input_type, c.weight_type) if plane.worth < first.width]
    luts = 0
    if whole:
        threes = [_distinct((codes[:, :whole] >> bit & 1).reshape(c.pe, whole // 3, -1)) for bit in range(c.weight_type.bits)]
        luts = sum(threes[plane.j] * (1 if first.address <= 2 or plane.worth + 1 == first.width else 2) for plane in of_plane)
    together = 1 if first.rest == 2 else 2
    for number in range(0, len(of_plane) if first.rest else 0, together):
        bits = [codes[:, whole:] >> plane.j & 1 for plane in of_plane[number : number + together]]
        luts += _distinct(np.concatenate(bits, axis=2).reshape(c.pe, 1, -1))
    return luts


def _distinct(codes: np.ndarray) -> int:
    """Of bits (lanes, groups, 24 at most), how many kinds of lanes each group has, in all."""
    keys = np.sort(codes @ (1 << np.arange(codes.shape[2])), axis=0)
    return int((np.diff(keys, axis=0) != 0).sum()) + keys.shape[1]
