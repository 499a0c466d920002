"""Cores that only pass on, share or reorder beats: FIFOs, width converters, forks, splits, concatenation, transposition."""

from functools import cache
from typing import NamedTuple

from finnr_rtl.cores.concat import ConcatConfig
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.dwc import WidthConverterConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.fork import ForkConfig
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.cost.cores.dispatch import compose
from finnr_rtl.datatypes import BIPOLAR

# LUTs of six inputs for each multiplexer of two ways that others share: many are two in one.
NODE_LUTS = 2 / 3


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
    unit = c.unit * c.dtype.bits
    oldest, *chosen = _choices(c.units_in, c.units_out, c.delay > 1)
    p.ff += sum(oldest) * unit
    if c.delay > 1:
        p.ff += 1 + address_bits(c.units_in) // 2 + chosen[0].results * unit
    for choice in chosen:
        alone = sum(p.multiplexer_luts(ways) for ways in choice.ways)
        p.lut("select", unit * min(alone, choice.shared * (NODE_LUTS if p.six else 1)))


class _Choice(NamedTuple):
    """Of how many places each of ``results`` different values is chosen, and multiplexers of two ways in a tree where they share what they
    can."""

    ways: list[int]
    shared: int
    results: int


@cache
def _choices(units_in: int, units_out: int, twice: bool) -> tuple[list[int], _Choice, ...]:
    """Of each unit of an input beat, how many beats ago it was taken when last used; and how units are chosen, at first those that go into
    registers on the way where that is done ``twice``."""
    converter = WidthConverterConfig(BIPOLAR, (units_in * units_out,), units_in, units_out)
    rows = [[converter.source(beat, unit) for beat in range(units_in)] for unit in range(units_out)]
    oldest = [0] * units_in
    for age, offset in set(sum(rows, [])):
        oldest[offset] = max(oldest[offset], age)
    if not twice:
        return oldest, _choice(rows)
    part = 1 << -(-address_bits(units_in) // 2)
    parts = [[tuple(row[at : at + part]) for at in range(0, units_in, part)] for row in rows]
    return oldest, _choice(list({some: list(some) for row in parts for some in row}.values())), _choice(parts)


def _choice(rows: list[list]) -> _Choice:
    ways, results, shared = [len(set(row)) for row in rows], len(rows), 0
    while len(rows[0]) > 1:
        pairs = [list(zip(row[::2], [*row[1::2], row[-1]], strict=False)) for row in rows]
        rows = [[first if first == second else (first, second) for first, second in row] for row in pairs]
        shared += len({pair for row in pairs for pair in row if pair[0] != pair[1]})
    return _Choice(ways, shared, results)


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
