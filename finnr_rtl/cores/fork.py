"""One stream for several takers."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, port_names
from finnr_rtl.cores.register import output_place
from finnr_rtl.cores.schedule import JointSchedule

__all__ = ["Fork", "ForkConfig"]


@dataclass(frozen=True)
class ForkConfig(CoreConfig):
    """``y0 = y1 = .. = x``: the stream ``spec`` on each of ``count`` outputs.

    Latency 1, one beat a cycle. A beat is taken once every output has given the one before or gives it in that cycle; outputs give
    a beat independently of each other.

    Raises ``ValueError`` for a count below 2.
    """

    spec: StreamSpec
    count: int

    def __post_init__(self):
        if self.count < 2:
            raise ValueError(f"count={self.count} must be at least 2")

    @property
    def input(self):
        return self.spec

    @property
    def outputs(self):
        return (self.spec,) * self.count

    def reference(self, x):
        return (np.asarray(x, dtype=np.int64),) * self.count

    def schedule(self):
        beats = np.arange(self.spec.beats)
        return JointSchedule(steps=len(beats), consume=(beats,), produce=(beats,) * self.count, delay=1)

    def create(self):
        return Fork(self)


class Fork(Core):
    """Hardware of :class:`ForkConfig`: one register for all outputs, and a flag for each that has yet to give it.

    Members: ``i`` In(stream), ``o0``, ``o1`` .. Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        outputs = {name: getattr(self, name) for name in port_names("o", c.count)}
        take = Signal()
        room = Signal()
        m.d.comb += room.eq(Cat(*(output_place(m, name, output, take) for name, output in outputs.items())).all())
        m.d.comb += [self.i.ready.eq(room), take.eq(room & self.i.valid)]
        beat = Signal(c.spec.width, reset_less=True)
        with m.If(take):
            m.d.sync += beat.eq(self.i.payload)
        m.d.comb += [output.payload.eq(beat) for output in outputs.values()]
        return m
