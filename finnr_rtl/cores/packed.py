"""Products of several weights with one input in one DSP slice.

A 7-series slice multiplies 25 bits by 18. Weights of neighbouring lanes lie side by side in the wide factor, and so do their products, one
field each, in what comes of it: two of 8 by 8 bits, four of 4 by 4. A negative weight takes one off the field above it, and as weights are
known, the memory holds them less that one, so that fields need only be written one behind the other. One off -8 is -9, of which the memory
holds the four lowest bits, those of 7; but where one is taken off, no weight becomes 7, so this is told apart. The slice adds half of its
range to each field of the result, so that none is negative and takes from the next.
"""

from dataclasses import dataclass, replace

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.accumulator import rescales
from finnr_rtl.cores.bit_heap import HeapSum, Sum
from finnr_rtl.cores.lane_products import LaneProducts
from finnr_rtl.cores.operands import holding, numbers
from finnr_rtl.cores.shared import Shared
from finnr_rtl.datatypes import BIPOLAR, DataType

__all__ = ["PACKED", "PackedLanes", "PackedProducts", "Packing", "borrowed", "packed_sum", "packings"]

PACKED = ("packed", "dense")
"""Words of ``arithmetic``: fields that hold the sums they are made for, or as many products as fit: fields that overlap by a bit."""

# Bits of the wide factor, sign included, and of the narrow one.
WIDE, NARROW = 25, 18
# Most products that slices add up one behind the other within a cycle.
MOST_TERMS = 2


