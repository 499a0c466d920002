"""Channels of one stream for several takers, or some of them for one."""

from dataclasses import dataclass
from math import prod

import numpy as np
from amaranth.hdl import Cat, Module, Signal

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, port_names, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.register import output_place
from finnr_rtl.cores.schedule import JointSchedule
from finnr_rtl.datatypes import DataType

__all__ = ["Split", "SplitConfig"]


@dataclass(frozen=True)
class SplitConfig(CoreConfig):
    """``y_n[..] = x[.., start_n : stop_n]`` for each (start, stop) of ``parts``: one output is a slice, several are a split.

    ``shape`` is the input's, channels last. Parts may overlap; channels of no part are dropped. ``lanes`` channels a beat on every
    stream, one beat a cycle, latency 1. Each output holds one beat.

    Raises ``ValueError`` where lanes does not divide the channels and every start and stop, or a part is empty or out of range.
    """

    dtype: DataType
    shape: tuple[int, ...]
    parts: tuple[tuple[int, int], ...]
    lanes: int

    def __post_init__(self):
        require_divisor("lanes", self.lanes, "channels", self.shape[-1])
        if not self.parts:
            raise ValueError("parts=() must hold at least one (start, stop)")
        for start, stop in self.parts:
            if not 0 <= start < stop <= self.shape[-1] or start % self.lanes or stop % self.lanes:
                raise ValueError(f"part={(start, stop)} must lie within 0 to {self.shape[-1]}, at multiples of lanes={self.lanes}")

    @property
    def input(self):
        return StreamSpec(self.dtype, self.shape, self.lanes)

    @property
    def outputs(self):
        return tuple(StreamSpec(self.dtype, (*self.shape[:-1], stop - start), self.lanes) for start, stop in self.parts)

    def reference(self, x):
        parts = tuple(np.asarray(x, dtype=np.int64)[..., start:stop] for start, stop in self.parts)
        return parts if len(parts) > 1 else parts[0]

    @property
    def folds(self) -> int:
        """Beats per pixel of the input."""
        return self.shape[-1] // self.lanes

    def schedule(self):
        pixels = np.arange(prod(self.shape[:-1]))[:, None] * self.folds
        produce = tuple((pixels + np.arange(start // self.lanes, stop // self.lanes)).reshape(-1) for start, stop in self.parts)
        steps = pixels.size * self.folds
        return JointSchedule(steps, (np.arange(steps),), produce, delay=1)

    def create(self):
        return Split(self)


class Split(Core):
    """Hardware of :class:`SplitConfig`: a register for each output.

    Members: ``i`` In(stream), ``o`` or ``o0``, ``o1`` .. Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        take = Signal()
        room = Signal()
        fold, _ = counter(m, "fold", c.folds, take)
        places = []
        for name, (start, stop) in zip(port_names("o", len(c.parts)), c.parts, strict=True):
            port = getattr(self, name)
            wanted = Signal(name=f"{name}_wanted")
            launch = Signal(name=f"{name}_launch")
            m.d.comb += wanted.eq((fold >= start // c.lanes) & (fold < stop // c.lanes))
            m.d.comb += launch.eq(take & wanted)
            places.append(~wanted | output_place(m, name, port, launch))
            beat = Signal(c.input.width, name=f"{name}_beat", reset_less=True)
            with m.If(launch):
                m.d.sync += beat.eq(self.i.payload)
            m.d.comb += port.payload.eq(beat)
        m.d.comb += room.eq(Cat(*places).all())
        m.d.comb += [self.i.ready.eq(room), take.eq(room & self.i.valid)]
        return m
