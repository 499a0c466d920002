"""Stream FIFO, and the FIFO at the end of a free-running pipeline."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec
from finnr_rtl.cores.queue import Queue
from finnr_rtl.cores.schedule import StepSchedule

__all__ = ["CreditFifo", "Fifo", "FifoConfig"]


@dataclass(frozen=True)
class FifoConfig(CoreConfig):
    """``y = x``: a queue of up to ``depth`` beats of the stream ``spec``.

    Latency 1. One beat a cycle for depths from 2; one beat in two cycles for depth 1. ``i.ready`` comes from a register.

    Raises ``ValueError`` for a depth below 1.
    """

    spec: StreamSpec
    depth: int

    def __post_init__(self):
        if self.depth < 1:
            raise ValueError(f"depth={self.depth} must be at least 1")

    @property
    def input(self):
        return self.spec

    @property
    def output(self):
        return self.spec

    def reference(self, x):
        return np.asarray(x, dtype=np.int64)

    def schedule(self):
        beats = np.arange(self.spec.beats)
        return StepSchedule(steps=len(beats), consume=beats, produce=beats, delay=CreditFifo.LATENCY, slots=self.depth, release=1)

    def create(self):
        return Fifo(self)


class Fifo(Core):
    """Hardware of :class:`FifoConfig`.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = CreditFifo(self._config.spec.width, self._config.depth)
        take = Signal()
        m.d.comb += take.eq(self.i.valid & queue.credit)
        m.d.comb += self.i.ready.eq(queue.credit)
        m.d.comb += [queue.launch.eq(take), queue.push.eq(take), queue.payload.eq(self.i.payload)]
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        return m


class CreditFifo(wiring.Component):
    """FIFO of ``depth`` payloads of ``width`` bits behind a pipeline that cannot stop.

    Whatever enters the pipeline spends a credit with ``launch``, while ``credit`` is high, and comes out later with ``push``.
    Launched payloads and waiting ones together never exceed ``depth``. A credit comes back one cycle after a payload is given.
    A payload pushed is offered ``LATENCY`` cycles later, or one cycle after the one before it is given.

    Members: ``launch`` In(1), ``credit`` Out(1), ``push`` In(1), ``payload`` In(width), ``o`` Out(stream).

    Raises ``ValueError`` for a depth below 1.
    """

    LATENCY = 1

    def __init__(self, width: int, depth: int):
        if depth < 1:
            raise ValueError(f"depth={depth} must be at least 1")
        self._width = width
        self._depth = depth
        super().__init__({
            "launch": In(1),
            "credit": Out(1),
            "push": In(1),
            "payload": In(width),
            "o": Out(stream.Signature(unsigned(width))),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.storage = storage = Queue(self._width, self._depth)
        m.d.comb += [storage.push.eq(self.push), storage.payload.eq(self.payload)]
        wiring.connect(m, storage.o, wiring.flipped(self.o))

        credits = Signal(range(self._depth + 1), init=self._depth)
        give = Signal()
        m.d.comb += give.eq(self.o.valid & self.o.ready)
        m.d.comb += self.credit.eq(credits != 0)
        with m.If(give != self.launch):
            m.d.sync += credits.eq(credits + Mux(give, 1, -1))
        return m
