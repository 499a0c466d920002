"""Cores that reduce many values to one: pools and the greatest channel."""

from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.globalpool import GlobalPoolConfig
from finnr_rtl.cores.maxpool import PoolConfig
from finnr_rtl.cores.operands import holding
from finnr_rtl.cost.cores.activation import activation
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
    if c.taps > 1:
        p.lut("maximum bit" if c.dtype.bits > 1 else "or bit", c.simd * c.output.width)


@compose.register
def _(c: GlobalPoolConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.folds, early=True)
    p.counter(c.pixels, early=True)
    total = holding(*c.accumulator_range)
    p.ff += c.input.width + 4 + 2 * fold + c.pe * total.width
    p.lut(f"pool {c.function} bit", c.pe * total.width)
    if c.folds == 1:
        p.ff += c.pe * total.width
    else:
        p.ram(c.folds, c.pe * total.width)
    activation(c.thresholds, c.pe, total, p, c)


@compose.register
def _(c: ArgMaxConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.counter(c.folds, early=True)
    fold = address_bits(c.folds) if c.folds > 1 else 0
    lane_bits, values, level = address_bits(c.lanes), c.lanes, 0
    while values > 1:
        values = -(-values // 2)
        level += 1
        # Of a pixel in one beat, only the last winner's lane matters.
        value = c.dtype.bits if values > 1 or c.folds > 1 else 0
        p.ff += values * (value + min(level, lane_bits)) + 2 + fold
        p.lut("greatest bit", values * c.dtype.bits)
        p.lut("select", values * min(level, lane_bits))
    p.ff += c.output.width + 1
    if c.folds > 1:
        p.ff += c.dtype.bits
        p.lut("greatest bit", c.dtype.bits)
