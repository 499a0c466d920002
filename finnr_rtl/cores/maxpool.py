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
    """``y[r, c] = max over taps``: each run of ``taps`` / ``simd`` beats, of ``simd`` taps each, becomes one beat, lane by lane.

    ``shape`` (rows, columns, channels) is that of the output. The input is what a sliding-window unit gives in order "depthwise":
    (rows, columns, channels / lanes, taps, lanes). One beat in a cycle; the maximum is offered one cycle after its last tap.

    Raises ``ValueError`` for lanes that do not divide the channels, no taps, or simd that does not divide them.
    """

    dtype: DataType
    shape: tuple[int, int, int]
    taps: int
    lanes: int
    simd: int = 1

    def __post_init__(self):
        require_divisor("lanes", self.lanes, "channels", self.shape[2])
        if self.taps < 1:
            raise ValueError(f"taps={self.taps} must be at least 1")
        require_divisor("simd", self.simd, "taps", self.taps)

    @property
    def beats(self) -> int:
        """Beats that become one."""
        return self.taps // self.simd

    @property
    def input(self):
        rows, columns, channels = self.shape
        return StreamSpec(self.dtype, (rows, columns, channels // self.lanes, self.taps, self.lanes), self.simd * self.lanes)

    @property
    def output(self):
        return StreamSpec(self.dtype, self.shape, self.lanes)

    def reference(self, x):
        return np.asarray(x, dtype=np.int64).max(axis=4).reshape(-1, *self.shape)

    def schedule(self):
        steps = self.input.beats
        produce = np.arange(self.beats - 1, steps, self.beats)
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
        _, last = counter(m, "beat", c.beats, take)
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
        """The greatest of the taps so far and of this beat. Between runs the memory of it is the type's least value."""
        c = self._config
        greatest = self._tap(m, lane, 0)
        for tap in range(1, c.simd):
            greatest = self._greater(m, f"greatest{lane}_{tap}", greatest, self._tap(m, lane, tap))
        if c.beats == 1:
            return greatest
        least = 0 if c.dtype == BIPOLAR else c.dtype.min
        so_far = Signal(greatest.shape(), name=f"so_far{lane}", init=least)
        greatest = self._greater(m, f"greatest{lane}", so_far, greatest)
        with m.If(take):
            m.d.sync += so_far.eq(Mux(last, least, greatest))
        return greatest

    def _tap(self, m, lane, tap):
        """One tap of the beat that comes."""
        c = self._config
        value = Signal(Shape(c.dtype.bits, signed=c.dtype.signed), name=f"tap{lane}_{tap}")
        m.d.comb += value.eq(self.i.payload.word_select(tap * c.lanes + lane, c.dtype.bits))
        return value

    def _greater(self, m, name, one, other):
        """The greater of two values; of BIPOLAR ones, as codes."""
        greater = Signal(one.shape(), name=name)
        m.d.comb += greater.eq(one | other if self._config.dtype.bits == 1 else Mux(other > one, other, one))
        return greater
