"""Stand-alone thresholds."""

from dataclasses import dataclass
from math import prod

import numpy as np
from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.contract import CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.cores.threshold_unit import ThresholdUnit, threshold_latency
from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.thresholds import Thresholds

__all__ = ["ThresholdConfig", "ThresholdCore"]


@dataclass(frozen=True, eq=False)
class ThresholdConfig(CoreConfig):
    """``y[..., c] = thresholds(x)[..., c]``, ``pe`` channels a cycle, one beat in and one beat out.

    ``shape`` is the frame's, channels last. ``slots`` beats may be in flight or wait; 0 takes as many as keep the pipeline busy.

    Raises ``ValueError`` for pe that does not divide the channels, or thresholds of another number of channels.
    """

    input_type: DataType
    shape: tuple[int, ...]
    thresholds: Thresholds
    pe: int
    slots: int = 0

    def __post_init__(self):
        require_divisor("pe", self.pe, "channels", self.shape[-1])
        if self.thresholds.channels != self.shape[-1]:
            raise ValueError(f"thresholds have {self.thresholds.channels} channels, {self.shape[-1]} expected")
        if self.slots < 0:
            raise ValueError(f"slots={self.slots} must not be negative")

    @property
    def input(self):
        return StreamSpec(self.input_type, self.shape, self.pe)

    @property
    def output(self):
        return StreamSpec(self.thresholds.output, self.shape, self.pe)

    def reference(self, x):
        return self.thresholds(np.asarray(x, dtype=np.int64))

    @property
    def delay(self) -> int:
        """Cycles from a beat taken to its result offered: operands, thresholds, FIFO."""
        return 1 + threshold_latency(self.thresholds.steps) + CreditFifo.LATENCY

    @property
    def places(self) -> int:
        """Output beats in flight or waiting."""
        return self.slots or self.delay + 1

    def schedule(self):
        beats = np.arange(prod(self.shape) // self.pe)
        return StepSchedule(steps=len(beats), consume=beats, produce=beats, delay=self.delay, slots=self.places, release=1)

    def create(self):
        return ThresholdCore(self)


class ThresholdCore(wiring.Component):
    """Hardware of :class:`ThresholdConfig`.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def __init__(self, config: ThresholdConfig):
        self._config = config
        super().__init__({"i": In(config.input.signature()), "o": Out(config.output.signature())})

    def elaborate(self, platform):
        c = self._config
        m = Module()
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        take = Signal()
        m.d.comb += [take.eq(self.i.valid & out.credit), self.i.ready.eq(out.credit), out.launch.eq(take)]
        fold, _ = counter(m, "fold", c.shape[-1] // c.pe, take)

        # A BIPOLAR operand is its code, 0 or 1, which orders like -1 and +1.
        code = c.input_type == BIPOLAR
        shape = Shape(c.input_type.bits, signed=c.input_type.signed)
        table = c.thresholds
        if code:
            table = Thresholds(-((-(table.values + 1)) // 2), table.output, table.base, table.flip)
        m.submodules.thresholds = unit = ThresholdUnit(table, c.pe, shape)
        operand = Signal(c.input.width, reset_less=True)
        valid = Signal()
        operand_fold = Signal(len(fold), reset_less=True)
        m.d.sync += [operand.eq(self.i.payload), valid.eq(take), operand_fold.eq(fold)]
        m.d.comb += [unit.fetch.eq(take), unit.next_fold.eq(fold), unit.valid.eq(valid), unit.fold.eq(operand_fold)]
        for lane in range(c.pe):
            m.d.comb += getattr(unit, f"x{lane}").eq(operand.word_select(lane, c.input_type.bits))
        m.d.comb += [out.push.eq(unit.done), out.payload.eq(unit.y)]
        return m
