"""Line buffers: a sliding-window unit that gives whole windows."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, product

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, constant_beat, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.loops import Loop, count, place_in_ring, positions, turns
from finnr_rtl.cores.pad_sequence import PadSequence
from finnr_rtl.cores.ram import ram_style
from finnr_rtl.cores.ring import even_depth
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.window_schedule import WindowSchedule
from finnr_rtl.datatypes import DataType

__all__ = ["LineBuffer", "LineBufferConfig"]


@dataclass(frozen=True)
class LineBufferConfig(CoreConfig):
    """All windows of a map ``shape`` (height, width, channels), row by row, all taps of ``simd`` channels in a beat.

    ``kernel``, ``stride``, ``dilation``, ``pads`` and ``pad_value`` are those of :class:`finnr_rtl.cores.swu.SwuConfig`. A beat holds the
    windows at ``mmv`` neighbouring columns: the output is a tensor (rows, columns / mmv, channels / simd, kernel rows, kernel columns,
    simd, mmv), of which a beat is the last four dimensions.

    Two processes run at the same time: one beat of the padded map is written a cycle, and one place of a row, with all that windows
    have in that column, is read a cycle. ``depth`` rows of the padded map are held; None takes as many as let the reads be spread
    evenly over the frame, with which a frame takes as many cycles as the padded map has beats. ``slots`` output beats may be in flight
    or wait; 0 takes as many as keep the pipeline busy.

    Raises ``ValueError`` where SwuConfig does, for mmv that does not divide the columns of windows, and for a depth of fewer rows than a
    window spans.
    """

    dtype: DataType
    shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[int, int, int, int]
    pad_value: int
    simd: int
    mmv: int = 1
    depth: int | None = None
    slots: int = 0

    def __post_init__(self):
        require_divisor("mmv", self.mmv, "columns", self._ring.windows[1])
        if self.depth is not None and self.depth < self.span[0]:
            raise ValueError(f"depth={self.depth} must be at least {self.span[0]}, the rows that a window spans")
        if self.slots < 0:
            raise ValueError(f"slots={self.slots} must not be negative")

    @cached_property
    def _ring(self) -> SwuConfig:
        """The unit that gives the same windows tap by tap."""
        return SwuConfig(
            self.dtype, self.shape, self.kernel, self.stride, self.dilation, self.pads, self.pad_value, self.simd, "depthwise"
        )

    @property
    def map(self):
        """The order of beats written."""
        return self._ring.map

    @property
    def folds(self) -> int:
        """Beats per pixel."""
        return self._ring.folds

    @property
    def windows(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        return self._ring.windows

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns from the first to the last of a window."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def input(self):
        return self._ring.input

    @property
    def output(self):
        rows, columns = self.windows
        shape = (rows, columns // self.mmv, self.folds, *self.kernel, self.simd, self.mmv)
        return StreamSpec(self.dtype, shape, self.kernel[0] * self.kernel[1] * self.simd * self.mmv)

    def reference(self, x):
        y = self._ring.reference(x)
        rows, columns = self.windows
        y = y.reshape(-1, rows, columns // self.mmv, self.mmv, *y.shape[3:])
        return np.ascontiguousarray(np.moveaxis(y, 3, -1))

    @property
    def row(self) -> int:
        """Beats of a row of the padded map."""
        return self.map.padded[1] * self.folds

    @property
    def first(self) -> int:
        """Columns of a row that are read before the one that completes its first beat of windows."""
        return self.span[1] - 1 + (self.mmv - 1) * self.stride[1]

    @property
    def read_loops(self) -> list[Loop]:
        """The walk over all places read: rows of windows, columns of the map up to the last window's, beats of a pixel."""
        columns = (self.windows[1] - 1) * self.stride[1] + self.span[1]
        return [Loop(self.windows[0], self.stride[0] * self.row), Loop(columns, self.folds), Loop(self.folds, 1)]

    @property
    def turns(self) -> tuple[list[Loop], list[int]]:
        """The loops to count; and how far the next place to read lies behind this one when each of them goes on, and when a frame ends."""
        rows, columns, beats = self.read_loops
        moves = [rows.stride - columns.reach - beats.reach, 1, 1, self.map.total - rows.reach - columns.reach - beats.reach]
        if moves[0] == moves[-1] and self.top_moves[0] == self.top_moves[1]:
            rows = Loop(1, 0)  # a frame ends like any other row
        return [rows, columns, beats], moves

    @property
    def top_moves(self) -> tuple[int, int]:
        """How many memories further the first row of the next windows lies, within a frame and at its end."""
        rows, _, _ = self.read_loops
        return self.stride[0] % self.rows_held, (self.map.padded[0] - (rows.count - 1) * self.stride[0]) % self.rows_held

    @property
    def ahead(self) -> int:
        """Beats of the map from a place read to the last one that must be there with it, in the last row of its windows."""
        return (self.span[0] - 1) * self.row

    @cached_property
    def _reads(self) -> tuple[np.ndarray, np.ndarray]:
        """``need`` and ``freed`` of the schedule."""
        places = positions(self.read_loops)
        return places + self.ahead, np.append(places[1:], self.map.total)

    @cached_property
    def rows_held(self) -> int:
        """Rows of the padded map that there is memory for."""
        return self.depth or max(self.span[0], -(-even_depth(self.map.total, *self._reads) // self.row))

    @property
    def delay(self) -> int:
        """Cycles from the last read of a beat of windows to its offer: memory, registers of columns, FIFO."""
        return 2 + CreditFifo.LATENCY

    @property
    def places(self) -> int:
        """Output beats in flight or waiting."""
        return self.slots or self.delay + 1

    @property
    def cycles(self) -> int:
        """Cycles per frame in steady state."""
        return self.map.total

    def schedule(self):
        need, freed = self._reads
        rows, columns, folds = (loop.count for loop in self.read_loops)
        launching = np.arange(self.first, columns, self.mmv * self.stride[1])[:, None] * folds + np.arange(folds)
        produce = np.arange(rows)[:, None] * (columns * folds) + launching.reshape(-1)
        return WindowSchedule(
            writes=self.map.total,
            consume=self.map.inside,
            need=need,
            freed=freed,
            depth=self.rows_held * self.row,
            produce=produce.reshape(-1),
            delay=self.delay,
            slots=self.places,
            release=1,
        )

    def create(self):
        return LineBuffer(self)


class LineBuffer(Core):
    """Hardware of :class:`LineBufferConfig`.

    Each row of the padded map goes to the next of ``rows_held`` memories, all of which are read at the same place. What windows have
    in that column is chosen by the row at which they begin, and goes into a shift register of as many columns as a beat spans. Nothing
    stops behind the memories: a read that completes a beat takes a credit for a place in the output FIFO.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        write = Signal()
        read = Signal()
        launching = Signal()
        loops, moves = c.turns
        turn = turns(m, "turn", loops, read)
        pixel_done, row_done = turn != 2, (turn == 0) | (turn == 3)

        # Columns left until one completes a beat of windows; a register tells when there are none.
        again = c.mmv * c.stride[1] - 1
        left = Signal(range(max(c.first, again) + 1), init=c.first)
        completing = Signal(init=c.first == 0)
        m.d.comb += launching.eq(completing)
        with m.If(read & pixel_done):
            m.d.sync += left.eq(Mux(row_done, c.first, Mux(launching, again, left - 1)))
            m.d.sync += completing.eq(Mux(row_done, c.first == 0, Mux(launching, again == 0, left == 1)))

        # Beats written from the place to be read next on, less those that must be: its sign tells whether to read. There are fewer than
        # none where strides leave out rows that are yet to come.
        words = c.rows_held * c.row
        spare = Signal(range(min(0, c.ahead + 1 - max(moves)) - c.ahead - 1, words - c.ahead), init=-c.ahead - 1)
        m.d.comb += read.eq((spare >= 0) & (out.credit | ~launching))
        count(m, spare, write, read, moves, turn)

        memories = self._write(m, platform, write, spare != words - c.ahead - 1)
        column = self._column(m, memories, read, turn)
        m.d.comb += out.launch.eq(read & launching)
        fetched = Signal()
        complete = Signal()
        m.d.sync += [fetched.eq(read), complete.eq(out.launch), out.push.eq(complete)]
        m.d.comb += out.payload.eq(self._windows(m, column, fetched))
        return m

    def _write(self, m, platform, write, has_room):
        """The memories, one for each row held, written in turn."""
        c = self._config
        m.submodules.sequence = sequence = PadSequence(c.map)
        m.d.comb += write.eq(has_room & (sequence.padding | self.i.valid))
        m.d.comb += self.i.ready.eq(has_room & ~sequence.padding)
        m.d.comb += sequence.advance.eq(write)
        place, row_done = counter(m, "write_place", c.row, write)
        bank, _ = counter(m, "write_row", c.rows_held, write & row_done)
        memories = []
        places = max(c.row, 2)  # a memory has an address
        attrs = {"ram_style": ram_style(places, c.input.width, platform)}
        for index in range(c.rows_held):
            memory = Memory(shape=unsigned(c.input.width), depth=places, init=[], attrs=attrs)
            m.submodules[f"row{index}"] = memory
            port = memory.write_port()
            padding = constant_beat(c.input, c.pad_value) if any(c.map.pads) else 0
            m.d.comb += [port.en.eq(write & (bank == index)), port.addr.eq(place)]
            m.d.comb += port.data.eq(Mux(sequence.padding, padding, self.i.payload))
            memories.append(memory)
        return memories

    def _column(self, m, memories, read, turn):
        """What windows have in the column read, one cycle after ``read``: a beat from each row of the kernel."""
        c = self._config
        held = c.rows_held
        _, columns, beats = c.read_loops
        place, _ = counter(m, "read_place", columns.count * beats.count, read)
        words = []
        for memory in memories:
            port = memory.read_port()
            m.d.comb += [port.en.eq(read), port.addr.eq(place)]
            words.append(port.data)
        # The memory that has the first row of the windows.
        within, between = c.top_moves
        top = place_in_ring(m, "top", held, read, [within, 0, 0, between], turn)
        chosen = Signal(range(max(held, 2)), reset_less=True)
        m.d.sync += chosen.eq(top)
        taps = []
        for row in range(c.kernel[0]):
            tap = Signal(c.input.width, name=f"row_tap{row}")
            behind = row * c.dilation[0]
            with m.Switch(chosen):
                for bank in range(held):
                    with m.Case(bank) if bank < held - 1 else m.Default():
                        m.d.comb += tap.eq(words[(bank + behind) % held])
            taps.append(tap)
        return Cat(*taps)

    def _windows(self, m, column, fetched):
        """A beat of windows, one cycle after its last column; columns shift in while ``fetched`` is high."""
        c = self._config
        history = [column]
        for age in range(c.first * c.folds + 1):
            history.append(Signal(len(column), name=f"column{age}", reset_less=True))
        with m.If(fetched):
            for newer, older in pairwise(history):
                m.d.sync += older.eq(newer)
        values = []
        for row, tap, lane, window in product(*(range(n) for n in (*c.kernel, c.simd, c.mmv))):
            age = (c.first - window * c.stride[1] - tap * c.dilation[1]) * c.folds
            values.append(history[1 + age].word_select(row * c.simd + lane, c.dtype.bits))
        return Cat(*values)
