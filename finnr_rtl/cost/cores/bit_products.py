"""Products in LUTs, and their sums."""

from collections import defaultdict

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.bit_planes import Front, front, lane_sum, sum_range, weight_codes
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.operands import holding
from finnr_rtl.cost.contents import remember
from finnr_rtl.cost.parts import Parts


def bit_lanes(c: MvtuConfig, p: Parts) -> Shape:
    """The lanes of cores/bit_products.py, for one vector, with their sums; returns the shape of one."""
    first, total = front(c), lane_sum(c)
    shared = c.fused and first.together > 1
    if shared:
        products = remember(c.weights, ("tables", c.pe, c.simd, first.planes), lambda: _tables(c, first))
    elif c.fused and first.address == 4:
        # Each LUT is of two lanes.
        products = -(-c.pe // 2) * len(first.groups[1])
    else:
        products = c.pe * first.luts
    p.ff += c.pe * total.registers
    p.heap(products + c.pe * total.luts)
    return holding(*sum_range(c))


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
