"""Channels of several streams one behind the other."""

from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np
from amaranth.hdl import Module, Signal

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, port_names, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.operands import check_holds, recode
from finnr_rtl.cores.register import output_place
from finnr_rtl.cores.schedule import JointSchedule
from finnr_rtl.datatypes import DataType

__all__ = ["Concat", "ConcatConfig"]


@dataclass(frozen=True)
class ConcatConfig(CoreConfig):
    """``y[..] = x0[..], x1[..], ..``: of each pixel the channels of all inputs, one input behind the other.

    ``pixels`` is the shape of a frame without its channels, ``channels`` and ``input_types`` are those of each input; ``output_type`` holds
    the values of all. ``lanes`` channels a beat on every stream, one beat a cycle, latency 1.

    Raises ``ValueError`` for fewer than two inputs, lanes that do not divide the channels of each, or an output type that does not
    hold an input's values.
    """

    input_types: tuple[DataType, ...]
    pixels: tuple[int, ...]
    channels: tuple[int, ...]
    output_type: DataType
    lanes: int

    def __post_init__(self):
        if len(self.channels) < 2 or len(self.channels) != len(self.input_types):
            raise ValueError(f"channels={self.channels} must be two or more numbers, one for each of input_types")
        for index, channels in enumerate(self.channels):
            require_divisor("lanes", self.lanes, f"channels[{index}]", channels)
        for dtype in self.input_types:
            check_holds(self.output_type, dtype)

    @property
    def inputs(self):
        types = zip(self.input_types, self.channels, strict=True)
        return tuple(StreamSpec(dtype, (*self.pixels, channels), self.lanes) for dtype, channels in types)

    @property
    def output(self):
        return StreamSpec(self.output_type, (*self.pixels, sum(self.channels)), self.lanes)

    def reference(self, *x):
        return np.concatenate([np.asarray(part, dtype=np.int64) for part in x], axis=-1)

    @property
    def folds(self) -> int:
        """Beats per pixel of the output."""
        return sum(self.channels) // self.lanes

    @property
    def borders(self) -> list[tuple[int, int]]:
        """Of each input the first beat of a pixel that it gives, and the one behind its last."""
        return list(pairwise(np.cumsum([0, *self.channels]).tolist()))

    def schedule(self):
        pixels = np.arange(prod(self.pixels))[:, None] * self.folds
        consume = tuple((pixels + np.arange(begin // self.lanes, end // self.lanes)).reshape(-1) for begin, end in self.borders)
        steps = pixels.size * self.folds
        return JointSchedule(steps, consume, (np.arange(steps),), delay=1)

    def create(self):
        return Concat(self)


class Concat(Core):
    """Hardware of :class:`ConcatConfig`: an output register, filled from one input after the other.

    Members: ``i0``, ``i1`` .. In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        take = Signal()
        offered = Signal()
        place = output_place(m, "o", self.o, take)
        fold, _ = counter(m, "fold", c.folds, take)
        beat = Signal(c.output.width)
        for name, dtype, (begin, end) in zip(port_names("i", len(c.inputs)), c.input_types, c.borders, strict=True):
            port = getattr(self, name)
            turn = Signal(name=f"{name}_turn")
            m.d.comb += turn.eq((fold >= begin // c.lanes) & (fold < end // c.lanes))
            m.d.comb += port.ready.eq(place & turn)
            with m.If(turn):
                m.d.comb += [offered.eq(port.valid), beat.eq(recode(m, name, port.payload, dtype, c.output_type))]
        m.d.comb += take.eq(place & offered)
        kept = Signal(c.output.width, reset_less=True)
        with m.If(take):
            m.d.sync += kept.eq(beat)
        m.d.comb += self.o.payload.eq(kept)
        return m
