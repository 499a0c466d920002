"""Cores that reduce many values to one: pools and the greatest channel."""

from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.globalpool import GlobalPoolConfig
from finnr_rtl.cores.maxpool import PoolConfig
from finnr_rtl.cores.operands import holding
from finnr_rtl.cost.cores.activation import activation, fold_use
from finnr_rtl.cost.cores.dispatch import compose


@compose.register
def _(c: PoolConfig, p):
    p.counter(c.taps // c.simd)
    p.ff += 1 + c.output.width
    p.lut("flag")
    if c.taps > 1:
        p.ff += c.output.width
        p.lut("maximum bit" if c.dtype.bits > 1 else "or bit", c.simd * c.output.width)


@compose.register
def _(c: GlobalPoolConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.folds)
    p.counter(c.pixels)
    total = holding(*c.accumulator_range)
    p.ff += c.input.width + 4 + fold * (1 + fold_use(c.thresholds, c.pe)[1]) + c.pe * total.width
    p.lut(f"pool {c.function} bit", c.pe * total.width)
    if c.folds == 1:
        p.ff += c.pe * total.width
    else:
        p.ram(c.folds, c.pe * total.width)
    activation(c.thresholds, c.pe, total, p, c)


@compose.register
def _(c: ArgMaxConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.counter(c.folds)
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
