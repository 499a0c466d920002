"""Padding around a map."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, constant_beat, require_divisor
from finnr_rtl.cores.operands import check_holds, recode
from finnr_rtl.cores.pad_sequence import PaddedMap, PadSequence
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import DataType

__all__ = ["Padding", "PaddingConfig"]


@dataclass(frozen=True)
class PaddingConfig(CoreConfig):
    """A map ``shape`` (height, width, channels) with ``pads`` (top, left, bottom, right) pixels of ``pad_value`` around it.

    The output is of ``output_type``, which is ``dtype`` where it is None. ``simd`` channels a beat. One beat out a cycle; latency 1 and
    the padding before the first pixel.

    Raises ``ValueError`` for simd that does not divide the channels, negative pads, or an output type that does not hold the pad
    value and all values of ``dtype``.
    """

    dtype: DataType
    shape: tuple[int, int, int]
    pads: tuple[int, int, int, int]
    pad_value: int
    simd: int
    output_type: DataType | None = None

    def __post_init__(self):
        require_divisor("simd", self.simd, "channels", self.shape[2])
        check_holds(self.output.dtype, self.dtype)
        if not self.output.dtype.allows(self.pad_value):
            raise ValueError(f"pad_value={self.pad_value} must be a value of type {self.output.dtype}")
        _ = self.map  # an illegal map raises here

    @property
    def map(self) -> PaddedMap:
        """The order of its beats."""
        return PaddedMap(self.shape[0], self.shape[1], self.shape[2] // self.simd, self.pads)

    @property
    def input(self):
        return StreamSpec(self.dtype, self.shape, self.simd)

    @property
    def output(self):
        return StreamSpec(self.output_type or self.dtype, (*self.map.padded, self.shape[2]), self.simd)

    def reference(self, x):
        top, left, bottom, right = self.pads
        frame = ((0, 0), (top, bottom), (left, right), (0, 0))
        return np.pad(np.asarray(x, dtype=np.int64), frame, constant_values=self.pad_value)

    def schedule(self):
        total = self.map.total
        return StepSchedule(steps=total, consume=self.map.inside, produce=np.arange(total), delay=1)

    def create(self):
        return Padding(self)


class Padding(Core):
    """Hardware of :class:`PaddingConfig`: an output register, filled from the stream or with padding.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        m.submodules.sequence = sequence = PadSequence(c.map)
        place = Signal()
        launch = Signal()
        m.d.comb += place.eq(~self.o.valid | self.o.ready)
        m.d.comb += launch.eq(place & (sequence.padding | self.i.valid))
        m.d.comb += self.i.ready.eq(place & ~sequence.padding)
        m.d.comb += sequence.advance.eq(launch)

        beat = Signal(c.output.width, reset_less=True)
        filled = Signal()
        pixel = recode(m, "i", self.i.payload, c.dtype, c.output.dtype)
        with m.If(place):
            m.d.sync += filled.eq(launch)
            m.d.sync += beat.eq(Mux(sequence.padding, constant_beat(c.output, c.pad_value), pixel))
        m.d.comb += [self.o.valid.eq(filled), self.o.payload.eq(beat)]
        return m
