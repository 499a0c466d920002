"""Transposition of blocks of a stream."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring

from finnr_rtl.cores.contract import CoreConfig, StreamSpec
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.register import output_place
from finnr_rtl.cores.window_schedule import WindowSchedule
from finnr_rtl.datatypes import DataType

__all__ = ["Transpose", "TransposeConfig"]


@dataclass(frozen=True)
class TransposeConfig(CoreConfig):
    """``y[b, j, i, v] = x[b, i, j, v]`` for a stream of ``shape`` (blocks, rows, columns, values).

    A beat in is a row of a block, a beat out has as many values. Two blocks are held: one is written while the one before is read.

    Raises ``ValueError`` for an empty shape.
    """

    dtype: DataType
    shape: tuple[int, int, int, int]

    def __post_init__(self):
        if len(self.shape) != 4 or min(self.shape) < 1:
            raise ValueError(f"shape={self.shape} must be four numbers from 1: blocks, rows, columns, values")

    @property
    def rows(self) -> int:
        """Beats per block."""
        return self.shape[1]

    @property
    def input(self):
        return StreamSpec(self.dtype, self.shape, self.shape[2] * self.shape[3])

    @property
    def output(self):
        blocks, rows, columns, values = self.shape
        return StreamSpec(self.dtype, (blocks, columns, rows, values), columns * values)

    def reference(self, x):
        return np.ascontiguousarray(np.swapaxes(np.asarray(x, dtype=np.int64), 2, 3))

    def schedule(self):
        beats = np.arange(self.input.beats)
        ends = (beats // self.rows + 1) * self.rows
        # The places of a block are free again when its last beat is read.
        freed = np.where(beats + 1 == ends, ends, ends - self.rows)
        return WindowSchedule(writes=len(beats), consume=beats, need=ends - 1, freed=freed, depth=2 * self.rows)

    def create(self):
        return Transpose(self)


class Transpose(wiring.Component):
    """Hardware of :class:`TransposeConfig`: registers of two blocks, and an output register.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def __init__(self, config: TransposeConfig):
        self._config = config
        super().__init__(config.members())

    def elaborate(self, platform):
        c = self._config
        m = Module()
        _, rows, columns, values = c.shape
        places = 2 * rows
        write = Signal()
        read = Signal()
        # Beats held beyond those of a block: its sign tells whether there is a block to read.
        spare = Signal(range(-rows, rows + 1), init=-rows)
        m.d.comb += [self.i.ready.eq(spare != rows), write.eq(self.i.valid & self.i.ready)]
        into, _ = counter(m, "write_place", places, write)
        block = [Signal(c.input.width, name=f"place{place}", reset_less=True) for place in range(places)]
        with m.If(write), m.Switch(into):
            for place, register in enumerate(block):
                with m.Case(place):
                    m.d.sync += register.eq(self.i.payload)

        place = output_place(m, "o", self.o, read)
        m.d.comb += read.eq(place & (spare >= 0))
        beat, block_read = counter(m, "read_row", rows, read, early=True)
        second, _ = counter(m, "read_block", 2, read & block_read)
        m.d.sync += spare.eq(spare + write - Mux(read & block_read, rows, 0))
        chosen = Signal(c.output.width)
        width = values * c.dtype.bits
        with m.Switch(Cat(beat, second)):
            for number in range(2):
                words = [block[number * rows + row].word_select(column, width) for column in range(columns) for row in range(rows)]
                for row in range(rows):
                    with m.Case(number << len(beat) | row):
                        m.d.comb += chosen.eq(Cat(*words[row * columns : (row + 1) * columns]))
        payload = Signal(c.output.width, reset_less=True)
        with m.If(read):
            m.d.sync += payload.eq(chosen)
        m.d.comb += self.o.payload.eq(payload)
        return m
