"""Cores that reduce many values to one: pools and the greatest channel."""

from math import ceil

from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.globalpool import GlobalPoolConfig
from finnr_rtl.cores.maxpool import PoolConfig
from finnr_rtl.cores.operands import holding, number_shape
from finnr_rtl.cost.adders import Operand
from finnr_rtl.cost.cores.activation import activation, fold_use
from finnr_rtl.cost.cores.dispatch import compose


@compose.register
def _(c: PoolConfig, p):
    p.counter(c.beats, early=True)
    if c.levels:
        p.credit_fifo(c.output.width, c.places)
        p.ff += c.levels * (1 + (c.beats > 1))
        # A tap without a partner waits until it meets one.
        values, waiting = c.simd, 0
        while values > 1:
            p.ff += values // 2 * c.output.width
            waiting = waiting + 1 if values % 2 else 0
            values = -(-values // 2)
            if waiting and not values % 2:
                p.chain(c.output.width, waiting)
    else:
        p.ff += 1 + c.output.width
        p.lut("flag")
    if c.beats > 1:
        p.ff += c.output.width
    others = c.simd - (c.beats == 1)
    if c.dtype.bits > 1:
        p.greater(c.lanes * others, c.dtype.bits)
    else:
        p.known(c.lanes * ceil(others / 5), c.lanes * ceil(others / 3))
    # Where a maximum is kept to the next beat, it begins anew with the least value behind the last.
    p.lut("maximum bit", c.output.width * (c.beats > 1))


@compose.register
def _(c: GlobalPoolConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.folds, early=True)
    p.counter(c.pixels, early=True)
    total = holding(*c.accumulator_range)
    p.ff += c.input.width + 4 + fold * (1 + fold_use(c.thresholds, c.pe)[1]) + c.pe * total.width
    if c.function == "max":
        p.greater(c.pe, total.width, goes_on=True)
    else:
        # What replaces the sum at the first pixel, and an adder where there are bits to add.
        added = total.width if number_shape(c.input_type).signed else min(total.width, c.input_type.bits)
        p.known(c.pe * (total.width + added), 0)
        p.lut("first bit", 0 if p.six else c.pe * total.width)
    if c.folds == 1:
        p.ff += c.pe * total.width
    else:
        p.ram(c.folds, c.pe * total.width)
    activation(c.thresholds, c.pe, total, p, c)


@compose.register
def _(c: ArgMaxConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.counter(c.folds, early=True)
    # Each winner of two has a register; who has no other to meet waits in a chain of them. (first lane, last lane, registers) of each:
    waiting, levels = [(lane, lane, 0) for lane in range(c.lanes)], 0
    while len(waiting) > 1:
        met = []
        for pair in range(0, len(waiting) - 1, 2):
            for first, last, length in waiting[pair : pair + 2]:
                p.chain(c.dtype.bits, length)
                p.ff += (first ^ last).bit_length() * length
            met.append((waiting[pair][0], waiting[pair + 1][1], 1))
        # Of the last two of a pixel in one beat, it only matters which is greater.
        last = len(waiting) == 2 and c.folds == 1
        if last:
            p.compare(len(met), c.dtype.bits)
        else:
            p.greater(len(met), c.dtype.bits, folded=c.folds > 1)
        p.lut("select", sum((first ^ last).bit_length() for first, last, _ in met))
        waiting = met + [(first, last, length + 1) for first, last, length in waiting[2 * len(met) :]]
        levels += 1
    if levels:
        # A bit of a lane's number that is always 1 is a register of each level but the last.
        p.ff += 2 * levels - 1 + address_bits(c.lanes)
        p.chain(1 + (address_bits(c.folds) if c.folds > 1 else 0), levels)
        # Of a pixel in one beat, only the last winner's lane matters.
        p.ff += c.dtype.bits if c.folds > 1 else 0
    p.ff += c.output.width + 1
    if c.folds > 1:
        p.ff += c.dtype.bits
        p.compare(1, c.dtype.bits)
        if len(c.shifts) > 1:
            parts = [Operand(address_bits(c.folds), place=bit) for bit in c.shifts]
            p.sum((*parts, Operand(address_bits(c.lanes))), c.output.width)
