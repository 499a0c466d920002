"""Pool over a whole map."""

from dataclasses import dataclass
from math import prod

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from finnr_rtl.cores.accumulator import accumulator, rescales
from finnr_rtl.cores.activation import activate, activation_latency, check_activation
from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.operands import holding, numbers
from finnr_rtl.cores.ram import ram_style
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import BIPOLAR, DataType, smallest
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["GlobalPool", "GlobalPoolConfig"]


@dataclass(frozen=True, eq=False)
class GlobalPoolConfig(CoreConfig):
    """``y[c] = thresholds(sum, or maximum, over all pixels of x[.., c])``.

    ``shape`` (height, width, channels) is that of the input; the output is one pixel. ``function`` is "sum" or "max"; ``thresholds`` is a
    Thresholds, a Requantiser, or None for the bare sums or maxima. ``pe`` channels a cycle. ``threshold_storage`` ("auto",
    "lut" or "block") is that of the words of ``thresholds``, ``arithmetic`` ("auto", "lut" or "dsp") that of a requantiser's products.
    ``slots`` output beats may be in flight or wait; 0 takes as many as keep the pipeline busy.

    Raises ``ValueError`` for pe that does not divide the channels, an empty map, or another function.
    """

    input_type: DataType
    shape: tuple[int, int, int]
    pe: int
    function: str = "sum"
    thresholds: Thresholds | Requantiser | None = None
    slots: int = 0
    threshold_storage: str = "auto"
    arithmetic: str = "auto"

    def __post_init__(self):
        require_divisor("pe", self.pe, "channels", self.shape[2])
        if self.pixels < 1:
            raise ValueError(f"map of {self.shape[0]} x {self.shape[1]} pixels must not be empty")
        if self.function not in ("sum", "max"):
            raise ValueError(f"function={self.function!r} must be 'sum' or 'max'")
        check_activation(self.thresholds, self.shape[2], self.threshold_storage, self.arithmetic)
        if self.slots < 0:
            raise ValueError(f"slots={self.slots} must not be negative")

    @property
    def pixels(self) -> int:
        return prod(self.shape[:2])

    @property
    def folds(self) -> int:
        """Beats per pixel."""
        return self.shape[2] // self.pe

    @property
    def accumulator_range(self) -> tuple[int, int]:
        """Least and greatest sum or maximum over all inputs of the type."""
        count = self.pixels if self.function == "sum" else 1
        return count * self.input_type.min, count * self.input_type.max

    @property
    def input(self):
        return StreamSpec(self.input_type, self.shape, self.pe)

    @property
    def output(self):
        dtype = self.input_type if self.function == "max" else smallest(*self.accumulator_range)
        return StreamSpec(self.thresholds.output if self.thresholds else dtype, (1, 1, self.shape[2]), self.pe)

    def reference(self, x):
        x = np.asarray(x, dtype=np.int64)
        acc = (x.sum if self.function == "sum" else x.max)(axis=(1, 2), keepdims=True)
        return self.thresholds(acc) if self.thresholds else acc

    @property
    def delay(self) -> int:
        """Cycles from a channel's last beat to its result offered: operands, accumulator, activation, FIFO."""
        return 2 + activation_latency(self.thresholds) + CreditFifo.LATENCY

    @property
    def places(self) -> int:
        """Output beats in flight or waiting."""
        return self.slots or min(self.delay + 1, self.folds + -(-(self.delay + 1) // self.pixels))

    def schedule(self):
        steps = self.input.beats
        produce = np.arange(steps - self.folds, steps)
        return StepSchedule(steps, np.arange(steps), produce, delay=self.delay, slots=self.places, release=1)

    def create(self):
        return GlobalPool(self)


class GlobalPool(Core):
    """Hardware of :class:`GlobalPoolConfig`: a memory with a word of accumulators for each fold, or just one register.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        take = Signal()
        place = Signal()
        fold, fold_last = counter(m, "fold", c.folds, take, early=True)
        pixel, pixel_last = counter(m, "pixel", c.pixels, take & fold_last, early=True)
        m.d.comb += place.eq(~pixel_last | out.credit)
        m.d.comb += [take.eq(self.i.valid & place), self.i.ready.eq(place), out.launch.eq(take & pixel_last)]

        # The accumulators of a fold are read while its beat is taken, and written back in the next cycle.
        operand = Signal(c.input.width, reset_less=True)
        taken = Signal()
        first = Signal(reset_less=True)
        last = Signal(reset_less=True)
        operand_fold = Signal(len(fold), reset_less=True)
        m.d.sync += [operand.eq(self.i.payload), taken.eq(take)]
        m.d.sync += [first.eq(pixel == 0), last.eq(pixel_last), operand_fold.eq(fold)]
        shape = holding(*c.accumulator_range)
        before = Signal(c.pe * shape.width)
        results = []
        for lane, value in enumerate(numbers(m, "x", operand, c.input_type)):
            so_far = Signal(shape, name=f"so_far{lane}")
            after = Signal(shape, name=f"after{lane}")
            m.d.comb += so_far.eq(before.word_select(lane, shape.width))
            combined = so_far + value if c.function == "sum" else Mux(value > so_far, value, so_far)
            m.d.comb += after.eq(Mux(first, value, combined))
            results.append(after)
        self._keep(m, take, fold, taken, operand_fold, Cat(*results), before, ram_style(c.folds, len(before), platform))

        finished = []
        for lane, result in enumerate(results):
            register = accumulator(shape, f"accumulator{lane}", rescales(c.thresholds))
            m.d.sync += register.eq(result)
            finished.append(register)
        done = Signal()
        done_fold = Signal(len(fold), reset_less=True)
        m.d.sync += [done.eq(taken & last), done_fold.eq(operand_fold)]
        if c.thresholds is None and c.output.dtype == BIPOLAR:
            finished = [result > 0 for result in finished]
        activate(m, c.thresholds, finished, taken, operand_fold, done, done_fold, out, c.threshold_storage, c.arithmetic)
        return m

    def _keep(self, m, take, fold, taken, operand_fold, after, before, style):
        """Store ``after`` of one fold, and show as ``before`` what was stored for the fold of the cycle before."""
        c = self._config
        if c.folds == 1:
            kept = Signal(len(before), reset_less=True)
            with m.If(taken):
                m.d.sync += kept.eq(after)
            m.d.comb += before.eq(kept)
            return
        m.submodules.accumulators = memory = Memory(shape=unsigned(len(before)), depth=c.folds, init=[], attrs={"ram_style": style})
        write = memory.write_port()
        read = memory.read_port()
        m.d.comb += [write.en.eq(taken), write.addr.eq(operand_fold), write.data.eq(after)]
        m.d.comb += [read.en.eq(take), read.addr.eq(fold), before.eq(read.data)]
