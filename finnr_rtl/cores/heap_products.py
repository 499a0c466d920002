"""Products in LUTs, bit by bit, and those packed into DSP slices, summed in heaps (:mod:`finnr_rtl.cores.bit_heap`).

A bit of one factor and one of the other give a bit of the product, worth as much as both; three of the same worth are counted where LUTs
begin, since that is six inputs of two LUTs. Bits that count negative are inverted, as -b is (1 - b) - 1, and what is so owed is a constant.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Cat, Const, Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.accumulator import rescales
from finnr_rtl.cores.bit_heap import HeapSum
from finnr_rtl.cores.operands import holding, number_shape, numbers
from finnr_rtl.cores.packed import PackedLanes
from finnr_rtl.cores.shared import Shared
from finnr_rtl.cores.slices import Slices
from finnr_rtl.datatypes import DataType

__all__ = ["BitProducts", "HeapProduct", "ProductLane"]


@dataclass(frozen=True)
class BitProducts:
    """The bits of ``simd`` products of two numbers, summed up to ``width`` bits."""

    first: Shape
    second: Shape
    simd: int
    width: int

    @cached_property
    def pairs(self) -> dict[tuple[int, bool], list[tuple[int, int]]]:
        """(place, whether it counts negative): the bits of both factors whose products are worth so much."""
        pairs = defaultdict(list)
        for i in range(self.first.width):
            for j in range(self.second.width):
                negative = (self.first.signed and i == self.first.width - 1) != (self.second.signed and j == self.second.width - 1)
                if i + j < self.width:
                    pairs[i + j, negative].append((i, j))
        return dict(pairs)

    @property
    def constant(self) -> int:
        """What inverted bits owe."""
        return -sum(len(pairs) * self.simd << place for (place, negative), pairs in self.pairs.items() if negative)

    @property
    def heights(self) -> tuple[int, ...]:
        """Bits of each column."""
        heights = [self.constant >> place & 1 for place in range(self.width)]
        for (place, _), pairs in self.pairs.items():
            threes, rest = divmod(len(pairs) * self.simd, 3)
            heights[place] += threes + rest
            if place + 1 < self.width:
                heights[place + 1] += threes
        while not heights[-1]:
            heights.pop()
        return tuple(heights)

    @property
    def luts(self) -> int:
        """LUTs that make them: two of three bits, and one of one or two."""
        counts = [divmod(len(pairs) * self.simd, 3) for pairs in self.pairs.values()]
        return sum(2 * threes + (rest > 0) for threes, rest in counts)


class HeapProduct(wiring.Component):
    """Dot products of ``pe`` rows of weights with ``simd`` inputs, summed over the steps of a row, for the contract ``config`` of an MVTU.

    ``x`` holds the inputs, ``w`` the weights of all lanes as stored, lane by lane. ``y<lane>`` is the sum ``latency(config)`` cycles later;
    ``first`` and ``valid`` tell of the last of these alone.

    Members: ``x`` In, ``w`` In, ``first`` In(1), ``valid`` In(1), ``y0`` .. ``y<pe-1>`` Out.
    """

    def __init__(self, config):
        self._config = config
        self.sum_shape = holding(*config.accumulator_range)
        super().__init__({
            "x": In(config.simd * config.input_type.bits),
            "w": In(config.pe * config.simd * config.weight_type.bits),
            "first": In(1),
            "valid": In(1),
            **{f"y{lane}": Out(self.sum_shape) for lane in range(config.pe)},
        })

    @staticmethod
    def heights(config) -> tuple[int, ...]:
        """Bits of each column of every lane."""
        width = holding(*config.accumulator_range).width
        if config.packings:
            return config.packings[0].heights(config.simd, width)
        return BitProducts(number_shape(config.weight_type), number_shape(config.input_type), config.simd, width).heights

    @staticmethod
    def latency(config) -> int:
        """Cycles from an operand to the sum that it is the last of."""
        return bool(config.packings) + HeapSum.latency(HeapProduct.heights(config), config.sf > 1)

    @property
    def results(self) -> list[Signal]:
        """``y`` of every lane."""
        return [getattr(self, f"y{lane}") for lane in range(self._config.pe)]

    def elaborate(self, platform):
        c = self._config
        m = Module()
        total = self.sum_shape.width, c.sf > 1, rescales(c.thresholds)
        if c.packings:
            parts = [PackedLanes(c.input_type, c.weight_type, c.simd, packing, *total) for packing in c.packings]
        else:
            parts = [ProductLane(c.input_type, c.weight_type, c.simd, *total) for _ in range(c.pe)]
        results, weights = iter(self.results), self.w
        for index, part in enumerate(parts):
            m.submodules[f"lanes{index}"] = part
            m.d.comb += [part.x.eq(self.x), part.w.eq(weights[: len(part.w)]), part.first.eq(self.first), part.valid.eq(self.valid)]
            m.d.comb += [next(results).eq(y) for y in part.results]
            weights = weights[len(part.w) :]
        return m


class ProductLane(Shared):
    """One lane of :class:`HeapProduct` whose products are in LUTs.

    Members: ``x`` In, ``w`` In, ``first`` In(1), ``valid`` In(1), ``y0`` Out(width).
    """

    def __init__(self, input_type: DataType, weight_type: DataType, simd: int, width: int, several: bool, rescaled: bool):
        self.parameters = (input_type, weight_type, simd, width, several, rescaled)
        super().__init__({"x": In(simd * input_type.bits), "w": In(simd * weight_type.bits), "first": In(1), "valid": In(1),
                          "y0": Out(width)})

    @property
    def results(self) -> list[Signal]:
        """The one result."""
        return [self.y0]

    def build(self, platform):
        input_type, weight_type, simd, *total = self.parameters
        width = total[0]
        m = Module()
        cells = Slices(m, platform)
        weights, inputs = numbers(m, "w", self.w, weight_type), numbers(m, "x", self.x, input_type)
        bits = BitProducts(number_shape(weight_type), number_shape(input_type), simd, width)
        columns = [[Const(1, 1)] * (bits.constant >> place & 1) for place in range(width)]
        for (place, negative), pairs in bits.pairs.items():
            products = [(w[i], x[j]) for w, x in zip(weights, inputs, strict=True) for i, j in pairs]
            for start in range(0, len(products) - 2, 3):
                several = [bit for pair in products[start : start + 3] for bit in pair]
                for offset in range(min(2, width - place)):
                    columns[place + offset] += cells.lut(f"count{place}_{negative:d}_{start}_{offset}", several, _count(negative, offset))
            rest = products[len(products) // 3 * 3 :]
            if rest:
                functions = [lambda *v, n=n, negative=negative: negative ^ v[2 * n] & v[2 * n + 1] for n in range(len(rest))]
                columns[place] += cells.lut(f"rest{place}_{negative:d}", [bit for pair in rest for bit in pair], *functions)
        m.submodules.heap = heap = HeapSum(bits.heights, *total)
        m.d.comb += [getattr(heap, f"c{n}").eq(Cat(*columns[n])) for n in range(len(bits.heights))]
        m.d.comb += [heap.first.eq(self.first), heap.valid.eq(self.valid), self.y0.eq(heap.y)]
        return m


def _count(negative: bool, place: int):
    """Bit ``place`` of the number of three pairs of bits both of which are 1, or are not."""
    return lambda *v: sum(negative ^ v[n] & v[n + 1] for n in (0, 2, 4)) >> place
