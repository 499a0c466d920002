"""How Yosys adds more than two numbers: its pass maccmap makes two of three, a full adder for each bit, until two are left to add."""

from functools import cache
from typing import NamedTuple

__all__ = ["Adders", "Operand", "adders"]


# Beyond so many times the same operands the tree of adders grows evenly.
MANY = 16


class Operand(NamedTuple):
    """A number of ``width`` bits, moved ``place`` bits to the left; the highest bit of a ``signed`` one goes on to that of the sum."""

    width: int
    signed: bool = False
    place: int = 0


class Adders(NamedTuple):
    """Full adders of bits of the operands, those of what others made, those of the last step of several apart from both, half adders
    (where one of three bits is 0), bits of the adder at the end that have two terms, and its bits from the lowest of these on."""

    first: int
    inner: int
    last: int
    half: int
    carried: int
    chain: int


def adders(operands: tuple[Operand, ...], width: int, times: int = 1, plain: bool = True, constant: bool = False) -> Adders:
    """What the sum of ``operands``, each ``times`` over, and a ``constant`` is made of, in ``width`` bits. ``plain`` tells that each bit of
    an operand is a signal: the LUTs of the adder at the end then have room for what a full adder before them makes, as they have behind
    others.

    The highest bits of signed numbers come again in each column above, where one full adder does for all that have the same inputs.
    """
    if times <= MANY:
        return _adders(operands * times, width, plain, constant)
    # Each more takes as much as the one before.
    some, more = (_adders(operands * number, width, plain, constant) for number in (MANY // 2, MANY))
    further = (times - MANY) / (MANY - MANY // 2)
    first, inner, half = (
        round(after + (after - before) * further)
        for before, after in ((some.first, more.first), (some.inner, more.inner), (some.half, more.half))
    )
    return Adders(first, inner, more.last, half, more.carried, more.chain)


@cache
def _adders(operands: tuple[Operand, ...], width: int, plain: bool, constant: bool) -> Adders:
    columns = [
        [(index, min(place - operand.place, operand.width - 1)) for index, operand in enumerate(operands) if _reaches(operand, place)]
        for place in range(width)
    ]
    words = [[column[row] if row < len(column) else None for column in columns] for row in range(max(map(len, columns), default=0))]
    # With a bit that is known, a full adder is what it is with 0.
    words += [[None] * width] * constant
    made: dict[frozenset, tuple] = {}
    last, steps = [], 0
    while len(words) > 2:
        left = words[: len(words) // 3 * 3]
        words = words[len(left) :]
        before, steps = len(made), steps + 1
        for first in range(0, len(left), 3):
            sums, carries = [], [None]
            for bits in zip(*left[first : first + 3], strict=True):
                total, carry = _three(frozenset(bits) - {None}, made)
                sums.append(total)
                carries.append(carry)
            words += [sums, carries[:width]]
        last = [bits for bits in list(made)[before:] if len(bits) == 3]
    full = [bits for bits in made if len(bits) == 3]
    carried = [place for place in range(width) if None not in (words[0][place], words[1][place])] if len(words) == 2 else []
    last = last if steps > 1 or plain else []
    first = sum(all(isinstance(source, int) for source, _ in bits) for bits in full[: len(full) - len(last)])
    chain = width - carried[0] if carried else 0
    return Adders(first, len(full) - len(last) - first, len(last), len(made) - len(full), len(carried), chain)


def _reaches(operand: Operand, place: int) -> bool:
    return operand.place <= place and (operand.signed or place < operand.place + operand.width)


def _three(bits: frozenset, made: dict) -> tuple:
    """Sum and carry of up to three bits, none of which is 0; the same ones where they were added before."""
    if len(bits) < 2:
        return next(iter(bits), None), None
    if bits not in made:
        made[bits] = (bits, 0), (bits, 1)
    return made[bits]
