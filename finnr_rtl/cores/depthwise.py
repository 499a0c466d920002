"""Depthwise matrix-vector unit, and the sum pool that it is without weights."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring

from finnr_rtl.cores.accumulator import accumulator, rescales
from finnr_rtl.cores.activation import activate, activation_latency, check_activation
from finnr_rtl.cores.adder_tree import total
from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.operands import holding, number_shape, numbers
from finnr_rtl.cores.product import uses_dsp
from finnr_rtl.cores.ram import check_storage
from finnr_rtl.cores.rom import Rom
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.cores.sums import MOST_TERMS, part_shapes, product_parts, reduce_terms, reductions
from finnr_rtl.datatypes import DataType, smallest
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["Depthwise", "DepthwiseConfig"]


@dataclass(frozen=True, eq=False)
class DepthwiseConfig(CoreConfig):
    """``y[r, c, k] = thresholds(sum over taps t of weights[k, t] * x[r, c, k, t])``: every channel has its own row of weights.

    ``shape`` (rows, columns, channels) is that of the output. The input is what a sliding-window unit gives in order "depthwise":
    (rows, columns, channels / pe, taps, pe). ``pe`` channels and ``simd`` taps a cycle. ``weights`` is int64 (channels, taps) of type
    ``weight_type``; ``None`` (both) means ones, which makes this a sum pool over ``taps`` taps. ``thresholds`` is a Thresholds, a
    Requantiser, or None for raw accumulators.

    ``storage`` of the weights and ``threshold_storage`` of the words of ``thresholds`` are "auto", "lut" or "block", ``arithmetic`` of all
    products is "auto", "lut" or "dsp". ``slots`` output beats may be in flight or wait; 0 takes as many as keep the pipeline busy.

    Raises ``ValueError`` for pe that does not divide the channels, no taps, simd that does not divide them, weights of another shape or
    outside their type.
    """

    input_type: DataType
    shape: tuple[int, int, int]
    taps: int
    pe: int
    weights: np.ndarray | None = None
    weight_type: DataType | None = None
    thresholds: Thresholds | Requantiser | None = None
    storage: str = "auto"
    slots: int = 0
    threshold_storage: str = "auto"
    arithmetic: str = "auto"
    simd: int = 1

    def __post_init__(self):
        require_divisor("pe", self.pe, "channels", self.channels)
        if self.taps < 1:
            raise ValueError(f"taps={self.taps} must be at least 1")
        require_divisor("simd", self.simd, "taps", self.taps)
        if (self.weights is None) != (self.weight_type is None):
            raise ValueError("weights and weight_type must both be given or both be None")
        if self.weights is not None:
            if self.weights.shape != (self.channels, self.taps):
                raise ValueError(f"weights have shape {self.weights.shape}, {(self.channels, self.taps)} expected")
            if not self.weight_type.allows(self.weights):
                raise ValueError(f"weights hold values that are not {self.weight_type}")
        check_activation(self.thresholds, self.channels, self.threshold_storage, self.arithmetic)
        check_storage("storage", self.storage)
        if self.slots < 0:
            raise ValueError(f"slots={self.slots} must not be negative")

    @property
    def channels(self) -> int:
        return self.shape[2]

    @property
    def folds(self) -> int:
        """Beats per output pixel."""
        return self.channels // self.pe

    @property
    def steps(self) -> int:
        """Cycles for ``pe`` channels of a pixel."""
        return self.taps // self.simd

    @cached_property
    def accumulator_range(self) -> tuple[int, int]:
        """Least and greatest sum over all inputs of the type."""
        low, high = self.input_type.min, self.input_type.max
        if self.weights is None:
            return self.taps * low, self.taps * high
        up, down = np.maximum(self.weights, 0).sum(axis=1), np.minimum(self.weights, 0).sum(axis=1)
        return int((up * low + down * high).min()), int((up * high + down * low).max())

    @property
    def input(self):
        rows, columns, _ = self.shape
        return StreamSpec(self.input_type, (rows, columns, self.folds, self.taps, self.pe), self.simd * self.pe)

    @property
    def output(self):
        dtype = self.thresholds.output if self.thresholds else smallest(*self.accumulator_range)
        return StreamSpec(dtype, self.shape, self.pe)

    def reference(self, x):
        x = np.asarray(x, dtype=np.int64)
        if self.weights is not None:
            x = x * self.weights.reshape(self.folds, self.pe, self.taps).swapaxes(1, 2)
        acc = x.sum(axis=4).reshape(-1, *self.shape)
        return self.thresholds(acc) if self.thresholds else acc

    @property
    def reductions(self) -> int:
        """Cycles in which the terms of a step become few enough to be added to the sum so far."""
        parts = 1
        if self.weights is not None:
            parts = len(part_shapes(self.arithmetic, number_shape(self.input_type), number_shape(self.weight_type)))
        return reductions(self.simd * parts, MOST_TERMS - 1 - self.in_slices, self.in_slices)

    @property
    def in_slices(self) -> bool:
        """Whether products are in DSP slices."""
        shapes = number_shape(self.input_type), number_shape(self.weight_type or self.input_type)
        return self.weights is not None and uses_dsp(self.arithmetic, *shapes)

    @property
    def delay(self) -> int:
        """Cycles from a channel's last tap to its result offered: operands, products, sums of many terms, accumulator, activation, FIFO."""
        return 1 + (self.weights is not None) + self.reductions + 1 + activation_latency(self.thresholds) + CreditFifo.LATENCY

    @property
    def places(self) -> int:
        """Output beats in flight or waiting."""
        return self.slots or -(-(self.delay + 1) // self.steps) + 1

    def schedule(self):
        steps = self.input.beats
        produce = np.arange(self.steps - 1, steps, self.steps)
        return StepSchedule(steps, np.arange(steps), produce, delay=self.delay, slots=self.places, release=1)

    @cached_property
    def weight_rows(self) -> list[int]:
        """Weight memory: word ``fold * steps + step`` holds simd * pe weights, tap by tap, first in the low bits."""
        words = self.weights.reshape(self.folds, self.pe, self.taps).swapaxes(1, 2)
        return StreamSpec(self.weight_type, (self.folds, self.taps, self.pe), self.simd * self.pe).pack(words[None])

    def create(self):
        return Depthwise(self)


class Depthwise(Core):
    """Hardware of :class:`DepthwiseConfig`.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        take = Signal()
        place = Signal()
        step, last = counter(m, "step", c.steps, take, early=True)
        fold, _ = counter(m, "fold", c.folds, take & last)
        m.d.comb += place.eq(~last | out.credit)
        m.d.comb += [take.eq(self.i.valid & place), self.i.ready.eq(place), out.launch.eq(take & last)]

        stage = self._stage(m, "operand", take, step == 0, last, fold)
        operand = Signal(c.input.width, reset_less=True)
        m.d.sync += operand.eq(self.i.payload)
        terms = [[value] for value in numbers(m, "x", operand, c.input_type)]
        if c.weights is not None:
            terms = self._products(m, platform, take, terms)
            stage = self._stage(m, "product", *stage)
        lanes = [[part for term in terms[lane :: c.pe] for part in term] for lane in range(c.pe)]
        lanes = [reduce_terms(m, f"lane{lane}", parts, c.reductions, c.in_slices) for lane, parts in enumerate(lanes)]
        for cycle in range(c.reductions):
            stage = self._stage(m, f"reduced{cycle}", *stage)

        valid, first, last, fold = ahead = stage
        sums = []
        for lane, parts in enumerate(lanes):
            so_far = accumulator(holding(*c.accumulator_range), f"accumulator{lane}", rescales(c.thresholds))
            with m.If(valid):
                m.d.sync += so_far.eq(Mux(first, 0, so_far) + total(parts))
            sums.append(so_far)
        valid, _, last, fold = self._stage(m, "sum", *stage)
        done = Signal()
        m.d.comb += done.eq(valid & last)
        activate(m, c.thresholds, sums, ahead[0], ahead[3], done, fold, out, c.threshold_storage, c.arithmetic)
        return m

    def _products(self, m, platform, take, values):
        """Each value times its weight, one cycle later, in as many parts as the product has."""
        c = self._config
        rom = Rom(c.weight_rows, c.simd * c.pe * c.weight_type.bits, c.storage)
        m.submodules.weights = rom
        row, _ = counter(m, "weight_row", c.folds * c.steps, take)
        m.d.comb += [rom.enable.eq(1), rom.address.eq(row)]
        products = []
        for lane, ((value,), weight) in enumerate(zip(values, numbers(m, "weight", rom.data, c.weight_type), strict=True)):
            products.append(product_parts(m, f"product{lane}", value, weight, c.arithmetic, (value * weight).shape(), platform))
        return products

    def _stage(self, m, name, valid, first, last, fold):
        """Control registers of one pipeline stage."""
        next_valid = Signal(name=f"{name}_valid")
        next_first = Signal(name=f"{name}_first", reset_less=True)
        next_last = Signal(name=f"{name}_last", reset_less=True)
        next_fold = Signal(len(fold), name=f"{name}_fold", reset_less=True)
        m.d.sync += [next_valid.eq(valid), next_first.eq(first), next_last.eq(last), next_fold.eq(fold)]
        return next_valid, next_first, next_last, next_fold
