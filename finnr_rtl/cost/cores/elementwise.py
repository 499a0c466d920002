"""Cores that compute each value by itself: activations alone, tables, sums and products of streams."""

from amaranth.hdl import Shape

from finnr_rtl.cores.add import AddConfig
from finnr_rtl.cores.lookup import LookupConfig
from finnr_rtl.cores.multiply import MultiplyConfig
from finnr_rtl.cores.operands import holding, number_shape
from finnr_rtl.cores.ram import rom_in_block
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.cost.contents import remember
from finnr_rtl.cost.cores.activation import activation
from finnr_rtl.cost.cores.arithmetic import additions, multiply, parameters, part_bits, reduced_bits
from finnr_rtl.cost.cores.dispatch import compose
from finnr_rtl.thresholds import Thresholds


@compose.register
def _(c: ThresholdConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.shape[-1] // c.pe)
    needed = isinstance(c.thresholds, Thresholds) and (c.thresholds.steps > 1 or bool(c.thresholds.flip.any()))
    p.ff += c.input.width + 1 + fold * needed
    activation(c.in_codes, c.pe, Shape(c.input_type.bits, signed=c.input_type.signed), p, c, c.input.width)


@compose.register
def _(c: LookupConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.folds)
    if c.deep:
        p.ff += c.input.width + fold + 1
    words = c.folds << c.input_type.bits
    for _ in range(c.pe):
        p.rom(words, c.output_type.bits, rom_in_block(c.storage, words, c.output_type.bits), kind="table")
    p.ff += 1


@compose.register
def _(c: AddConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.shape[-1] // c.pe)
    p.ff += sum(spec.width for spec in c.inputs)
    total = holding(*c.accumulator_range)
    in_slices = False
    if c.scaled:
        for row, dtype, limits in zip(c.multipliers, c.input_types, c.term_ranges, strict=True):
            factor, fixed = parameters(row, c.pe, p)
            digits = remember(row, ("digits", c.pe), lambda row=row: additions(row[: c.pe])) if fixed else None
            if multiply(p, c.pe, number_shape(dtype), factor, c.arithmetic, digits):
                p.into_slices(c.pe * (dtype.bits + holding(*limits).width))
                in_slices = True
            parts = 0 if fixed else part_bits(number_shape(dtype), factor, c.arithmetic)
            p.ff += c.pe * (parts or holding(*limits).width)
    parameters(c.offsets, c.pe, p)
    p.ff += c.pe * total.width + (2 + c.scaled + c.reductions) * (1 + fold)
    p.ff += c.pe * reduced_bits(len(c.inputs) + 1, max(holding(*limits).width for limits in c.term_ranges), c.reductions)
    if not in_slices:
        p.lut("add bit", c.pe * total.width * len(c.inputs))
    else:
        # A slice that multiplies also adds, and keeps the sum.
        p.into_slices(c.pe * total.width)
    activation(c.thresholds, c.pe, total, p, c)


@compose.register
def _(c: MultiplyConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.shape[-1] // c.pe)
    shapes = [holding(*limits) for limits in c.operand_ranges]
    total = holding(*c.accumulator_range)
    p.ff += (2 + (c.parts > 1)) * (1 + fold)
    registers = c.pe * (total.width + sum(shape.width for shape in shapes))
    p.ff += registers + c.pe * part_bits(*shapes, c.arithmetic)
    if multiply(p, c.pe, *shapes, c.arithmetic):
        p.into_slices(registers)
    activation(c.thresholds, c.pe, total, p, c)
