"""Product of two streams."""

from dataclasses import dataclass
from math import prod

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from finnr_rtl.cores.accumulator import accumulator, rescales
from finnr_rtl.cores.activation import activate, activation_latency, check_activation
from finnr_rtl.cores.adder_tree import total
from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.join import join
from finnr_rtl.cores.operands import holding, numbers
from finnr_rtl.cores.product import product
from finnr_rtl.cores.register import fold_stage
from finnr_rtl.cores.schedule import JointSchedule
from finnr_rtl.cores.sums import part_shapes, product_parts
from finnr_rtl.datatypes import DataType, smallest
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["Multiply", "MultiplyConfig"]


@dataclass(frozen=True, eq=False)
class MultiplyConfig(CoreConfig):
    """``y = thresholds((x_0 - zeros[0]) * (x_1 - zeros[1]))`` of two streams of one shape.

    ``shape`` is a frame's, channels last; ``thresholds`` is a Thresholds, a Requantiser, or None for raw products. ``pe`` channels a
    cycle, one beat of each stream in and one beat out. ``threshold_storage`` ("auto", "lut" or "block") is that of the words of
    ``thresholds``, ``arithmetic`` ("auto", "lut" or "dsp") that of all products.
    ``slots`` beats may be in flight or wait; 0 takes as many as keep the pipeline busy.

    Raises ``ValueError`` for another number of inputs, or pe that does not divide the channels.
    """

    input_types: tuple[DataType, DataType]
    shape: tuple[int, ...]
    pe: int
    zeros: tuple[int, int] = (0, 0)
    thresholds: Thresholds | Requantiser | None = None
    slots: int = 0
    threshold_storage: str = "auto"
    arithmetic: str = "auto"

    def __post_init__(self):
        require_divisor("pe", self.pe, "channels", self.shape[-1])
        if len(self.input_types) != 2 or len(self.zeros) != 2:
            raise ValueError(f"input_types={self.input_types} and zeros={self.zeros} must be two each")
        check_activation(self.thresholds, self.shape[-1], self.threshold_storage, self.arithmetic)
        if self.slots < 0:
            raise ValueError(f"slots={self.slots} must not be negative")

    @property
    def operand_ranges(self) -> list[tuple[int, int]]:
        """Least and greatest factor of each input."""
        return [(dtype.min - zero, dtype.max - zero) for dtype, zero in zip(self.input_types, self.zeros, strict=True)]

    @property
    def accumulator_range(self) -> tuple[int, int]:
        """Least and greatest product over all inputs of the types."""
        first, second = self.operand_ranges
        corners = [a * b for a in first for b in second]
        return min(corners), max(corners)

    @property
    def inputs(self):
        return tuple(StreamSpec(dtype, self.shape, self.pe) for dtype in self.input_types)

    @property
    def output(self):
        dtype = self.thresholds.output if self.thresholds else smallest(*self.accumulator_range)
        return StreamSpec(dtype, self.shape, self.pe)

    def reference(self, *x):
        first, second = (np.asarray(part, dtype=np.int64) - zero for part, zero in zip(x, self.zeros, strict=True))
        return self.thresholds(first * second) if self.thresholds else first * second

    @property
    def parts(self) -> int:
        """Parts that a product is computed in, which take a cycle more to add up where there are several."""
        return len(part_shapes(self.arithmetic, *(holding(*limits) for limits in self.operand_ranges)))

    @property
    def delay(self) -> int:
        """Cycles from a beat taken to its result offered: operands, parts of products, product, activation, FIFO."""
        return 1 + (self.parts > 1) + 1 + activation_latency(self.thresholds) + CreditFifo.LATENCY

    @property
    def places(self) -> int:
        """Output beats in flight or waiting."""
        return self.slots or self.delay + 1

    def schedule(self):
        beats = np.arange(prod(self.shape) // self.pe)
        return JointSchedule(len(beats), (beats, beats), (beats,), delay=self.delay, slots=self.places, release=1)

    def create(self):
        return Multiply(self)


class Multiply(Core):
    """Hardware of :class:`MultiplyConfig`.

    Members: ``i0``, ``i1`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        take = join(m, [self.i0, self.i1], out.credit)
        m.d.comb += out.launch.eq(take)
        fold, _ = counter(m, "fold", c.shape[-1] // c.pe, take)

        ahead = fold_stage(m, "operand", take, fold)
        first = self._factors(m, 0, self.i0)
        second = self._factors(m, 1, self.i1)
        products = []
        for lane, (a, b) in enumerate(zip(first, second, strict=True)):
            register = accumulator(holding(*c.accumulator_range), f"product{lane}", rescales(c.thresholds))
            if c.parts > 1:
                exact = total(product_parts(m, f"part{lane}", a, b, c.arithmetic, register.shape(), platform))
            else:
                exact = product(m, f"exact{lane}", a, b, c.arithmetic, platform)
            m.d.sync += register.eq(exact)
            products.append(register)
        if c.parts > 1:
            ahead = fold_stage(m, "part", *ahead)
        done = fold_stage(m, "product", *ahead)
        activate(m, c.thresholds, products, *ahead, *done, out, c.threshold_storage, c.arithmetic)
        return m

    def _factors(self, m, index, port):
        """Operands of one input, in registers, less what stands for zero there."""
        c = self._config
        factors = []
        for lane, value in enumerate(numbers(m, f"i{index}_x", port.payload, c.input_types[index])):
            factor = Signal(holding(*c.operand_ranges[index]), name=f"i{index}_factor{lane}", reset_less=True)
            m.d.sync += factor.eq(value - c.zeros[index])
            factors.append(factor)
        return factors
