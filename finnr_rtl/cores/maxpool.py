"""Maximum of consecutive beats: the arithmetic of a max-pool."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.contract import CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import BIPOLAR, DataType

__all__ = ["Pool", "PoolConfig"]


@dataclass(frozen=True)
class PoolConfig(CoreConfig):
    """``y[r, c] = max over taps``: each run of ``taps`` beats becomes one beat, lane by lane.

    ``shape`` (rows, columns, channels) is that of the output. The input is what a sliding-window unit gives in order "depthwise":
    (rows, columns, channels / lanes, taps, lanes). One beat in a cycle; the maximum is offered one cycle after its last tap.

    Raises ``ValueError`` for lanes that do not divide the channels, or no taps.
    """

    dtype: DataType
    shape: tuple[int, int, int]
    taps: int
    lanes: int

    def __post_init__(self):
        require_divisor("lanes", self.lanes, "channels", self.shape[2])
        if self.taps < 1:
            raise ValueError(f"taps={self.taps} must be at least 1")

    @property
    def input(self):
        rows, columns, channels = self.shape
        return StreamSpec(self.dtype, (rows, columns, channels // self.lanes, self.taps, self.lanes), self.lanes)

    @property
    def output(self):
        return StreamSpec(self.dtype, self.shape, self.lanes)

    def reference(self, x):
        return np.asarray(x, dtype=np.int64).max(axis=4).reshape(-1, *self.shape)

    def schedule(self):
        steps = self.input.beats
        produce = np.arange(self.taps - 1, steps, self.taps)
        return StepSchedule(steps=steps, consume=np.arange(steps), produce=produce, delay=1)

    def create(self):
        return Pool(self)


class Pool(wiring.Component):
    """Hardware of :class:`PoolConfig`: the maximum so far, and an output register.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def __init__(self, config: PoolConfig):
        self._config = config
        super().__init__({"i": In(config.input.signature()), "o": Out(config.output.signature())})

    def elaborate(self, platform):
        c = self._config
        m = Module()
        take = Signal()
        place = Signal()
        _, last = counter(m, "tap", c.taps, take)
        filled = Signal()
        m.d.comb += place.eq(~last | ~filled | self.o.ready)
        m.d.comb += [take.eq(self.i.valid & place), self.i.ready.eq(place)]
        with m.If(take & last):
            m.d.sync += filled.eq(1)
        with m.Elif(self.o.ready):
            m.d.sync += filled.eq(0)

        beat = Signal(c.output.width, reset_less=True)
        greatest = [self._greatest(m, lane, take, last) for lane in range(c.lanes)]
        with m.If(take & last):
            m.d.sync += beat.eq(Cat(*greatest))
        m.d.comb += [self.o.valid.eq(filled), self.o.payload.eq(beat)]
        return m

    def _greatest(self, m, lane, take, last):
        """The greatest of the taps so far and this one. Between runs the memory of it is the type's least value."""
        c = self._config
        shape = Shape(c.dtype.bits, signed=c.dtype.signed)
        tap = Signal(shape, name=f"tap{lane}")
        m.d.comb += tap.eq(self.i.payload.word_select(lane, c.dtype.bits))
        if c.taps == 1:
            return tap
        least = 0 if c.dtype == BIPOLAR else c.dtype.min
        so_far = Signal(shape, name=f"so_far{lane}", init=least)
        greatest = Signal(shape, name=f"greatest{lane}")
        if c.dtype.bits == 1:
            m.d.comb += greatest.eq(so_far | tap)
        else:
            m.d.comb += greatest.eq(Mux(tap > so_far, tap, so_far))
        with m.If(take):
            m.d.sync += so_far.eq(Mux(last, least, greatest))
        return greatest
