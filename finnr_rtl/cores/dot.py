"""Dot products of one step: every arithmetic style of the MVTU."""

from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.popcount import popcount, total
from finnr_rtl.datatypes import BIPOLAR

__all__ = ["DotProduct"]


class DotProduct(wiring.Component):
    """``y<lane> = sum over k of w[lane][k] * x[k]``, one cycle later; for XNOR products the number of matches instead.

    ``x`` holds simd inputs, ``w`` pe * simd weights (lane by lane), first in the low bits. ``sum_shape`` holds the sum over all steps
    of a row, each ``y`` what one step can give with the actual weights.

    Members: ``x`` In, ``w`` In, ``y0`` .. ``y<pe-1>`` Out.
    """

    def __init__(self, config):
        self._config = config
        if config.xnor:
            self.sum_shape = Shape.cast(range(config.mw + 1))
            step_shape = Shape.cast(range(config.simd + 1))
        else:
            self.sum_shape = self._holding(*config.accumulator_range)
            steps = config.weights.reshape(config.mh * config.sf, config.simd)
            step_shape = self._holding(*config.bounds(steps))
        super().__init__({
            "x": In(config.simd * config.input_type.bits),
            "w": In(config.pe * config.simd * config.weight_type.bits),
            **{f"y{lane}": Out(step_shape) for lane in range(config.pe)},
        })

    @staticmethod
    def _holding(low: int, high: int) -> Shape:
        """Shape of a sum that starts at 0 and stays between ``low`` and ``high``."""
        return Shape.cast(range(min(low, 0), max(high, 1) + 1))

    @property
    def results(self) -> list[Signal]:
        """``y`` of every lane."""
        return [getattr(self, f"y{lane}") for lane in range(self._config.pe)]

    def elaborate(self, platform):
        c = self._config
        m = Module()
        inputs = [] if c.xnor else self._split(m, "x", self.x, c.input_type)
        for lane, y in enumerate(self.results):
            result = Signal(y.shape(), name=f"result{lane}", reset_less=True)
            m.d.comb += y.eq(result)
            if c.xnor:
                matches = Signal(c.simd, name=f"matches{lane}")
                m.d.comb += matches.eq(~(self.x ^ self.w.word_select(lane, c.simd)))
                m.d.sync += result.eq(popcount(matches))
                continue
            bits = c.simd * c.weight_type.bits
            weights = self._split(m, f"w{lane}_", self.w[lane * bits : (lane + 1) * bits], c.weight_type)
            m.d.sync += result.eq(total([self._product(w, x) for w, x in zip(weights, inputs, strict=True)]))
        return m

    def _split(self, m, name, packed, dtype):
        """The values in ``packed``; BIPOLAR ones stay codes."""
        shape = Shape(dtype.bits, signed=dtype.signed)
        values = []
        for index in range(len(packed) // dtype.bits):
            value = Signal(shape, name=f"{name}{index}")
            m.d.comb += value.eq(packed[index * dtype.bits : (index + 1) * dtype.bits])
            values.append(value)
        return values

    def _product(self, weight, value):
        """Product of one weight and one input, of which at most one is a BIPOLAR code."""
        if self._config.weight_type == BIPOLAR:
            return Mux(weight, value, -value)
        if self._config.input_type == BIPOLAR:
            return Mux(value, weight, -weight)
        return weight * value
