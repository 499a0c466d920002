"""Products packed into DSP slices, and their sums."""

from amaranth.hdl import Shape

from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.operands import holding, number_shape
from finnr_rtl.cores.packed import Packing, packed_sum
from finnr_rtl.cost.contents import remember
from finnr_rtl.cost.cores.arithmetic import beside_block, dsp_blocks
from finnr_rtl.cost.cores.bit_products import heap_sums
from finnr_rtl.cost.parts import Parts

# Bits of inputs up to which Yosys makes one sum of the parts of products on ECP5, and of the products.
MERGED = 4
# LUTs for each bit of such a sum: 6.8 in cores on their own, 4.8 in wholes, where Yosys makes one of more full adders.
MERGED_LUTS = 5.8


def packed_lanes(c: MvtuConfig, p: Parts) -> Shape:
    """The lanes of cores/packed.py, for one vector, with their sums; returns the shape of one."""
    total = packed_sum(c)
    heap_sums(total, c.pe, p)
    for packing in c.packings:
        _packed(c, packing, p)
    # Slices have the operand in registers of their own, but for lowest bits that others read.
    if p.slices_add:
        p.into_slices(c.simd * (c.input_type.bits - c.packings[0].overlap))
    return holding(*remember(c.weights, ("total", c.input_type), lambda: c.accumulator_range))


def _packed(c: MvtuConfig, pack: Packing, p: Parts) -> None:
    """The slices of one packing, and LUTs beside them, but for sums. The sums of products are in registers of the slices, if they are
    slices that have any."""
    groups, others = pack.groups(c.simd), pack.lanes - 1
    word = Shape(others * pack.field + c.weight_type.bits + (pack.full or not c.weight_type.signed), signed=True)
    # Narrower multipliers: two for a product, or one and LUTs.
    x = number_shape(c.input_type)
    p.dsp += c.simd * dsp_blocks(p.family, word, x)
    if beside := beside_block(p.family, word, x):
        p.product(c.simd, Shape(beside, signed=True), x, beside + x.width)
    luts = 0
    if pack.overlap:
        # The lowest bit of the next sum, and what it tells in both of its forms.
        p.ff += groups * others
        luts += others * (c.simd + 2 * groups)
    if pack.full:
        # Signs that are not in what is stored.
        luts += others * c.simd * (1 + (c.weight_type.bits > 5))
    if pack.spill:
        p.ff += groups
        luts += groups * c.input_type.bits
    if not p.slices_add:
        p.ff += groups * (pack.lanes * min(pack.width, pack.field) + pack.overlap)
        # LUTs add up two products. The constant alone is no more than carries, which are LUTs where these have four inputs, as is what
        # adds up the parts of a product.
        bits, pairs = word.width + c.input_type.bits, c.simd - groups
        if p.family == "ecp5" and x.width <= MERGED:
            p.fixed += round(MERGED_LUTS * pairs * bits)
        else:
            p.lut("packed sum bit", pairs * bits)
        p.lut("packed bit", 0 if p.six else (groups - pairs) * bits)
    p.known(luts, 2 * luts)
