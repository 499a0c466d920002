"""Cores that keep a stream in a ring and give its beats again in another order, along nested loops."""

from abc import abstractmethod
from functools import cached_property

import numpy as np
from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory

from finnr_rtl.cores.contract import Core, CoreConfig, constant_beat
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.loops import Loop, count, place_in_ring, positions, turns
from finnr_rtl.cores.pad_sequence import PaddedMap, PadSequence
from finnr_rtl.cores.ram import free_words, ram_style
from finnr_rtl.cores.ring import smallest_depth
from finnr_rtl.cores.window_schedule import WindowSchedule

__all__ = ["Walk", "WalkConfig"]


class WalkConfig(CoreConfig):
    """Base of the cores that :class:`Walk` is the hardware of.

    A frame is written to the ring in the order of ``map``, whose padding, where there is any, holds the field ``pad_value``. It is read
    in windows, of which ``window_loops`` places the first beats and ``tap_loops`` the others relative to that. What lies before the
    first beat of the next window is not needed any more. ``depth`` is the ring's, in beats; ``None`` takes the smallest with which a
    frame takes no more cycles than the greater of beats written and beats read, or more where they cost nothing.

    One beat out a cycle and, at the same time, one beat of the padded map in; a beat is offered two cycles after it was taken at
    the earliest.
    """

    depth: int | None

    @property
    @abstractmethod
    def map(self) -> PaddedMap:
        """The order of beats written to the ring."""

    @property
    @abstractmethod
    def window_loops(self) -> list[Loop]:
        """The walk over the first beats of all windows: merged loops whose places never fall."""

    @property
    @abstractmethod
    def tap_loops(self) -> list[Loop]:
        """The walk over the beats of a window: merged loops."""

    def check_depth(self):
        """Raise ``ValueError`` where the ring cannot hold a window."""
        if self.depth is not None and self.depth < self.footprint:
            raise ValueError(f"depth={self.depth} must be at least {self.footprint}, the beats that a window spans")

    @property
    def footprint(self) -> int:
        """Beats from the first to the last of a window."""
        return sum(loop.reach for loop in self.tap_loops) + 1

    @cached_property
    def _reads(self) -> tuple[np.ndarray, np.ndarray]:
        """``need`` and ``freed`` of the schedule."""
        bases = positions(self.window_loops)
        taps = positions(self.tap_loops)
        need = (bases[:, None] + taps).reshape(-1)
        freed = np.repeat(bases, len(taps))
        freed[len(taps) - 1 :: len(taps)] = [*bases[1:], self.map.total]
        return need, freed

    @property
    def turns(self) -> tuple[list[Loop], list[int], list[int]]:
        """The loops that need counting; for each of them, and for the end of a frame, how far the next beat to read lies behind this one
        when that loop goes on; and likewise how many beats are then not needed any more."""
        windows = self.window_loops
        loops = windows + self.tap_loops
        reaches = [loop.reach for loop in loops]
        moves = [loop.stride - sum(reaches[n + 1 :]) for n, loop in enumerate(loops)] + [self.map.total - sum(reaches)]
        frees = [loop.stride - sum(reaches[n + 1 : len(windows)]) for n, loop in enumerate(windows)] + [0] * len(self.tap_loops)
        frees.append(self.map.total - sum(reaches[: len(windows)]))
        # Outer loops in which a frame ends like any other round.
        alike = next((n for n in range(len(loops)) if (moves[n], frees[n]) != (moves[-1], frees[-1])), len(loops))
        return loops[alike:], moves[alike:], frees[alike:]

    def depth_for(self, cycles: int | None = None) -> int:
        """A small depth with which a frame takes no more than ``cycles`` cycles; by default as few as any ring can do with.

        Raises ``ValueError`` where no ring can be as fast.
        """
        return smallest_depth(self.map.total, *self._reads, cycles)

    @cached_property
    def words(self) -> int:
        """Beats the ring holds."""
        return self.depth or free_words(self.depth_for(), self.input.width)

    @property
    def cycles(self):
        return max(self.map.total, self.output.beats)

    def schedule(self):
        need, freed = self._reads
        return WindowSchedule(writes=self.map.total, consume=self.map.inside, need=need, freed=freed, depth=self.words)

    def create(self):
        return Walk(self)


class Walk(Core):
    """Hardware of every :class:`WalkConfig`: a ring in memory, written in stream order and read along nested loops.

    Two counters keep the processes apart: ``ahead``, how many beats beyond the one to be read next are written, and ``fill``, how
    many written beats are still of use, less the ring's size. Their signs tell whether reading and writing may go on.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        write = Signal()
        read = Signal()
        filled = Signal()
        width = c.input.width
        attrs = {"ram_style": ram_style(c.words, width, platform)}
        m.submodules.ring = ring = Memory(shape=unsigned(width), depth=c.words, init=[], attrs=attrs)

        loops, moves, frees = c.turns
        turn = turns(m, "turn", loops, read)
        ahead = Signal(range(min(-max(moves), -1), c.words), init=-1)
        count(m, ahead, write, read, moves, turn)
        fill = Signal(range(-c.words - max(0, max(frees) - c.footprint), 1), init=-c.words)
        count(m, fill, write, read, frees, turn)

        # Writing.
        m.submodules.sequence = sequence = PadSequence(c.map)
        has_room = Signal()
        m.d.comb += has_room.eq(fill < 0)
        m.d.comb += write.eq(has_room & (sequence.padding | self.i.valid))
        m.d.comb += self.i.ready.eq(has_room & ~sequence.padding)
        m.d.comb += sequence.advance.eq(write)
        port = ring.write_port()
        write_address, _ = counter(m, "write_address", c.words, write)
        m.d.comb += [port.en.eq(write), port.addr.eq(write_address)]
        padding = constant_beat(c.input, c.pad_value) if any(c.map.pads) else 0
        m.d.comb += port.data.eq(Mux(sequence.padding, padding, self.i.payload))

        # Reading.
        place = Signal()
        m.d.comb += place.eq(~filled | self.o.ready)
        m.d.comb += read.eq(place & (ahead >= 0))
        with m.If(place):
            m.d.sync += filled.eq(read)
        port = ring.read_port()
        m.d.comb += [port.en.eq(read), port.addr.eq(place_in_ring(m, "read_address", c.words, read, moves, turn))]
        m.d.comb += [self.o.valid.eq(filled), self.o.payload.eq(port.data)]
        return m
