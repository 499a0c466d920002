"""Matrix and depthwise units, with their weights."""

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.bit_planes import in_sums
from finnr_rtl.cores.depthwise import DepthwiseConfig
from finnr_rtl.cores.dot import dot_latency, dot_reductions
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.operands import holding, number_shape
from finnr_rtl.cores.ram import rom_in_block
from finnr_rtl.cost.adders import Operand
from finnr_rtl.cost.contents import FEW_WORDS, Columns, changing_columns, columns, remember
from finnr_rtl.cost.cores.activation import activation, activation_by_shape, fold_use
from finnr_rtl.cost.cores.arithmetic import multiply, parameters, part_bits, reduced_bits, reduced_in_slices, taken_with_operand
from finnr_rtl.cost.cores.bit_products import bit_lanes, distinct_lanes
from finnr_rtl.cost.cores.constant_products import constant_lanes, sum_shapes
from finnr_rtl.cost.cores.dispatch import compose
from finnr_rtl.cost.cores.packed import packed_lanes
from finnr_rtl.cost.parts import Parts
from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.emit.images import WIDE
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

# Share of weights that are not 0 below which bits of many words may be all the same.
SPARSE = 0.3


@compose.register
def _(c: MvtuConfig, p):
    several = c.sf > 1
    # All sums of so many -1 and +1 are even, or all odd: their lowest bits need no register.
    known = c.pe if c.input_type == c.weight_type == BIPOLAR and c.thresholds is None and c.places <= 2 else 0
    p.credit_fifo(c.output.width - known, c.places)
    p.lut("mvtu")
    p.counter(c.sf)
    fold = p.counter(c.nf)
    if c.groups > 1:
        p.counter(c.group_folds)
    if c.fused:
        p.ff += p.counter(c.nf * c.sf)
    elif not c.constant:
        kept = _weights(c.weights, c.nf, c.pe, c.sf, c.simd, c.weight_type, c.storage, p)
        p.ff += c.held_weights * (kept.changing + c.input.width)
        if c.mmv == 1 and not c.bitwise and not c.packings:
            p.into_slices(taken_with_operand(kept, c.nf * c.sf))

    # The operand and its replay.
    p.ff += c.mmv * c.graph.inputs_read * c.input_type.bits if c.constant else c.input.width
    if c.group_folds > 1:
        if c.deep_replay:
            p.one_address(c.sf, c.input.width)
        elif several and p.in_block(c.sf, c.input.width):
            p.block(c.sf, c.input.width, at_once=False)
        elif several:
            p.lutram(c.sf, c.input.width, addresses=1)
        p.lut("replay mux", c.input.width * several)
        p.ff += c.deep_replay * (1 + c.input.width)

    # Control: valid, first and last of each stage, and the fold as far as thresholds need it.
    stages = 1 + c.deep_replay + c.held_weights + c.dot_latency
    p.ff += stages
    if several:
        p.chain(1, stages)
        p.chain(1, stages - 1)
    asked, along = fold_use(c.thresholds, c.pe)
    p.chain(fold * asked, stages - 1)
    p.ff += fold * along

    # Vectors share weights, parameters and control.
    vector = Parts(p.family)
    lanes = packed_lanes if c.packings else constant_lanes if c.constant else bit_lanes if c.bitwise else _lanes
    total = lanes(c, vector)
    scale, offsets = remember(c.weights, ("offsets", c.input_type), lambda: in_sums(c.input_type, c.weight_type, c.weights))
    if c.thresholds is None and (scale != 1 or offsets.any()):
        # Less a constant they are the same LUTs.
        _, less = parameters(offsets, c.pe, p)
        vector.carry(c.pe * (less.changing > 0), total.width, total.width)
    table = _in_sums(c)
    if c.constant and table is not None:
        activation_by_shape(table, sum_shapes(c), vector, c, shared=p)
    else:
        activation(table, c.pe, total, vector, c, shared=p, operands=distinct_lanes(c) if c.bitwise else None)
    p.add(vector, c.mmv)


def _in_sums(c: MvtuConfig) -> Thresholds | Requantiser | None:
    """The activation in terms of the sums that are made."""
    if c.thresholds is None:
        return None
    values = c.thresholds.scale if isinstance(c.thresholds, Requantiser) else c.thresholds.values
    return remember(values, ("in sums", c.input_type, c.mw), lambda: c.in_sums)


