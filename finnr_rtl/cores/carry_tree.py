"""Sums of rows as a tree of carry chains, two rows each: a plan, and its hardware.

Left to itself, synthesis makes two of three numbers in LUTs until two are left for a carry chain. Where LUTs have four inputs that takes
twice as many of them as a chain for every two numbers, and more where bits are products. So these chains are told apart.
"""

from collections.abc import Sequence
from typing import NamedTuple

from amaranth.hdl import Cat, Module, Shape, Signal, Value

from finnr_rtl.cores.adder import bits_of
from finnr_rtl.cores.operands import ends

__all__ = ["Chain", "Row", "chains", "chosen_rows", "digit_rows", "row_sum"]


class Row(NamedTuple):
    """A number from ``low`` to ``high``, times 2^``place``, which is taken off if ``negative``."""

    low: int
    high: int
    place: int = 0
    negative: bool = False


class Chain(NamedTuple):
    """A carry chain of so many ``places`` that adds the source ``second``, ``shift`` places up, to ``first``, or takes it off where it is
    ``subtracted``; or, if ``reverse``, takes the first off the second. ``row`` is the result."""

    first: int
    second: int
    shift: int
    subtracted: bool
    reverse: bool
    places: int
    row: Row


def chosen_rows(wide: Shape, narrow: Shape) -> list[Row]:
    """What adds up to a product: the wide factor for each bit of the narrow one, or 0. The highest bit of a two's complement number counts
    negative."""
    low, high = ends(wide)
    return [Row(min(low, 0), high, place, narrow.signed and place == narrow.width - 1) for place in range(narrow.width)]


def digit_rows(value: Shape, digits: Sequence[tuple[int, int]]) -> list[Row]:
    """What adds up to a number times a constant of (place, digit), lowest first; a 0 before them where all digits are negative."""
    rows = [Row(*ends(value), place, digit < 0) for place, digit in digits]
    return [Row(0, 0)] * all(row.negative for row in rows) + rows


def chains(rows: Sequence[Row]) -> list[Chain]:
    """The chains that add up ``rows``, lowest places first and not all negative. Sources of a chain are the rows and then the chains before
    it; the last one is the sum."""
    sources, found, order = list(rows), [], list(range(len(rows)))
    while len(order) > 1:
        pairs = list(zip(order[::2], order[1::2], strict=False))
        order = order[-1:] if len(order) % 2 else []
        for number, (first, second) in enumerate(pairs):
            chain = _chain(sources, first, second)
            found.append(chain)
            order.insert(number, len(sources))
            sources.append(chain.row)
    return found


def _chain(sources: list[Row], first: int, second: int) -> Chain:
    one, other = sources[first], sources[second]
    shift = other.place - one.place
    low, high = other.low << shift, other.high << shift
    if one.negative and not other.negative:
        row = Row(low - one.high, high - one.low, one.place)
        return Chain(first, second, shift, False, True, bits_of(row.low, row.high)[0], row)
    subtracted = one.negative != other.negative
    low, high = (one.low - high, one.high - low) if subtracted else (one.low + low, one.high + high)
    row = Row(low, high, one.place, one.negative)
    width, signed = bits_of(one.low, one.high)
    apart = not subtracted and not signed and width <= shift
    return Chain(first, second, shift, subtracted, False, 0 if apart else bits_of(low, high)[0] - shift, row)


def row_sum(m: Module, name: str, rows: Sequence[Row], values: Sequence[Value]) -> Value:
    """The sum of ``rows``, whose numbers are ``values``."""
    sources = list(values)
    for number, chain in enumerate(chains(rows)):
        first, second = sources[chain.first], sources[chain.second]
        width, signed = bits_of(chain.row.low, chain.row.high)
        total = Signal(Shape(width, signed=signed), name=f"{name}_chain{number}", attrs={"keep": "true"})
        if chain.reverse:
            m.d.comb += total.eq((second << chain.shift) - first)
        else:
            above = first >> chain.shift
            below = first[: chain.shift] if len(first) >= chain.shift else Cat(first, (first < 0).replicate(chain.shift - len(first)))
            m.d.comb += total.eq(Cat(below, above - second if chain.subtracted else above + second))
        sources.append(total)
    return sources[-1] << rows[0].place
