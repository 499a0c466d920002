"""Products in DSP blocks, one to each, and their sums."""

from amaranth.hdl import Module, Mux, Shape
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.accumulator import accumulator, rescales
from finnr_rtl.cores.adder_tree import total
from finnr_rtl.cores.lane_products import LaneProducts
from finnr_rtl.cores.operands import holding, numbers
from finnr_rtl.cores.product import product
from finnr_rtl.cores.shared import Shared
from finnr_rtl.datatypes import DataType

__all__ = ["DotLane", "DotProducts", "step_shape"]


def step_shape(config) -> Shape:
    """Shape of what one step of an MVTU can give with the actual weights."""
    return holding(*config.bounds(config.weights.reshape(config.mh * config.sf, config.simd)))


class DotProducts(LaneProducts):
    """:class:`LaneProducts` of types that are not BIPOLAR: ``w`` holds pe * simd weights, lane by lane, first in the low bits. Products of
    a step are summed in a cycle, and where there are several steps, these in another."""

    def __init__(self, config):
        super().__init__(config, config.pe * config.simd * config.weight_type.bits, holding(*config.accumulator_range))

    def elaborate(self, platform):
        c = self._config
        m = Module()
        rescaled, shape = rescales(c.thresholds), step_shape(c)
        for index, y in enumerate(self.results):
            lane = DotLane(c.input_type, c.weight_type, c.simd, shape, c.arithmetic, rescaled and c.sf == 1)
            m.submodules[f"lane{index}"] = lane
            m.d.comb += [lane.x.eq(self.x), lane.w.eq(self.w.word_select(index, len(lane.w)))]
            if c.sf == 1:
                m.d.comb += y.eq(lane.y)
                continue
            so_far = accumulator(y.shape(), f"accumulator{index}", rescaled)
            with m.If(self.valid):
                m.d.sync += so_far.eq(Mux(self.first, 0, so_far) + lane.y)
            m.d.comb += y.eq(so_far)
        return m


class DotLane(Shared):
    """One step of a lane of :class:`DotProducts`: ``y`` of shape ``shape`` is the dot product of ``simd`` inputs and weights, one cycle
    later. ``arithmetic`` is that of the products; a ``rescaled`` result is what a requantiser reads.

    Members: ``x`` In, ``w`` In, ``y`` Out.
    """

    def __init__(self, input_type: DataType, weight_type: DataType, simd: int, shape: Shape, arithmetic: str, rescaled: bool):
        self.parameters = (input_type, weight_type, simd, shape, arithmetic, rescaled)
        super().__init__({"x": In(simd * input_type.bits), "w": In(simd * weight_type.bits), "y": Out(shape)})

    def build(self, platform):
        input_type, weight_type, _, shape, arithmetic, rescaled = self.parameters
        m = Module()
        result = accumulator(shape, "result", rescaled)
        m.d.comb += self.y.eq(result)
        inputs, weights = numbers(m, "x", self.x, input_type), numbers(m, "w", self.w, weight_type)
        products = [product(m, f"product{k}", w, x, arithmetic) for k, (w, x) in enumerate(zip(weights, inputs, strict=True))]
        m.d.sync += result.eq(total(products))
        return m
