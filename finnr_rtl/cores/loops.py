"""Nested loops that walk through a memory with constant strides."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Signal

from finnr_rtl.cores.counter import counter

__all__ = ["Loop", "merge", "nest", "positions"]


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


def nest(m: Module, name: str, loops: list[Loop], advance) -> list[Signal]:
    """Counters of the loops. Result n is high when loop n and all loops inside it are in their last rounds."""
    done: list[Signal] = []
    enable = advance
    for index in reversed(range(len(loops))):
        _, last = counter(m, f"{name}{index}", loops[index].count, enable)
        all_last = Signal(name=f"{name}{index}_done")
        m.d.comb += all_last.eq(last & done[0] if done else last)
        done.insert(0, all_last)
        enable = advance & all_last
    return done
