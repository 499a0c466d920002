"""Transposition of blocks of a stream."""

from dataclasses import dataclass
from math import gcd

import numpy as np
from amaranth.hdl import Array, Cat, Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, address_bits
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.register import output_place
from finnr_rtl.cores.window_schedule import WindowSchedule
from finnr_rtl.datatypes import DataType

__all__ = ["Transpose", "TransposeConfig"]

# Fewer rows take no less in LUT memory than in registers.
LEAST_BANKED_ROWS = 4


@dataclass(frozen=True)
class TransposeConfig(CoreConfig):
    """``y[b, j, i, v] = x[b, i, j, v]`` for a stream of ``shape`` (blocks, rows, columns, values).

    A beat in is a row of a block, a beat out has as many values. Two blocks are held: one is written while the one before is read, in
    registers, or, of more than a few rows, in LUT memories.

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
    def columns(self) -> int:
        """Values, or runs of them, of a row."""
        return self.shape[2]

    @property
    def banked(self) -> bool:
        """Whether a row and a beat out may be spread over as many memories as there are columns, one place in each."""
        return self.rows >= LEAST_BANKED_ROWS and (self.rows % self.columns == 0 or gcd(self.rows, self.columns) == 1)

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


class Transpose(Core):
    """Hardware of :class:`TransposeConfig`: two blocks, and an output register.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        write = Signal()
        read = Signal()
        # Beats held beyond those of a block: its sign tells whether there is a block to read.
        spare = Signal(range(-c.rows, c.rows + 1), init=-c.rows)
        m.d.comb += [self.i.ready.eq(spare != c.rows), write.eq(self.i.valid & self.i.ready)]
        place = output_place(m, "o", self.o, read)
        m.d.comb += read.eq(place & (spare >= 0))
        beat, block_read = counter(m, "read_row", c.rows, read, early=True)
        second, _ = counter(m, "read_block", 2, read & block_read)
        m.d.sync += spare.eq(spare + write - Mux(read & block_read, c.rows, 0))
        banked = c.banked and getattr(platform, "lut_memory", True)
        chosen = self._banks(m, write, read, second) if banked else self._registers(m, write, beat, second)
        payload = Signal(c.output.width, reset_less=True)
        with m.If(read):
            m.d.sync += payload.eq(chosen)
        m.d.comb += self.o.payload.eq(payload)
        return m

    def _registers(self, m, write, beat, second):
        """The beat to be read, from two blocks in registers."""
        c = self._config
        _, rows, columns, values = c.shape
        into, _ = counter(m, "write_place", 2 * rows, write)
        block = [Signal(c.input.width, name=f"place{place}", reset_less=True) for place in range(2 * rows)]
        with m.If(write), m.Switch(into):
            for place, register in enumerate(block):
                with m.Case(place):
                    m.d.sync += register.eq(self.i.payload)
        chosen = Signal(c.output.width)
        width = values * c.dtype.bits
        with m.Switch(Cat(beat, second)):
            for number in range(2):
                words = [block[number * rows + row].word_select(column, width) for column in range(columns) for row in range(rows)]
                for row in range(rows):
                    with m.Case(number << len(beat) | row):
                        m.d.comb += chosen.eq(Cat(*words[row * columns : (row + 1) * columns]))
        return chosen

    def _banks(self, m, write, read, second):
        """The beat to be read, from a LUT memory for each column.

        Neither a row nor a beat out has two of its values in the same one: value (row i, column j) is in bank i + j modulo the columns
        where these divide the rows, and otherwise, where they have no factor in common, in bank i + j * rows, which is that of its place in
        the stream that leaves.
        """
        c = self._config
        _, rows, columns, values = c.shape
        width, aligned = values * c.dtype.bits, rows % columns == 0
        row, block_written = counter(m, "write_row", rows, write)
        half, _ = counter(m, "write_block", 2, write & block_written)
        turn = Signal(range(columns))
        turn_last = Signal()
        m.d.comb += turn_last.eq((turn == columns - 1) | block_written)
        with m.If(write):
            m.d.sync += turn.eq(Mux(turn_last, 0, turn + 1))
        lanes = [self.i.payload.word_select(column, width) for column in range(columns)]
        step = 1 if aligned else pow(rows, -1, columns)
        found = []
        addresses, column = self._aligned(m, read) if aligned else (self._in_turn(m, read), None)
        for bank, address in enumerate(addresses):
            memory = Memory(shape=unsigned(width), depth=2 << address_bits(rows), init=[], attrs={"ram_style": "distributed"})
            m.submodules[f"bank{bank}"] = memory
            into, out = memory.write_port(), memory.read_port(domain="comb")
            m.d.comb += [into.en.eq(write), into.addr.eq(Cat(row, half)), out.addr.eq(Cat(address, second))]
            m.d.comb += into.data.eq(Array(lanes[(bank - number) * step % columns] for number in range(columns))[turn])
            found.append(out.data)
        if not aligned:
            return Cat(*found)
        return Cat(*(Array(found[(lane + number) % columns] for number in range(columns))[column] for lane in range(columns)))

    def _aligned(self, m, read):
        """Row in each bank where each beat out lies within a column, and the number of that column."""
        c = self._config
        rows, columns = c.rows, c.columns
        first = Signal(range(rows))
        column_read = Signal()
        m.d.comb += column_read.eq(first == rows - columns)
        with m.If(read):
            m.d.sync += first.eq(Mux(column_read, 0, first + columns))
        column, _ = counter(m, "read_column", columns, read & column_read)
        addresses = []
        for bank in range(columns):
            behind = Array((bank - number) % columns for number in range(columns))[column]
            address = Signal(range(rows), name=f"bank{bank}_row")
            m.d.comb += address.eq(first | behind if columns & (columns - 1) == 0 else first + behind)
            addresses.append(address)
        return addresses, column

    def _in_turn(self, m, read):
        """Row in each bank where bank and lane are the same: each goes on by as many rows as there are columns, round and round."""
        c = self._config
        addresses = []
        for bank in range(c.columns):
            row, step = Signal(range(c.rows), name=f"bank{bank}_row", init=bank % c.rows), c.columns % c.rows
            with m.If(read):
                m.d.sync += row.eq(Mux(row >= c.rows - step, row - (c.rows - step), row + step))
            addresses.append(row)
        return addresses
