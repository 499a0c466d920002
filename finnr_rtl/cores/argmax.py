"""Index of the greatest channel."""

from dataclasses import dataclass
from functools import reduce
from math import prod
from operator import add

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import wiring

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, address_bits, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import DataType, uint

__all__ = ["ArgMax", "ArgMaxConfig"]


@dataclass(frozen=True)
class ArgMaxConfig(CoreConfig):
    """``y[...] = argmax over channels of x[..., c]``, the first of equals; ``shape`` is the input's, channels last.

    ``lanes`` channels a beat, one beat a cycle; one index (UINT, as wide as the last index) per pixel. Within a beat a tree of
    comparators, with registers behind every level, finds the greatest; it is compared with the greatest of the beats before.

    Raises ``ValueError`` for lanes that do not divide the channels.
    """

    dtype: DataType
    shape: tuple[int, ...]
    lanes: int

    def __post_init__(self):
        require_divisor("lanes", self.lanes, "channels", self.shape[-1])

    @property
    def input(self):
        return StreamSpec(self.dtype, self.shape, self.lanes)

    @property
    def output(self):
        return StreamSpec(uint(address_bits(self.shape[-1])), (*self.shape[:-1], 1), 1)

    def reference(self, x):
        return np.asarray(x).argmax(axis=-1)[..., None].astype(np.int64)

    @property
    def folds(self) -> int:
        """Beats per pixel."""
        return self.shape[-1] // self.lanes

    @property
    def delay(self) -> int:
        """Cycles from a pixel's last beat to its index offered: comparator levels, comparison with the beats before, FIFO."""
        return (self.lanes - 1).bit_length() + 1 + CreditFifo.LATENCY

    @property
    def shifts(self) -> list[int]:
        """Bits of ``lanes``, a product with which is a sum of so many shifts: for a product some synthesis takes a multiplier block."""
        return [bit for bit in range(self.lanes.bit_length()) if self.lanes >> bit & 1]

    @property
    def places(self) -> int:
        """Indices in flight or waiting that keep the pipeline busy."""
        return -(-(self.delay + 1) // self.folds) + 1

    def schedule(self):
        steps = prod(self.shape) // self.lanes
        produce = np.arange(self.folds - 1, steps, self.folds)
        return StepSchedule(steps, np.arange(steps), produce, delay=self.delay, slots=self.places, release=1)

    def create(self):
        return ArgMax(self)


class ArgMax(Core):
    """Hardware of :class:`ArgMaxConfig`.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        take = Signal()
        place = Signal()
        fold, last = counter(m, "fold", c.folds, take, early=True)
        m.d.comb += place.eq(~last | out.credit)
        m.d.comb += [take.eq(self.i.valid & place), self.i.ready.eq(place), out.launch.eq(take & last)]

        values, lanes, (valid, fold, last) = self._tree(m, take, fold, last)
        best = Signal(values[0].shape(), reset_less=True)
        best_index = Signal(c.output.width, reset_less=True)
        done = Signal()
        m.d.sync += done.eq(valid & last)
        # The index of a fold's first lane.
        first = reduce(add, [fold << bit for bit in c.shifts])
        with m.If(valid & ((fold == 0) | (values[0] > best))):
            m.d.sync += [best.eq(values[0]), best_index.eq(first + lanes[0])]
        m.d.comb += [out.push.eq(done), out.payload.eq(best_index)]
        return m

    def _tree(self, m, take, fold, last):
        """The greatest value of a beat and its lane, with the beat's control signals delayed as much."""
        c = self._config
        shape = Shape(c.dtype.bits, signed=c.dtype.signed)
        values, lanes = [], []
        for lane in range(c.lanes):
            value = Signal(shape, name=f"x{lane}")
            m.d.comb += value.eq(self.i.payload.word_select(lane, c.dtype.bits))
            values.append(value)
            lanes.append(lane)
        control = take, fold, last
        level = 0
        while len(values) > 1:
            winners, winner_lanes = [], []
            for pair in range(0, len(values), 2):
                value = Signal(shape, name=f"level{level}_value{pair}", reset_less=True)
                lane = Signal(range(max(c.lanes, 2)), name=f"level{level}_lane{pair}", reset_less=True)
                if pair + 1 < len(values):
                    second = Signal(name=f"level{level}_second{pair}")
                    m.d.comb += second.eq(values[pair + 1] > values[pair])
                    m.d.sync += value.eq(Mux(second, values[pair + 1], values[pair]))
                    m.d.sync += lane.eq(Mux(second, lanes[pair + 1], lanes[pair]))
                else:
                    m.d.sync += [value.eq(values[pair]), lane.eq(lanes[pair])]
                winners.append(value)
                winner_lanes.append(lane)
            values, lanes = winners, winner_lanes
            control = self._delay(m, f"level{level}", *control)
            level += 1
        return values, lanes, control

    def _delay(self, m, name, valid, fold, last):
        next_valid = Signal(name=f"{name}_valid")
        next_fold = Signal(len(fold), name=f"{name}_fold", reset_less=True)
        next_last = Signal(name=f"{name}_last", reset_less=True)
        m.d.sync += [next_valid.eq(valid), next_fold.eq(fold), next_last.eq(last)]
        return next_valid, next_fold, next_last