def _lanes(c: MvtuConfig, p: Parts) -> Shape:
    """The lanes of cores/dot.py, for one vector, with their sums; returns the shape of one."""
    total = holding(*remember(c.weights, ("total", c.input_type), lambda: c.accumulator_range))
    several = c.sf > 1
    x, w = number_shape(c.input_type), number_shape(c.weight_type)
    term, products = x.width + w.width, c.pe * c.simd
    one = multiply(p, products, x, w, "dsp") == 1
    p.ff += products * term
    if one:
        # The slices take the operand in their own registers, and the products.
        p.into_slices(c.input.width // c.mmv + products * term)
    terms = reduced_in_slices(p, c.pe, [Operand(term, x.signed or w.signed)] * c.simd, dot_reductions(c.simd, several))
    if dot_latency(c.simd, several) > 1 + dot_reductions(c.simd, several):
        p.ff += c.pe * total.width
        _sum(p, c.pe, terms, several, total, one and c.simd == 1 and _adds_up(p, x, w, total))
    return total


def _adds_up(p: Parts, x: Shape, w: Shape, total: Shape) -> bool:
    """Whether the slice of a product adds it to a sum."""
    return p.slice_adds(x, w, Shape(x.width + w.width, x.signed or w.signed), [Operand(total.width, total.signed)], total)


def _sum(p: Parts, lanes: int, terms: list[Operand], several: bool, total: Shape, own: bool) -> None:
    """The sum of what is left of a step, with that of the steps before; a slice adds up its ``own`` products."""
    if own:
        p.into_slices(lanes * total.width)
    if len(terms) == 1:
        # LUTs clear the sum where a fold begins.
        p.accumulator(lanes, total.width, in_slices=own)
    else:
        p.sum((*terms, *[Operand(total.width, total.signed)] * several), total.width, lanes, of_blocks=True)


@compose.register
def _(c: DepthwiseConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.lut("mvtu")
    p.counter(c.steps, early=True)
    asked, along = fold_use(c.thresholds, c.pe)
    fold = p.counter(c.folds) if asked else 0
    p.ff += c.input.width
    total = remember(c.weights, ("total", c.input_type), lambda: c.accumulator_range) if c.weights is not None else c.accumulator_range
    total = holding(*total)
    stages, term = 2 + c.reductions, number_shape(c.input_type).width
    one = False
    if c.weights is not None:
        stages += 1
        kept = _weights(c.weights, c.folds, c.pe, c.steps, c.simd, c.weight_type, c.storage, p)
        x, w = number_shape(c.input_type), number_shape(c.weight_type)
        products, term = c.pe * c.simd, x.width + w.width
        one = multiply(p, products, x, w, c.arithmetic) == 1
        if one:
            # The slices have the operand and the product in their own registers.
            p.into_slices(c.input.width + products * term + taken_with_operand(kept, c.folds * c.steps))
        p.ff += products * (part_bits(x, w, c.arithmetic) or term)
    p.ff += stages
    p.chain(1, stages)
    if c.steps > 1:
        p.chain(1, stages - 1)
    p.ff += fold * ((stages - 1) * asked + along) + c.pe * total.width
    if c.in_slices:
        terms = reduced_in_slices(p, c.pe, [Operand(term, x.signed or w.signed)] * c.simd, c.reductions)
        _sum(p, c.pe, terms, True, total, one and c.simd == 1 and _adds_up(p, x, w, total))
    else:
        # Several taps are added up before they go into the sum.
        p.ff += c.pe * reduced_bits(c.simd, term, c.reductions)
        p.accumulator(c.pe, total.width, c.simd)
    activation(c.thresholds, c.pe, total, p, c)


def _weights(weights: np.ndarray, nf: int, pe: int, sf: int, simd: int, dtype: DataType, storage: str, p: Parts) -> Columns:
    """The weight memory and its counter; returns the columns of the memory."""
    words, width = nf * sf, pe * simd * dtype.bits
    p.counter(words)
    block = rom_in_block(storage, words, width)
    key = ("columns", pe, simd, dtype, p.trees, block)
    kept = remember(weights, key, lambda: _weight_columns(weights, nf, pe, sf, simd, dtype, p.trees, block))
    p.rom(words, width, block, kept)
    return kept


def _weight_columns(
    weights: np.ndarray, nf: int, pe: int, sf: int, simd: int, dtype: DataType, trees: bool, block: bool
) -> Columns:
    small = np.min_scalar_type((1 << dtype.bits) - 1)
    codes = remember(weights, ("codes", dtype), lambda: dtype.encode(weights).astype(small)).reshape(nf, pe, sf, simd)
    sparse = remember(weights, ("sparse",), lambda: np.count_nonzero(weights) < SPARSE * weights.size)
    if not block and (trees or sparse or 1 < nf * sf <= FEW_WORDS or pe * simd * dtype.bits < WIDE):
        return columns(codes.transpose(0, 2, 1, 3).reshape(nf * sf, pe * simd), dtype.bits, trees)
    # Block RAMs hold equal columns each on its own. In LUTs, of many words no columns are equal but by chance: not worth a look at every
    # pair of them for hundreds of foldings.
    changing = remember(weights, ("changing", pe, simd, dtype), lambda: changing_columns(codes, (0, 2)))
    return Columns(changing, changing)
