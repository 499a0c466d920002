"""Cores that compute each value by itself: activations alone, tables, sums and products of streams."""

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.add import AddConfig
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.lookup import LookupConfig
from finnr_rtl.cores.multiply import MultiplyConfig
from finnr_rtl.cores.operands import holding, number_shape
from finnr_rtl.cores.ram import rom_in_block
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.cost.adders import Operand
from finnr_rtl.cost.contents import columns, remember, tree_luts
from finnr_rtl.cost.cores.activation import activation, fold_use
from finnr_rtl.cost.cores.arithmetic import (
    last_block_bits,
    multiples,
    multiply,
    parameters,
    part_bits,
    reduced_bits,
    reduced_in_slices,
    taken_with_operand,
)
from finnr_rtl.cost.cores.dispatch import compose
from finnr_rtl.thresholds import Thresholds


@compose.register
def _(c: ThresholdConfig, p):
    p.credit_fifo(c.output.width, c.places)
    asked, along = fold_use(c.thresholds, c.pe)
    fold = p.counter(c.shape[-1] // c.pe) if asked else 0
    p.ff += c.input.width + 1 + fold * along - _unread_bits(c)
    activation(c.in_codes, c.pe, Shape(c.input_type.bits, signed=c.input_type.signed), p, c, c.input.width)


@compose.register
def _(c: LookupConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.folds)
    if c.deep:
        p.ff += c.input.width + fold + 1
    words, bits = c.folds << c.input_type.bits, c.output_type.bits
    key = ("lanes", c.pe, c.input_type, c.output_type)
    block = rom_in_block(c.storage, words, bits)
    kept = remember(c.table, key, lambda: [columns(np.array(rows)[:, None], bits) for rows in c.rows])
    for own, rows in zip(kept, c.rows, strict=True):
        tree = 0 if p.six else remember(c.table, ("tree", p.joined, tuple(rows)), lambda rows=rows: _tree(rows, bits, p.joined))
        p.rom(words, bits, block, own, "table", tree)
    p.ff += 1


def _tree(rows: list[int], bits: int, joined: int) -> int:
    return tree_luts(np.array(rows)[None] >> np.arange(bits)[:, None] & 1, joined)


@compose.register
def _(c: AddConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.ff += sum(spec.width for spec in c.inputs)
    total = holding(*c.accumulator_range)
    changing = held = False
    if c.scaled:
        for row, dtype, limits in zip(c.multipliers, c.input_types, c.term_ranges, strict=True):
            factor, factors = parameters(row, c.pe, p)
            changing |= factors.changing > 0
            term = holding(*limits)
            if not factors.changing:
                p.ff += multiples(row[: c.pe], number_shape(dtype), p)
                continue
            p.ff += c.pe * (part_bits(number_shape(dtype), factor, c.arithmetic) or term.width)
            if multiply(p, c.pe, number_shape(dtype), factor, c.arithmetic) == 1:
                p.into_slices(c.pe * (dtype.bits + term.width) + taken_with_operand(factors, c.shape[-1] // c.pe))
                held = True
    offset, offsets = parameters(c.offsets, c.pe, p)
    # The fold goes as far as parameters need it.
    asked, along = fold_use(c.thresholds, c.pe)
    uses = [changing] * c.scaled + [offsets.changing > 0] + [asked] * (1 + c.reductions) + [along]
    uses = uses if c.scaled else [uses[0] or uses[1], *uses[2:]]
    fold = address_bits(c.shape[-1] // c.pe)
    if any(uses):
        p.counter(c.shape[-1] // c.pe)
    p.ff += 2 + c.scaled + c.reductions + fold * sum(any(uses[stage:]) for stage in range(1, len(uses)))
    p.ff += c.pe * total.width
    terms = [Operand(holding(*limits).width, holding(*limits).signed) for limits in c.term_ranges]
    if c.in_slices:
        # Nothing is added where all offsets are 0.
        terms = reduced_in_slices(p, c.pe, [Operand(offset.width * c.offsets.any(), offset.signed), *terms], c.reductions, held)
    else:
        p.ff += c.pe * reduced_bits(len(terms) + 1, max(term.width for term in terms), c.reductions)
        if offsets.changing:
            terms.append(Operand(offset.width, offset.signed))
    p.sum(tuple(terms), total.width, c.pe)
    activation(c.thresholds, c.pe, total, p, c)


@compose.register
def _(c: MultiplyConfig, p):
    p.credit_fifo(c.output.width, c.places)
    asked, along = fold_use(c.thresholds, c.pe)
    fold = p.counter(c.shape[-1] // c.pe) if asked else 0
    shapes = [holding(*limits) for limits in c.operand_ranges]
    total = holding(*c.accumulator_range)
    p.ff += 2 + (c.parts > 1) + fold * (1 + (c.parts > 1) + along)
    registers = c.pe * (total.width + sum(shape.width for shape in shapes))
    p.ff += registers + c.pe * part_bits(*shapes, c.arithmetic)
    p.lut("zero bit", c.pe * sum(shape.width for shape, zero in zip(shapes, c.zeros, strict=True) if zero))
    blocks = multiply(p, c.pe, *shapes, c.arithmetic)
    if blocks == 1:
        p.into_slices(registers)
    elif blocks:
        p.into_slices(registers - c.pe * (total.width - last_block_bits(total.width, blocks)))
    activation(c.thresholds, c.pe, total, p, c)


def _unread_bits(c: ThresholdConfig) -> int:
    """Lowest bits of operands that make no difference: those that are 0 in the only threshold of each channel of a lane."""
    if not isinstance(c.in_codes, Thresholds) or c.in_codes.steps > 1:
        return 0
    together = np.bitwise_or.reduce(c.in_codes.values.reshape(-1, c.pe), axis=0)
    return int(np.minimum(np.bitwise_count((together & -together) - 1), c.input_type.bits).sum())
