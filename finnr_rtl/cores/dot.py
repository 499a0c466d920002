"""Products in DSP blocks, one to each, and their sums."""

from amaranth.hdl import Module, Mux, Shape
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.accumulator import accumulator, rescales
from finnr_rtl.cores.adder_tree import total
from finnr_rtl.cores.lane_products import LaneProducts
from finnr_rtl.cores.operands import holding, numbers
from finnr_rtl.cores.shared import Shared
from finnr_rtl.cores.sums import MOST_TERMS, product_parts, reduce_terms, reductions
from finnr_rtl.datatypes import DataType

__all__ = ["DotLane", "DotProducts", "dot_latency", "dot_reductions"]


def dot_latency(simd: int, several: bool) -> int:
    """Cycles in which ``simd`` products are made and added up, to those of ``several`` steps."""
    return 1 + dot_reductions(simd, several) + (simd > 2 or several)


def dot_reductions(simd: int, several: bool) -> int:
    """Of these, the cycles in which products become few enough for one sum."""
    return reductions(simd, MOST_TERMS - 2 * several, in_slices=True)


class DotProducts(LaneProducts):
    """:class:`LaneProducts` of types that are not BIPOLAR: ``w`` holds pe * simd weights, lane by lane, first in the low bits."""

    def __init__(self, config):
        super().__init__(config, config.pe * config.simd * config.weight_type.bits, holding(*config.accumulator_range))

    def elaborate(self, platform):
        c = self._config
        m = Module()
        for index, y in enumerate(self.results):
            lane = DotLane(c.input_type, c.weight_type, c.simd, y.shape(), c.sf > 1, rescales(c.thresholds))
            m.submodules[f"lane{index}"] = lane
            m.d.comb += [lane.x.eq(self.x), lane.w.eq(self.w.word_select(index, len(lane.w)))]
            m.d.comb += [lane.first.eq(self.first), lane.valid.eq(self.valid), y.eq(lane.y)]
        return m


class DotLane(Shared):
    """A lane of :class:`DotProducts`: ``y``, of shape ``total``, is the dot product of ``simd`` inputs and weights, summed over ``several``
    steps or one; a ``rescaled`` one is what a requantiser reads.

    Products, and sums of two, are in registers of their slices; what these add up to follows in LUTs.

    Members: ``x`` In, ``w`` In, ``first`` In(1), ``valid`` In(1), ``y`` Out.
    """

    def __init__(self, input_type: DataType, weight_type: DataType, simd: int, total: Shape, several: bool, rescaled: bool):
        self.parameters = (input_type, weight_type, simd, total, several, rescaled)
        super().__init__({
            "x": In(simd * input_type.bits),
            "w": In(simd * weight_type.bits),
            "first": In(1),
            "valid": In(1),
            "y": Out(total),
        })

    def build(self, platform):
        input_type, weight_type, simd, shape, several, rescaled = self.parameters
        m = Module()
        inputs, weights = numbers(m, "x", self.x, input_type), numbers(m, "w", self.w, weight_type)
        terms = []
        for k, (x, w) in enumerate(zip(inputs, weights, strict=True)):
            terms += product_parts(m, f"product{k}", w, x, "dsp", (w * x).shape(), platform)
        reduced = dot_reductions(simd, several)
        terms = reduce_terms(m, "reduced", terms, reduced, in_slices=True)
        if dot_latency(simd, several) == 1 + reduced:
            m.d.comb += self.y.eq(*terms)
            return m
        so_far = accumulator(shape, "sum", rescaled)
        m.d.comb += self.y.eq(so_far)
        if several:
            with m.If(self.valid):
                m.d.sync += so_far.eq(Mux(self.first, 0, so_far) + total(terms))
        else:
            m.d.sync += so_far.eq(total(terms))
        return m
