"""Dot products of one step: every arithmetic style of the MVTU."""

from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.accumulator import accumulator, rescales
from finnr_rtl.cores.adder_tree import total
from finnr_rtl.cores.product import product
from finnr_rtl.cores.shared import Shared
from finnr_rtl.datatypes import BIPOLAR, DataType

__all__ = ["DotLane", "DotProduct"]


class DotProduct(wiring.Component):
    """``y<lane> = sum over k of w[lane][k] * x[k]``, one cycle later, for weights that are not BIPOLAR.

    ``x`` holds simd inputs, ``w`` pe * simd weights (lane by lane), first in the low bits. ``sum_shape`` holds the sum over all steps
    of a row, each ``y`` what one step can give with the actual weights.

    Members: ``x`` In, ``w`` In, ``y0`` .. ``y<pe-1>`` Out.
    """

    def __init__(self, config):
        self._config = config
        self.sum_shape = self._holding(*config.accumulator_range)
        steps = config.weights.reshape(config.mh * config.sf, config.simd)
        self._step_shape = self._holding(*config.bounds(steps))
        super().__init__({
            "x": In(config.simd * config.input_type.bits),
            "w": In(config.pe * config.simd * config.weight_type.bits),
            **{f"y{lane}": Out(self._step_shape) for lane in range(config.pe)},
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
        rescaled = c.sf == 1 and rescales(c.thresholds)
        for index, y in enumerate(self.results):
            lane = DotLane(c.input_type, c.weight_type, c.simd, self._step_shape, c.lane_arithmetic, rescaled)
            m.submodules[f"lane{index}"] = lane
            m.d.comb += [lane.x.eq(self.x), lane.w.eq(self.w.word_select(index, len(lane.w))), y.eq(lane.y)]
        return m


class DotLane(Shared):
    """One lane of :class:`DotProduct`: ``y`` of shape ``shape`` is the dot product of ``simd`` inputs and weights, one cycle later.
    ``arithmetic`` is that of the products; a ``rescaled`` result is what a requantiser reads.

    Members: ``x`` In, ``w`` In, ``y`` Out.
    """

    def __init__(self, input_type: DataType, weight_type: DataType, simd: int, shape: Shape, arithmetic: str, rescaled: bool):
        self.parameters = (input_type, weight_type, simd, shape, arithmetic, rescaled)
        super().__init__({"x": In(simd * input_type.bits), "w": In(simd * weight_type.bits), "y": Out(shape)})

    def build(self, platform):
        input_type, weight_type, _, shape, _, rescaled = self.parameters
        m = Module()
        result = accumulator(shape, "result", rescaled)
        m.d.comb += self.y.eq(result)
        inputs = self._split(m, "x", self.x, input_type)
        weights = self._split(m, "w", self.w, weight_type)
        m.d.sync += result.eq(total([self._product(m, k, w, x) for k, (w, x) in enumerate(zip(weights, inputs, strict=True))]))
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

    def _product(self, m, index, weight, value):
        """Product ``index`` of one weight and one input, which may be a BIPOLAR code."""
        input_type, *_, arithmetic, _ = self.parameters
        if input_type == BIPOLAR:
            return Mux(value, weight, -weight)
        return product(m, f"product{index}", weight, value, arithmetic)