@dataclass(frozen=True)
class Packing:
    """``lanes`` weights in one factor, ``field`` bits apart; the products of ``terms`` slices are added up before they are taken apart.
    Sums need ``width`` bits each.

    Where that is a bit more than a field has, the highest bit of a sum lies on the lowest of the next one. With ``spill`` the wide factor
    is a bit too wide, and its lowest bit is multiplied in LUTs. ``full`` tells that the most negative weight occurs.
    """

    lanes: int
    field: int
    terms: int
    width: int
    full: bool
    spill: bool = False

    @property
    def overlap(self) -> bool:
        """Whether sums are a bit wider than a field."""
        return self.width > self.field

    def groups(self, simd: int) -> int:
        """Sums that are taken apart, of ``simd`` products in each lane."""
        return -(-simd // self.terms)

    def constant(self, simd: int) -> int:
        """What takes the halves off again that slices add, and makes up for bits that are inverted because they count negative."""
        return -self.groups(simd) * ((1 << (self.width - 1)) + self.overlap)

    def heights(self, simd: int, width: int) -> tuple[int, ...]:
        """Bits of each column of a sum of ``simd`` products that is kept in ``width`` bits; of each lane the same."""
        groups = self.groups(simd)
        heights = [groups * (place < self.width) for place in range(width)]
        heights[0] += groups * self.overlap
        while not heights[-1]:
            heights.pop()
        return tuple(heights)


def signed_bits(low: int, high: int) -> int:
    """Bits in which two's complement writes ``low`` to ``high``."""
    return 1 + max(1, (~low if low < 0 else low).bit_length(), (~high if high < 0 else high).bit_length())


def packings(weights: tuple[int, int], w: DataType, x: DataType, pe: int, simd: int, arithmetic: str) -> tuple[Packing, ...]:
    """How ``pe`` lanes of weights of type ``w`` within ``weights`` share slices, ``simd`` inputs of type ``x`` for each; empty where they
    cannot.

    ``arithmetic`` is one of ``PACKED``.
    """
    if BIPOLAR in (w, x) or x.bits + (not x.signed) > NARROW:
        return ()
    for lanes in range(min(pe, WIDE), 1, -1):
        groups = -(-pe // lanes)
        # Lanes are dealt out evenly, and all as if there were as many in each slice: then their sums are alike, and done at the same time.
        counts = [len(part) for part in np.array_split(np.arange(pe), groups)]
        found = _packing(weights, w, x, counts[0], simd, arithmetic == "dense")
        if found:
            return tuple(replace(found, lanes=count) for count in counts)
    return ()


def _packing(weights: tuple[int, int], w: DataType, x: DataType, lanes: int, simd: int, dense: bool) -> Packing | None:
    """The packing of so many lanes that adds up the most terms, or None."""
    full = w.signed and weights[0] == -(1 << (w.bits - 1))
    bits = w.bits + (full or not w.signed)
    ends = [weight * value for weight in weights for value in (x.min, x.max)]
    low, high = min(ends), max(ends)

    def width(terms: int) -> int:
        return signed_bits(terms * low, terms * high)

    def packing(terms: int, spill: bool = False) -> Packing | None:
        field = (WIDE + spill - bits) // (lanes - 1)
        needed = width(terms)
        if needed > field:
            # What the sum below lays on this one is one more.
            needed = signed_bits(terms * low, terms * high + 1)
        return Packing(lanes, field, terms, needed, full, spill) if needed <= field + dense and field >= w.bits else None

    # Where LUTs tell signs from what is stored, the path has no time for a second slice.
    for terms in range(1 if full else min(simd, MOST_TERMS), 0, -1):
        if found := packing(terms):
            return found
    return packing(1, spill=True) if dense else None


def borrowed(weights: np.ndarray, packs: tuple[Packing, ...]) -> np.ndarray:
    """``weights`` (rows, lanes, ...) less one where what is below in the same slice is negative; as many bits hold them as the weights."""
    stored = weights.copy()
    first = 0
    for pack in packs:
        for lane in range(first + 1, first + pack.lanes):
            stored[:, lane] -= stored[:, lane - 1] < 0
        first += pack.lanes
    return stored


def packed_sum(config) -> Sum:
    """The sum of each lane of an MVTU with packings."""
    pack, width = config.packings[0], holding(*config.accumulator_range).width
    initial = config.sf * pack.constant(config.simd) % (1 << width)
    return Sum(pack.heights(config.simd, width), width, config.sf > 1, rescales(config.thresholds), initial)


class PackedProducts(LaneProducts):
    """:class:`LaneProducts` of an MVTU with packings; ``w`` holds the weights of all lanes as stored, lane by lane."""

    def __init__(self, config):
        super().__init__(config, config.pe * config.simd * config.weight_type.bits, holding(*config.accumulator_range))

    def elaborate(self, platform):
        c = self._config
        m = Module()
        total = packed_sum(c)
        results, weights = iter(self.results), self.w
        for index, packing in enumerate(c.packings):
            lanes = PackedLanes(c.input_type, c.weight_type, c.simd, packing, total)
            m.submodules[f"lanes{index}"] = lanes
            m.d.comb += [lanes.x.eq(self.x), lanes.w.eq(weights[: len(lanes.w)]), lanes.first.eq(self.first), lanes.valid.eq(self.valid)]
            m.d.comb += [next(results).eq(y) for y in lanes.results]
            weights = weights[len(lanes.w) :]
        return m


class PackedLanes(Shared):
    """The lanes of one :class:`Packing`: each ``y`` is the dot product of ``simd`` inputs and weights, a cycle later than :class:`HeapSum`
    has the sum ``total``, and tells what ``first`` and ``valid`` are.

    ``w`` holds lanes * simd values of ``weight_type``, lane by lane, as :func:`borrowed` gives them.

    Members: ``x`` In, ``w`` In, ``first`` In(1), ``valid`` In(1), ``y0`` .. ``y<lanes-1>`` Out.
    """

    def __init__(self, input_type: DataType, weight_type: DataType, simd: int, packing: Packing, total: Sum):
        self.parameters = (input_type, weight_type, simd, packing, total)
        self.variant = f"_{packing.lanes}"
        super().__init__({
            "x": In(simd * input_type.bits),
            "w": In(packing.lanes * simd * weight_type.bits),
            "first": In(1),
            "valid": In(1),
            **{f"y{lane}": Out(total.width) for lane in range(packing.lanes)},
        })

    @property
    def results(self) -> list[Signal]:
        """``y`` of every lane."""
        return [getattr(self, f"y{lane}") for lane in range(self.parameters[3].lanes)]

    def build(self, platform):
        input_type, weight_type, simd, pack, total = self.parameters
        m = Module()
        inputs = numbers(m, "x", self.x, input_type)
        weights = numbers(m, "w", self.w, weight_type)
        columns = [self._signed(weights[k::simd]) for k in range(simd)]
        sums = [[[] for _ in total.heights] for _ in self.results]
        for first in range(0, simd, pack.terms):
            part = slice(first, first + pack.terms)
            products = self._products(m, f"products{first}", inputs[part], columns[part])
            lowest = self._lowest(m, first, inputs[part], columns[part]) if pack.overlap else []
            below = Const(0, 1)
            for lane in range(pack.lanes):
                field = list(products[lane * pack.field :][: pack.width])
                if pack.overlap:
                    # Where the sum below lies on this one, it is added to it.
                    sums[lane][0].append(~below)
                    if lane < pack.lanes - 1:
                        field[-1] = below = Signal(name=f"highest{first}_{lane}")
                        m.d.comb += below.eq(products[(lane + 1) * pack.field] ^ lowest[lane])
                for bits, bit in zip(sums[lane], field, strict=False):
                    bits.append(bit)
        for lane, y in enumerate(self.results):
            m.submodules[f"sum{lane}"] = heap = HeapSum(total)
            m.d.comb += [getattr(heap, f"c{place}").eq(Cat(*bits)) for place, bits in enumerate(sums[lane])]
            m.d.comb += [heap.first.eq(self.first), heap.valid.eq(self.valid), y.eq(heap.y)]
        return m

    def _signed(self, column):
        """The values stored for one input with a bit for the sign of each."""
        numbers_, below = [], Const(0, 1)
        for weight in column:
            sign = weight[-1] if weight.shape().signed else Const(0, 1)
            if self.parameters[3].full:
                sign |= below & (weight == (1 << (len(weight) - 1)) - 1)
            numbers_.append((weight, sign))
            below = sign
        return numbers_

    def _products(self, m, name, inputs, columns):
        """The sum of products of inputs with the weights of all lanes, in a register of the last slice; half of its range is added to the
        field of each."""
        pack = self.parameters[3]
        half = 1 << (pack.width - 1)
        so_far = Const(sum(half << (lane * pack.field) for lane in range(pack.lanes)))
        rest = None
        for k, (x, column) in enumerate(zip(inputs, columns, strict=True)):
            *low, (top, sign) = column
            word = Cat(*(Cat(weight, sign.replicate(pack.field - len(weight))) for weight, sign in low), top, sign).as_signed()
            if not pack.full and top.shape().signed:
                word = word[:-1].as_signed()
            if pack.spill:
                rest = Signal(signed(pack.width), name=f"{name}_rest")
                m.d.comb += rest.eq(Mux(word[0], x, 0))
                so_far = Cat(rest[1:-1], ~rest[-1], so_far[pack.width :])
                word = word[1:].as_signed()
            product = word * x + so_far
            so_far = Signal(product.shape(), name=f"{name}_{k}", attrs={"use_dsp": "yes"})
            m.d.comb += so_far.eq(product)
        register = Signal(so_far.shape(), name=name, reset_less=True)
        m.d.sync += register.eq(so_far)
        if rest is None:
            return register
        lowest = Signal(name=f"{name}_lowest", reset_less=True)
        m.d.sync += lowest.eq(rest[0])
        return Cat(lowest, register)

    def _lowest(self, m, first, inputs, columns):
        """The lowest bits of the sums of all lanes but the first: what the slices give instead tells the highest bit of the sum below."""
        lowest = []
        for lane in range(1, self.parameters[3].lanes):
            bit = Signal(name=f"lowest{first}_{lane}", reset_less=True)
            bits = [(column[lane][0][0] ^ column[lane - 1][1]) & x[0] for x, column in zip(inputs, columns, strict=True)]
            m.d.sync += bit.eq(Cat(*bits).xor())
            lowest.append(bit)
        return lowest
