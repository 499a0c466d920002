"""Stand-alone thresholds or requantiser."""

from dataclasses import dataclass
from math import prod

import numpy as np
from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import wiring

from finnr_rtl.cores.activation import activate, activation_latency, check_activation, in_counts
from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["ThresholdConfig", "ThresholdCore"]


@dataclass(frozen=True, eq=False)
class ThresholdConfig(CoreConfig):
    """``y[..., c] = thresholds(x)[..., c]``, ``pe`` channels a cycle, one beat in and one beat out.

    ``thresholds`` is a Thresholds or a Requantiser. ``threshold_storage`` ("auto", "lut" or "block") is that of their words,
    ``arithmetic`` ("auto", "lut" or "dsp") that of a requantiser's products.
    ``shape`` is the frame's, channels last. ``slots`` beats may be in flight or wait; 0 takes as many as keep the pipeline busy.

    Raises ``ValueError`` for pe that does not divide the channels, or thresholds of another number of channels.
    """

    input_type: DataType
    shape: tuple[int, ...]
    thresholds: Thresholds | Requantiser
    pe: int
    slots: int = 0
    threshold_storage: str = "auto"
    arithmetic: str = "auto"

    def __post_init__(self):
        require_divisor("pe", self.pe, "channels", self.shape[-1])
        check_activation(self.thresholds, self.shape[-1], self.threshold_storage, self.arithmetic)
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
    def in_codes(self) -> Thresholds | Requantiser:
        """The thresholds in terms of the input's codes: that of a BIPOLAR one is n, 0 or 1, and stands for 2 n - 1."""
        if self.input_type != BIPOLAR:
            return self.thresholds
        return in_counts(self.thresholds, 2, np.ones(self.thresholds.channels, dtype=np.int64))

    @property
    def delay(self) -> int:
        """Cycles from a beat taken to its result offered: operands, thresholds, FIFO."""
        return 1 + activation_latency(self.thresholds) + CreditFifo.LATENCY

    @property
    def places(self) -> int:
        """Output beats in flight or waiting."""
        return self.slots or self.delay + 1

    def schedule(self):
        beats = np.arange(prod(self.shape) // self.pe)
        return StepSchedule(steps=len(beats), consume=beats, produce=beats, delay=self.delay, slots=self.places, release=1)

    def create(self):
        return ThresholdCore(self)


class ThresholdCore(Core):
    """Hardware of :class:`ThresholdConfig`.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        take = Signal()
        m.d.comb += [take.eq(self.i.valid & out.credit), self.i.ready.eq(out.credit), out.launch.eq(take)]
        fold, _ = counter(m, "fold", c.shape[-1] // c.pe, take)

        operand = Signal(c.input.width, reset_less=True)
        valid = Signal()
        operand_fold = Signal(len(fold), reset_less=True)
        m.d.sync += [operand.eq(self.i.payload), valid.eq(take), operand_fold.eq(fold)]
        values = []
        for lane in range(c.pe):
            value = Signal(Shape(c.input_type.bits, signed=c.input_type.signed), name=f"x{lane}")
            m.d.comb += value.eq(operand.word_select(lane, c.input_type.bits))
            values.append(value)
        activate(m, c.in_codes, values, take, fold, valid, operand_fold, out, c.threshold_storage, c.arithmetic)
        return m
