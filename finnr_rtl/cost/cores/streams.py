"""Cores that only pass on, share or reorder beats: FIFOs, width converters, forks, splits, concatenation, transposition."""

from functools import cache

from finnr_rtl.cores.concat import ConcatConfig
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.dwc import WidthConverterConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.fork import ForkConfig
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.cost.cores.dispatch import compose
from finnr_rtl.datatypes import BIPOLAR


@compose.register
def _(c: FifoConfig, p):
    p.credit_fifo(c.spec.width, c.depth)


@compose.register
def _(c: WidthConverterConfig, p):
    p.counter(c.phases)
    p.ff += (len(c.takes) < c.phases) + (len(c.launches) < c.phases)
    p.lut("converter")
    p.ff += 1 + c.output.width
    if 1 < c.units_in < c.units_out:
        p.counter(c.units_in)
    # Of each unit of the input, the history goes back as far as an output takes it.
    oldest, ways = _sources(c.units_in, c.units_out)
    p.ff += sum(oldest) * c.unit * c.dtype.bits
    for number in ways:
        p.multiplexer(number, c.unit * c.dtype.bits)


@cache
def _sources(units_in: int, units_out: int) -> tuple[list[int], list[int]]:
    """Of each unit of an input beat, how many beats ago it was taken when last used; and of each unit of an output beat, how many
    places it comes from."""
    bits = units_in * units_out
    converter = WidthConverterConfig(BIPOLAR, (bits,), units_in, units_out)
    oldest, ways = [0] * units_in, []
    for unit in range(units_out):
        sources = {converter.source(beat, unit) for beat in range(units_in)}
        ways.append(len(sources))
        for age, offset in sources:
            oldest[offset] = max(oldest[offset], age)
    return oldest, ways


@compose.register
def _(c: ForkConfig, p):
    p.ff += c.spec.width
    for _ in range(c.count):
        p.output_place()


@compose.register
def _(c: SplitConfig, p):
    p.counter(c.folds)
    for _ in c.parts:
        p.output_place()
        p.ff += c.input.width
        p.lut("range")


@compose.register
def _(c: ConcatConfig, p):
    p.counter(c.folds)
    p.output_place()
    p.ff += c.output.width
    p.lut("range", len(c.inputs))
    p.multiplexer(len(c.inputs), c.output.width)


@compose.register
def _(c: TransposeConfig, p):
    p.ff += c.output.width
    p.counter(c.rows, early=True)
    p.counter(2)
    p.level(2 * c.rows)
    p.output_place()
    if not c.banked or not p.lut_memory:
        p.ff += 2 * c.rows * c.input.width
        p.counter(2 * c.rows)
        p.multiplexer(2 * c.rows, c.output.width)
        return
    aligned = c.rows % c.columns == 0
    p.counter(c.rows)
    p.counter(2)
    p.counter(c.columns)
    for _ in range(c.columns):
        p.lutram(2 << address_bits(c.rows), c.output.width // c.columns)
        if not aligned:
            p.counter(c.rows)
    if aligned:
        # One counter of columns, and one of their multiples, whose lowest bits, which are always 0, are one register, if there is any.
        p.counter(c.rows)
        p.ff -= max(0, (c.columns & -c.columns).bit_length() - 1 - (c.rows > c.columns))
        p.counter(c.columns)
    p.multiplexer(c.columns, (1 + aligned) * c.output.width)
