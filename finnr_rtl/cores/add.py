"""Sum of streams."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import wiring

from finnr_rtl.cores.accumulator import accumulator, rescales
from finnr_rtl.cores.activation import activate, activation_latency, check_activation
from finnr_rtl.cores.adder_tree import saved_total, total
from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, port_names, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.join import join
from finnr_rtl.cores.operands import holding, number_shape, numbers
from finnr_rtl.cores.parameters import parameters
from finnr_rtl.cores.product import uses_dsp
from finnr_rtl.cores.register import fold_stage
from finnr_rtl.cores.schedule import JointSchedule
from finnr_rtl.cores.sums import part_shapes, product_parts, reduce_terms, reductions
from finnr_rtl.datatypes import DataType, smallest
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["Add", "AddConfig"]


@dataclass(frozen=True, eq=False)
class AddConfig(CoreConfig):
    """``y[.., c] = thresholds(sum over i of multipliers[i, c] * x_i[.., c] + offsets[c])`` of two or more streams of one shape.

    ``shape`` is a frame's, channels last, ``input_types`` the type of each stream; ``multipliers`` is int64 (inputs, channels),
    ``offsets`` int64 (channels,); ``thresholds`` is a Thresholds, a Requantiser, or None for raw sums. ``pe`` channels a cycle, one beat of
    each stream in and one beat out. ``threshold_storage`` ("auto", "lut" or "block") is that of the words of ``thresholds``,
    ``arithmetic`` ("auto", "lut" or "dsp") that of all products. ``slots`` beats may be in flight or wait; 0 takes as many as keep the
    pipeline busy.

    Raises ``ValueError`` for fewer than two inputs, pe that does not divide the channels, parameters of another shape.
    """

    input_types: tuple[DataType, ...]
    shape: tuple[int, ...]
    pe: int
    multipliers: np.ndarray
    offsets: np.ndarray
    thresholds: Thresholds | Requantiser | None = None
    slots: int = 0
    threshold_storage: str = "auto"
    arithmetic: str = "auto"

    def __post_init__(self):
        channels = self.shape[-1]
        require_divisor("pe", self.pe, "channels", channels)
        if len(self.input_types) < 2:
            raise ValueError(f"input_types={self.input_types} must be two or more")
        wanted = (len(self.input_types), channels)
        if self.multipliers.shape != wanted or self.offsets.shape != wanted[1:]:
            shapes = f"{self.multipliers.shape} and {self.offsets.shape}"
            raise ValueError(f"multipliers and offsets have shapes {shapes}: {wanted} and {wanted[1:]} expected")
        check_activation(self.thresholds, channels, self.threshold_storage, self.arithmetic)
        if self.slots < 0:
            raise ValueError(f"slots={self.slots} must not be negative")

    @cached_property
    def term_ranges(self) -> list[tuple[int, int]]:
        """Least and greatest product of each input with any of its multipliers."""
        ranges = []
        for row, dtype in zip(self.multipliers, self.input_types, strict=True):
            ends = np.stack([row * dtype.min, row * dtype.max])
            ranges.append((int(ends.min()), int(ends.max())))
        return ranges

    @cached_property
    def accumulator_range(self) -> tuple[int, int]:
        """Least and greatest sum over all channels and all inputs of the types."""
        low, high = self.offsets.copy(), self.offsets.copy()
        for row, dtype in zip(self.multipliers, self.input_types, strict=True):
            low += np.minimum(row * dtype.min, row * dtype.max)
            high += np.maximum(row * dtype.min, row * dtype.max)
        return int(low.min()), int(high.max())

    @property
    def inputs(self):
        return tuple(StreamSpec(dtype, self.shape, self.pe) for dtype in self.input_types)

    @property
    def output(self):
        dtype = self.thresholds.output if self.thresholds else smallest(*self.accumulator_range)
        return StreamSpec(dtype, self.shape, self.pe)

    def reference(self, *x):
        acc = self.offsets + sum(row * np.asarray(term, dtype=np.int64) for row, term in zip(self.multipliers, x, strict=True))
        return self.thresholds(acc) if self.thresholds else acc

    @property
    def scaled(self) -> bool:
        """Whether anything is multiplied, which takes a cycle."""
        return bool(np.any(self.multipliers != 1))

    @cached_property
    def _constant(self) -> np.ndarray:
        """For each input, whether its multipliers are the same for every beat: shifted operands are added up."""
        return np.array([(row.reshape(-1, self.pe) == row[: self.pe]).all() for row in self.multipliers])

    @cached_property
    def _factors(self) -> list[tuple[Shape, Shape]]:
        """What is multiplied with what for each input whose multipliers change."""
        factor = holding(int(self.multipliers.min()), int(self.multipliers.max()))
        return [(number_shape(dtype), factor) for dtype, constant in zip(self.input_types, self._constant, strict=True) if not constant]

    @property
    def gaps(self) -> bool:
        """Whether there are products with constants whose lowest bits are always 0."""
        return self.scaled and bool((self.multipliers[self._constant] % 2 == 0).any())

    @cached_property
    def in_slices(self) -> bool:
        """Whether products are in DSP slices."""
        return any(uses_dsp(self.arithmetic, *factors) for factors in self._factors)

    @cached_property
    def reductions(self) -> int:
        """Cycles in which the terms, the offset among them, become few enough for one more sum."""
        parts = max((len(part_shapes(self.arithmetic, *factors)) for factors in self._factors), default=1)
        return reductions(len(self.input_types) * parts + 1, in_slices=self.in_slices)

    @property
    def delay(self) -> int:
        """Cycles from a beat taken to its result offered: operands, products, sums of many terms, sum, activation, FIFO."""
        return 1 + self.scaled + self.reductions + 1 + activation_latency(self.thresholds) + CreditFifo.LATENCY

    @property
    def places(self) -> int:
        """Output beats in flight or waiting."""
        return self.slots or self.delay + 1

    def schedule(self):
        beats = np.arange(prod(self.shape) // self.pe)
        takes = (beats,) * len(self.inputs)
        return JointSchedule(len(beats), takes, (beats,), delay=self.delay, slots=self.places, release=1)

    def create(self):
        return Add(self)


class Add(Core):
    """Hardware of :class:`AddConfig`.

    Members: ``i0``, ``i1`` .. In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        names = port_names("i", len(c.inputs))
        ports = [getattr(self, name) for name in names]
        take = join(m, ports, out.credit)
        m.d.comb += out.launch.eq(take)
        fold, _ = counter(m, "fold", c.shape[-1] // c.pe, take)

        # Operands, and the parameters of their channels in the same cycle.
        stage = fold_stage(m, "operand", take, fold)
        terms = []
        for name, port, dtype in zip(names, ports, c.input_types, strict=True):
            operand = Signal(len(port.payload), name=f"{name}_operand", reset_less=True)
            m.d.sync += operand.eq(port.payload)
            terms.append([[value] for value in numbers(m, f"{name}_x", operand, dtype)])
        if c.scaled:
            terms = [
                self._products(m, platform, name, term, row, shape, take, fold)
                for name, term, row, shape in zip(names, terms, c.multipliers, c.term_ranges, strict=True)
            ]
            ask, stage = stage, fold_stage(m, "product", *stage)
        else:
            ask = take, fold
        offsets = parameters(m, "offset", c.offsets, c.pe, *ask)

        saved = c.gaps and getattr(platform, "slices", False)

        def add_up(name, values):
            return saved_total(m, name, values) if saved else total(values)

        lanes = []
        for lane, offset in enumerate(offsets):
            parts = [part for term in terms for part in term[lane]]
            lanes.append(reduce_terms(m, f"lane{lane}", [offset, *parts], c.reductions, c.in_slices, add_up))
        for cycle in range(c.reductions):
            stage = fold_stage(m, f"reduced{cycle}", *stage)
        ahead, stage = stage, fold_stage(m, "sum", *stage)
        sums = []
        for lane, parts in enumerate(lanes):
            result = accumulator(holding(*c.accumulator_range), f"sum{lane}", rescales(c.thresholds))
            m.d.sync += result.eq(add_up(f"lane{lane}", parts))
            sums.append(result)
        activate(m, c.thresholds, sums, *ahead, *stage, out, c.threshold_storage, c.arithmetic)
        return m

    def _products(self, m, platform, name, values, multipliers, limits, take, fold):
        """Each lane's value times its channel's multiplier, one cycle later, in as many parts as the product has."""
        factors = parameters(m, f"{name}_multiplier", multipliers, self._config.pe, take, fold)
        pairs = enumerate(zip(values, factors, strict=True))
        shape, arithmetic = holding(*limits), self._config.arithmetic
        return [product_parts(m, f"{name}_product{lane}", *value, factor, arithmetic, shape, platform) for lane, (value, factor) in pairs]
