"""Nested loops that walk through a memory with constant strides."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal

from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.operands import holding

__all__ = ["Loop", "choose", "count", "merge", "place_in_ring", "positions", "turns"]


@dataclass(frozen=True)
class Loop:
    """``count`` rounds, each ``stride`` places after the one before."""

    count: int
    stride: int

    @property
    def reach(self) -> int:
        """Places from the first round to the last."""
        return (self.count - 1) * self.stride


def merge(loops: list[Loop]) -> list[Loop]:
    """The same walk (outermost loop first) with as few loops as it takes; none at all for a single place."""
    merged: list[Loop] = []
    for loop in loops:
        if loop.count == 1:
            continue
        if merged and merged[-1].stride == loop.stride * loop.count:
            loop = Loop(merged.pop().count * loop.count, loop.stride)
        merged.append(loop)
    return merged


def positions(loops: list[Loop]) -> np.ndarray:
    """Every place of the walk in order (int64)."""
    place = np.zeros(1, dtype=np.int64)
    for loop in loops:
        place = (place[:, None] + np.arange(loop.count) * loop.stride).reshape(-1)
    return place


def turns(m: Module, name: str, loops: list[Loop], advance) -> Signal:
    """Which loop goes on behind the present place: its index, or ``len(loops)`` where all of them are through.

    It is a register: the counters stand at the next place, so that what depends on it need not wait for comparisons with their ends.
    """
    innermost = max((index for index, loop in enumerate(loops) if loop.count > 1), default=len(loops))
    turn = Signal(range(max(len(loops) + 1, 2)), name=name, init=innermost)
    following = Signal(len(turn), name=f"{name}_following")
    lasts = []
    enable = advance
    for index in reversed(range(len(loops))):
        _, last = counter(m, f"{name}_loop{index}", loops[index].count, enable, start=int(index == innermost))
        enable = enable & last
        lasts.insert(0, last)
    # Of the loops that have rounds left, the innermost has the last word.
    m.d.comb += following.eq(len(loops))
    for index, last in enumerate(lasts):
        with m.If(~last):
            m.d.comb += following.eq(index)
    with m.If(advance):
        m.d.sync += turn.eq(following)
    return turn


def count(m: Module, value: Signal, up, down, amounts: list[int], turn: Signal):
    """Count ``value`` up by one with ``up``, and down by ``amounts[turn]`` with ``down``."""
    minus = Signal(len(value), name=f"{value.name}_minus")
    with m.If(down):
        m.d.comb += minus.eq(choose(m, f"{value.name}_amount", [-amount for amount in amounts], turn))
    # One adder, whose extra low bit carries ``up`` in.
    total = Signal(len(value) + 1, name=f"{value.name}_next")
    m.d.comb += total.eq(Cat(1, value) + Cat(up, minus))
    m.d.sync += value.eq(total[1:])


def place_in_ring(m: Module, name: str, words: int, advance, amounts: list[int], turn: Signal) -> Signal:
    """A place in a ring of so many words that goes on by ``amounts[turn]`` with ``advance``."""
    place = Signal(range(max(words, 2)), name=name)
    amounts = [amount % words for amount in amounts]
    further = Signal(len(place), name=f"{name}_further")
    m.d.comb += further.eq(place + choose(m, f"{name}_move", amounts, turn))
    following = further
    if words & (words - 1):
        beyond = Signal(range(-words, words), name=f"{name}_beyond")
        m.d.comb += beyond.eq(place + choose(m, f"{name}_back", [amount - words for amount in amounts], turn))
        following = Mux(beyond < 0, further, beyond)
    with m.If(advance):
        m.d.sync += place.eq(following)
    return place


def choose(m: Module, name: str, amounts: list[int], turn: Signal) -> Signal:
    """``amounts[turn]``."""
    chosen = Signal(holding(min(amounts), max(amounts)), name=name)
    with m.Switch(turn):
        for index, amount in enumerate(amounts[:-1]):
            with m.Case(index):
                m.d.comb += chosen.eq(amount)
        with m.Default():
            m.d.comb += chosen.eq(amounts[-1])
    return chosen
