"""Adders of two or three shifted numbers on a carry chain, place by place; a plan without hardware."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

__all__ = ["Adder", "Operand", "Place", "bits_of"]


class Operand(NamedTuple):
    """A number of ``width`` bits, two's complement if ``signed``, times 2^``place``, which is taken off if ``negative``."""

    width: int
    signed: bool
    place: int
    negative: bool


class Place(NamedTuple):
    """One place of the chain: its ``bits``, (operand, bit of it), those of ``inverted`` operands taken from 1, and ``ones`` that are
    always added. ``carry`` is what bits and ones give the place above, beside the chain: 0, 1 or None where that depends on the bits."""

    bits: tuple[tuple[int, int], ...]
    inverted: tuple[bool, ...]
    ones: int
    carry: int | None

    def ones_of(self, values: Sequence[int]) -> int:
        """How many ones ``values`` of the bits make, those that are always added among them."""
        return self.ones + sum(value ^ inverted for value, inverted in zip(values, self.inverted, strict=True))


def _carry(bits: int, ones: int) -> int | None:
    """What up to three bits, some of them ``ones``, carry; None where that depends on the others."""
    return 1 if ones > 1 else 0 if bits + ones < 2 else None


def bits_of(low: int, high: int) -> tuple[int, bool]:
    """(width, signed) of the narrowest two's complement number that holds ``low`` to ``high``, or unsigned one where ``low`` is none less
    than 0; at least one bit."""
    if low < 0:
        return 1 + max((~low).bit_length(), max(high, 0).bit_length()), True
    return max(1, high.bit_length()), False


@dataclass(frozen=True)
class Adder:
    """The sum of one to three ``operands``, no more than two of them negative, in ``width`` bits.

    A place of the chain adds three bits: their parity, and the carry that the three of the place below give, are its two terms, of which
    both are functions of one LUT. A negative operand is added with all bits inverted, and one more: these go in where the chain begins.
    Below, the lowest operand's bits are those of the sum.
    """

    operands: tuple[Operand, ...]
    width: int

    @property
    def negatives(self) -> int:
        """Negative operands."""
        return sum(operand.negative for operand in self.operands)

    @cached_property
    def start(self) -> int:
        """The place where the chain begins."""
        places = sorted((operand.place, not operand.negative) for operand in self.operands)
        if not places[0][1] or len(places) == 1:
            return places[0][0]
        start = places[1][0]
        # Numbers that do not overlap lie side by side.
        while start < self.width and not self.negatives and len(self._bits(start)) < 2:
            start += 1
        return min(start, self.width)

    def _bits(self, place: int) -> list[tuple[int, int]]:
        """Which bit of which operand stands at a place."""
        return [
            (index, min(place - operand.place, operand.width - 1)) for index, operand in enumerate(self.operands)
            if operand.place <= place and (operand.signed or place < operand.place + operand.width)
        ]

    @cached_property
    def below(self) -> tuple[tuple[int, int] | None, ...]:
        """The bit at each place below the chain; None where there is none, a 0."""
        return tuple((self._bits(place) or [None])[0] for place in range(self.start))

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The places of the chain, lowest first."""
        return tuple(self._place(place) for place in range(self.start, self.width))

    def _place(self, place: int) -> Place:
        bits = tuple(self._bits(place))
        inverted = tuple(self.operands[index].negative for index, _ in bits)
        ones = self.negatives - sum(inverted)
        return Place(bits, inverted, ones, 0 if place == self.width - 1 else _carry(len(bits), ones))

    @property
    def first(self) -> tuple[int, int]:
        """What negative operands add where the chain begins: the carry of the chain, and the one beside it."""
        return int(self.negatives > 0), int(self.negatives > 1)

    @cached_property
    def luts(self) -> int:
        """LUTs: one for each place that is not just a bit or the carry from below."""
        luts, carried = 0, self.first[1]
        for place in self.places:
            terms = len(place.bits) + (carried is None)
            inverted = (sum(place.inverted) + place.ones + (carried or 0)) % 2
            luts += place.carry is None or terms > 1 or terms == 1 and inverted
            carried = place.carry
        return luts

    @cached_property
    def registers(self) -> int:
        """Flip-flops of the sum; bits below the chain that are one bit again and again have one."""
        return len(set(self.below) - {None}) + len(self.places)
