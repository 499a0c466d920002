"""Constant pixels between those of a map: what a transposed convolution slides over."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, Signal

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, constant_beat, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.operands import check_holds, recode
from finnr_rtl.cores.register import output_place
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import DataType

__all__ = ["Stuffing", "StuffingConfig"]


@dataclass(frozen=True)
class StuffingConfig(CoreConfig):
    """A map ``shape`` (height, width, channels) with ``factors - 1`` rows (columns) of ``value`` between every two rows (columns).

    The output is of ``output_type``, which is ``dtype`` where it is None. ``lanes`` channels a beat. One beat out a cycle, latency 1.

    Raises ``ValueError`` for lanes that do not divide the channels, an empty map, factors below 1, or an output type that does not
    hold the value and all values of ``dtype``.
    """

    dtype: DataType
    shape: tuple[int, int, int]
    factors: tuple[int, int]
    value: int
    lanes: int
    output_type: DataType | None = None

    def __post_init__(self):
        require_divisor("lanes", self.lanes, "channels", self.shape[2])
        if min(self.shape) < 1:
            raise ValueError(f"shape={self.shape} must not be empty")
        if min(self.factors) < 1:
            raise ValueError(f"factors={self.factors} must be at least 1 both ways")
        check_holds(self.output.dtype, self.dtype)
        if not self.output.dtype.allows(self.value):
            raise ValueError(f"value={self.value} must be a value of type {self.output.dtype}")

    @property
    def input(self):
        return StreamSpec(self.dtype, self.shape, self.lanes)

    @property
    def output(self):
        sizes = zip(self.shape, self.factors, strict=False)
        rows, columns = ((size - 1) * factor + 1 for size, factor in sizes)
        return StreamSpec(self.output_type or self.dtype, (rows, columns, self.shape[2]), self.lanes)

    def reference(self, x):
        y = np.full((len(x), *self.output.shape), self.value, dtype=np.int64)
        y[:, :: self.factors[0], :: self.factors[1]] = x
        return y

    def schedule(self):
        rows, columns, channels = self.output.shape
        steps = np.arange(self.output.beats).reshape(rows, columns, channels // self.lanes)
        consume = steps[:: self.factors[0], :: self.factors[1]].reshape(-1)
        return StepSchedule(steps=steps.size, consume=consume, produce=steps.reshape(-1), delay=1)

    def create(self):
        return Stuffing(self)


class Stuffing(Core):
    """Hardware of :class:`StuffingConfig`: an output register, filled from the stream or with the value.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        launch = Signal()
        place = output_place(m, "o", self.o, launch)
        rows, columns, channels = c.output.shape
        _, pixel_done = counter(m, "fold", channels // c.lanes, launch)
        next_column = Signal()
        next_row = Signal()
        m.d.comb += next_column.eq(launch & pixel_done)
        _, row_done = counter(m, "column", columns, next_column)
        m.d.comb += next_row.eq(next_column & row_done)
        _, frame_done = counter(m, "row", rows, next_row)
        in_column = self._phase(m, "column_phase", c.factors[1], next_column, row_done)
        in_row = self._phase(m, "row_phase", c.factors[0], next_row, frame_done)

        inside = Signal()
        m.d.comb += inside.eq(in_column & in_row)
        m.d.comb += launch.eq(place & (self.i.valid | ~inside))
        m.d.comb += self.i.ready.eq(place & inside)
        beat = Signal(c.output.width, reset_less=True)
        with m.If(launch):
            pixel = recode(m, "i", self.i.payload, c.dtype, c.output.dtype)
            m.d.sync += beat.eq(Mux(inside, pixel, constant_beat(c.output, c.value)))
        m.d.comb += self.o.payload.eq(beat)
        return m

    def _phase(self, m, name, factor, advance, restart):
        """High at the first of every ``factor`` places; counting begins anew behind a place with ``restart``."""
        phase = Signal(range(max(factor, 2)), name=name)
        if factor > 1:
            with m.If(advance):
                m.d.sync += phase.eq(Mux(restart | (phase == factor - 1), 0, phase + 1))
        return phase == 0
