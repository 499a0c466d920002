"""Maximum of consecutive beats: the arithmetic of a max-pool."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal
from amaranth.lib import wiring

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.register import output_place
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import BIPOLAR, DataType

__all__ = ["Pool", "PoolConfig"]


@dataclass(frozen=True)
class PoolConfig(CoreConfig):
    """``y[r, c] = max over taps``: each run of ``taps`` / ``simd`` beats, of ``simd`` taps each, becomes one beat, lane by lane.

    ``shape`` (rows, columns, channels) is that of the output. The input is what a sliding-window unit gives in order "depthwise":
    (rows, columns, channels / lanes, taps, lanes). One beat in a cycle. The taps of a beat meet in a tree of comparators with registers
    behind every level; BIPOLAR ones, which need no comparator, at once.

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

    @property
    def levels(self) -> int:
        """Levels of comparators between the taps of a beat."""
        return (self.simd - 1).bit_length() if self.dtype.bits > 1 else 0

    @property
    def delay(self) -> int:
        """Cycles from the last tap to the maximum offered: comparators, output register or FIFO."""
        return self.levels + CreditFifo.LATENCY

    @property
    def places(self) -> int:
        """Maxima in flight or waiting that keep the pipeline busy."""
        return -(-(self.delay + 1) // self.beats) + 1 if self.levels else 1

    def schedule(self):
        steps = self.input.beats
        produce = np.arange(self.beats - 1, steps, self.beats)
        release = int(self.levels > 0)
        return StepSchedule(steps, np.arange(steps), produce, delay=self.delay, slots=self.places, release=release)

    def create(self):
        return Pool(self)


class Pool(Core):
    """Hardware of :class:`PoolConfig`: the maximum so far, and an output register, or a FIFO where comparators have registers.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        take = Signal()
        place = Signal()
        launch = Signal()
        _, last = counter(m, "beat", c.beats, take, early=True)
        m.d.comb += [take.eq(self.i.valid & (place | ~last)), self.i.ready.eq(place | ~last), launch.eq(take & last)]

        valid, done = take, launch
        lanes = [[self._tap(m, lane, tap) for tap in range(c.simd)] for lane in range(c.lanes)]
        for level in range(c.levels):
            lanes = [self._level(m, f"level{level}_{lane}_", taps) for lane, taps in enumerate(lanes)]
            before, valid, done = (valid, done), Signal(name=f"valid{level}"), Signal(name=f"done{level}")
            m.d.sync += Cat(valid, done).eq(Cat(*before))
        greatest = Cat(*(self._greatest(m, lane, taps, valid, done) for lane, taps in enumerate(lanes)))

        if c.levels:
            m.submodules.out = out = CreditFifo(c.output.width, c.places)
            wiring.connect(m, out.o, wiring.flipped(self.o))
            m.d.comb += [place.eq(out.credit), out.launch.eq(launch), out.push.eq(done), out.payload.eq(greatest)]
            return m
        m.d.comb += place.eq(output_place(m, "o", self.o, launch))
        beat = Signal(c.output.width, reset_less=True)
        with m.If(launch):
            m.d.sync += beat.eq(greatest)
        m.d.comb += self.o.payload.eq(beat)
        return m

    def _level(self, m, name, values):
        """The greater of every two values, one cycle later."""
        winners = []
        for pair in range(0, len(values), 2):
            winner = Signal(values[0].shape(), name=f"{name}{pair}", reset_less=True)
            m.d.sync += winner.eq(self._greatest_of(m, f"{name}{pair}_greater", values[pair : pair + 2]))
            winners.append(winner)
        return winners

    def _greatest(self, m, lane, taps, valid, done):
        """The greatest of the taps so far and of this beat. Between runs the memory of it is the type's least value."""
        c = self._config
        if c.beats == 1:
            return self._greatest_of(m, f"greatest{lane}_", taps)
        least = 0 if c.dtype == BIPOLAR else c.dtype.min
        so_far = Signal(taps[0].shape(), name=f"so_far{lane}", init=least)
        greatest = self._greatest_of(m, f"greatest{lane}_", [so_far, *taps])
        with m.If(valid):
            m.d.sync += so_far.eq(Mux(done, least, greatest))
        return greatest

    def _tap(self, m, lane, tap):
        """One tap of the beat that comes."""
        c = self._config
        value = Signal(Shape(c.dtype.bits, signed=c.dtype.signed), name=f"tap{lane}_{tap}")
        m.d.comb += value.eq(self.i.payload.word_select(tap * c.lanes + lane, c.dtype.bits))
        return value

    def _greatest_of(self, m, name, values):
        """The greatest of some values; of single bits, as codes."""
        greatest, *others = values
        for number, other in enumerate(others):
            before, greatest = greatest, Signal(other.shape(), name=f"{name}{number}")
            either = before | other if self._config.dtype.bits == 1 else Mux(other > before, other, before)
            m.d.comb += greatest.eq(either)
        return greatest
