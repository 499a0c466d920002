"""Products in LUTs: bits of inputs against bits of weights, all summed in one heap (:mod:`finnr_rtl.cores.bit_heap`).

Bit i of an input and bit j of a weight are worth 2^(i+j) where both are 1; where one of them counts negative, being the highest of a two's
complement number, the product is taken from 1 instead, and the ones so owed are a constant. A BIPOLAR weight takes a bit of the input
or its complement, as in an XNOR, and what complements owe depends on the row of weights; a BIPOLAR input is twice its code less 1. So a
dot product is ``scale`` times a sum less an offset of its row (:func:`in_sums`), which moves into what stands behind.

Products are counted three at a time where LUTs begin: three bits of inputs and three of weights from a memory are the six inputs of two
LUTs. Where the memory would have few words, there is none: weights are functions of its address within the same LUTs, which are fewer then.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.accumulator import rescales
from finnr_rtl.cores.bit_heap import HeapSum, Sum
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.shared import Shared
from finnr_rtl.cores.slices import Slices
from finnr_rtl.datatypes import BIPOLAR, DataType

__all__ = ["BitProducts", "Front", "Plane", "front", "in_sums", "lane_sum", "most_fused_words", "planes", "sum_range"]


def most_fused_words(input_type: DataType) -> int:
    """Words of weights up to which they are functions of their address within LUTs: with 5 bits of it, that is one LUT for each product
    of bits, and a memory that several bits of an input share is less."""
    return 32 if input_type.bits == 1 else 16


@dataclass(frozen=True)
class Plane:
    """Products of bit ``i`` of inputs and bit ``j`` of weights: where both are 1 or, ``matched``, the same; ``inverted``, where not."""

    i: int
    j: int
    matched: bool
    inverted: bool

    @property
    def worth(self) -> int:
        """The power of two that a product is worth."""
        return self.i + self.j

    def product(self, x, w):
        """One of two bits, or of arrays of them."""
        return self.inverted ^ ((1 ^ x ^ w) if self.matched else x & w)


@cache
def planes(input_type: DataType, weight_type: DataType) -> tuple[Plane, ...]:
    """All products of bits in one of an input and a weight."""
    def negative(dtype, bit):
        return dtype.signed and dtype != BIPOLAR and bit == dtype.bits - 1

    return tuple(
        Plane(i, j, weight_type == BIPOLAR, negative(input_type, i) != negative(weight_type, j))
        for i in range(input_type.bits) for j in range(weight_type.bits)
    )


def owed(input_type: DataType, weight_type: DataType, columns: int) -> int:
    """What sums of ``columns`` products with weights that are not BIPOLAR are too large by, whatever the weights."""
    return columns * sum(plane.inverted << plane.worth for plane in planes(input_type, weight_type)) if weight_type != BIPOLAR else 0


def in_sums(input_type: DataType, weight_type: DataType, weights: np.ndarray) -> tuple[int, np.ndarray]:
    """(``scale``, ``offsets`` (rows,)): the dot product of row n of ``weights`` is ``scale`` times what is summed less ``offsets[n]``."""
    rows, columns = weights.shape
    if input_type == BIPOLAR:
        return 2, np.full(rows, columns) if weight_type == BIPOLAR else weights.sum(axis=1)
    if weight_type != BIPOLAR:
        return 1, np.zeros(rows, dtype=np.int64)
    negative = (weights < 0).sum(axis=1)
    # A bit times -1 is its complement less 1; the highest bit of a two's complement number counts negative, so there +1 does that.
    low, high = (1 << (input_type.bits - input_type.signed)) - 1, (1 << (input_type.bits - 1)) * input_type.signed
    return 1, low * negative + high * (columns - negative)


def sum_range(config) -> tuple[int, int]:
    """Least and greatest sum of any row of an MVTU's weights, in the terms of :func:`in_sums`."""
    if config.weight_type == BIPOLAR:
        return 0, config.mw * ((1 << config.input_type.bits) - 1)
    if config.input_type == BIPOLAR:
        return config.bounds(config.weights, 0, 1)
    return config.accumulator_range


@dataclass(frozen=True)
class Front:
    """The first LUTs of one lane: ``simd`` inputs against weights from a memory, or with ``words`` against so many words of weights (1 to
    32) chosen by their address. ``worths`` are the powers of two of their planes, ``width`` the bits of the sum: what is worth more
    is left out."""

    simd: int
    worths: tuple[int, ...]
    width: int
    words: int = 0

    @property
    def address(self) -> int:
        """Bits of the address of the words."""
        return (self.words - 1).bit_length() if self.words else 0

    @property
    def together(self) -> int:
        """Products counted in one step: 3, or 1 where the address leaves no more inputs."""
        return 3 if self.address <= 3 else 1

    @property
    def rest(self) -> int:
        """Places of each plane that are left over."""
        return self.simd % self.together

    @cached_property
    def heights(self) -> tuple[int, ...]:
        """Bits of each column that are given."""
        heights = [0] * self.width
        for worth in self.worths:
            groups = self.simd // self.together
            heights[worth] += groups + (self.rest > 0)
            if self.together > 1 and worth + 1 < self.width:
                heights[worth + 1] += groups + (self.rest > 1)
        while len(heights) > 1 and not heights[-1]:
            heights.pop()
        return tuple(heights)

    @property
    def luts(self) -> int:
        """LUTs of one lane: of three places two, of which fused ones with few enough inputs are one; of two places one; of single ones,
        two or, with much of an address, one each."""
        groups, count = self.simd // self.together, len(self.worths)
        if self.together == 1:
            return count * groups if self.address > 4 else -(-count * groups // 2)
        one = self.words and self.address <= 2
        tops = sum(worth + 1 == self.width for worth in self.worths)
        threes = groups * (count if one else 2 * count - tops)
        return threes + (count if self.rest == 2 else -(-count // 2) if self.rest else 0)


def front(config) -> Front:
    """The front of the lanes of an MVTU."""
    width = holding(*sum_range(config)).width
    worths = tuple(plane.worth for plane in planes(config.input_type, config.weight_type) if plane.worth < width)
    return Front(config.simd, worths, width, config.nf * config.sf if config.fused else 0)


def lane_sum(config) -> Sum:
    """The sum of each lane of an MVTU."""
    first = front(config)
    initial = -owed(config.input_type, config.weight_type, config.mw) % (1 << first.width)
    return Sum(first.heights, first.width, config.sf > 1, rescales(config.thresholds), initial)


class BitProducts(wiring.Component):
    """Products of ``pe`` rows of weights with ``simd`` inputs, summed over the steps of a row, for the contract ``config`` of an MVTU.

    ``x`` holds the inputs, and ``w`` the weights of all lanes, lane by lane; where the weights have few words and are in no memory,
    ``w`` is the word's number. ``y<lane>`` is the sum ``lane_sum(config).latency`` cycles later; ``first`` and ``valid`` tell of the last
    of these alone.

    Members: ``x`` In, ``w`` In, ``first`` In(1), ``valid`` In(1), ``y0`` .. ``y<pe-1>`` Out.
    """

    def __init__(self, config):
        self._config = config
        self._front = front(config)
        shape = holding(*sum_range(config))
        lane = config.simd * config.weight_type.bits
        super().__init__({
            "x": In(config.simd * config.input_type.bits),
            "w": In(address_bits(self._front.words) if config.fused else config.pe * lane),
            "first": In(1),
            "valid": In(1),
            **{f"y{lane}": Out(shape) for lane in range(config.pe)},
        })

    @property
    def results(self) -> list[Signal]:
        """``y`` of every lane."""
        return [getattr(self, f"y{lane}") for lane in range(self._config.pe)]

    def elaborate(self, platform):
        c = self._config
        m = Module()
        total = lane_sum(c)
        tables = _Tables(m, platform, c, self._front, self.x, self.w) if c.fused else None
        for index, y in enumerate(self.results):
            if tables is None:
                lane = BitLane(c.input_type, c.weight_type, c.simd, total)
                m.d.comb += [lane.x.eq(self.x), lane.w.eq(self.w.word_select(index, len(lane.w)))]
            else:
                lane = HeapSum(total)
                m.d.comb += [getattr(lane, f"c{n}").eq(Cat(*bits)) for n, bits in enumerate(tables.columns(index)) if bits]
            m.submodules[f"lane{index}"] = lane
            m.d.comb += [lane.first.eq(self.first), lane.valid.eq(self.valid), y.eq(lane.y)]
        return m


class _Columns:
    """Columns of bits, of a sum of ``width`` bits."""

    def __init__(self, width: int):
        self.bits: list[list[Value]] = [[] for _ in range(width)]

    def add(self, worth: int, bits: list[Value]) -> None:
        """One more number, whose lowest bit is worth 2^worth."""
        for place, bit in enumerate(bits, worth):
            if place < len(self.bits):
                self.bits[place].append(bit)


class BitLane(Shared):
    """One lane of :class:`BitProducts` whose weights come from a memory; ``total`` is its sum.

    Members: ``x`` In, ``w`` In, ``first`` In(1), ``valid`` In(1), ``y`` Out(width).
    """

    def __init__(self, input_type: DataType, weight_type: DataType, simd: int, total: Sum):
        self.parameters = (input_type, weight_type, simd, total)
        x, w = simd * input_type.bits, simd * weight_type.bits
        super().__init__({"x": In(x), "w": In(w), "first": In(1), "valid": In(1), "y": Out(total.width)})

    def build(self, platform):
        input_type, weight_type, simd, total = self.parameters
        width = total.width
        m = Module()
        cells = Slices(m, platform)
        columns, singles = _Columns(width), []
        for plane in planes(input_type, weight_type):
            if plane.worth >= width:
                continue
            x, w = self.x[plane.i :: input_type.bits], self.w[plane.j :: weight_type.bits]
            name = f"bits{plane.i}_{plane.j}"
            for place in range(0, simd - 2, 3):
                inputs = [*x[place : place + 3], *w[place : place + 3]]
                functions = _counts(plane, 3)[: width - plane.worth]
                columns.add(plane.worth, [cells.lut(f"{name}_{place}_{n}", inputs, f)[0] for n, f in enumerate(functions)])
            if simd % 3 == 2:
                columns.add(plane.worth, cells.lut(f"{name}_rest", [*x[-2:], *w[-2:]], *_counts(plane, 2)))
            elif simd % 3:
                singles.append((plane, x[-1], w[-1]))
        for number in range(0, len(singles), 2):
            pair = singles[number : number + 2]
            inputs = [bit for _, x, w in pair for bit in (x, w)]
            functions = [lambda *v, n=2 * n, plane=plane: plane.product(*v[n : n + 2]) for n, (plane, *_) in enumerate(pair)]
            for (plane, *_), bit in zip(pair, cells.lut(f"single{number}", inputs, *functions), strict=True):
                columns.add(plane.worth, [bit])
        m.submodules.heap = heap = HeapSum(total)
        m.d.comb += [getattr(heap, f"c{n}").eq(Cat(*columns.bits[n])) for n, height in enumerate(total.heights) if height]
        m.d.comb += [heap.first.eq(self.first), heap.valid.eq(self.valid), self.y.eq(heap.y)]
        return m


def _counts(plane: Plane, places: int) -> tuple[Callable[..., int], Callable[..., int]]:
    """The two bits of the number of products at so many places, as functions of the inputs' bits and then the weights'."""
    def count(*v):
        return sum(plane.product(v[n], v[n + places]) for n in range(places))
    return count, lambda *v: count(*v) >> 1


class _Tables:
    """LUTs that multiply bits with weights chosen by an address; lanes that want the same have one."""

    def __init__(self, m: Module, platform, config, first: Front, x: Value, address: Value):
        self._cells = Slices(m, platform)
        self._front = first
        codes = config.weight_type.encode(config.weights).reshape(config.nf, config.pe, config.sf, config.simd)
        # Bits of weights by lane, place and address.
        self._codes = codes.transpose(1, 3, 0, 2).reshape(config.pe, config.simd, -1).astype(np.int64)
        self._planes = [plane for plane in planes(config.input_type, config.weight_type) if plane.worth < first.width]
        self._x = [x[bit :: config.input_type.bits] for bit in range(config.input_type.bits)]
        self._address = list(address)[: first.address]
        self._known: dict[tuple, list[Signal]] = {}

    def columns(self, lane: int) -> list[list[Signal]]:
        """The bits of one lane, column by column."""
        first, columns = self._front, _Columns(self._front.width)
        whole = first.simd - first.rest
        for number, plane in enumerate(self._planes):
            for place in range(0, whole, first.together):
                if first.together == 1:
                    columns.add(plane.worth, self._single(number, place, lane))
                else:
                    columns.add(plane.worth, self._counted(number, range(place, place + 3), lane))
            if first.rest == 1:
                columns.add(plane.worth, self._rest(number, whole, lane))
            elif first.rest:
                columns.add(plane.worth, self._counted(number, range(whole, whole + 2), lane))
        return columns.bits[: len(first.heights)]

    def _words(self, plane: Plane, place: int, lane: int) -> tuple[int, ...]:
        """The bit of the weight at a place of a lane for each address."""
        return tuple((self._codes[lane, place] >> plane.j & 1).tolist())

    def _once(self, keys: list[tuple], name: str, inputs: list[Value], tables: list[int]) -> None:
        """Makes the LUT, or two where its inputs are too many, whose outputs are known by ``keys``."""
        inputs = [*inputs, *self._address]
        if len(inputs) <= 7 - len(tables):
            outputs = self._cells.lut(name, inputs, *tables)
        else:
            outputs = [self._cells.lut(f"{name}_{n}", inputs, table)[0] for n, table in enumerate(tables)]
        for key, output in zip(keys, outputs, strict=True):
            self._known[key] = output

    def _counted(self, number: int, places: range, lane: int) -> list[Signal]:
        """Products at two or three places as a number of two bits, of which the sum may need one."""
        plane = self._planes[number]
        words = tuple(self._words(plane, place, lane) for place in places)
        keys = [(number, places.start, words, bit) for bit in range(min(2, self._front.width - plane.worth))]
        if keys[0] not in self._known:
            tables = [self._table([plane] * len(places), words, lambda *bits, n=n: sum(bits) >> n) for *_, n in keys]
            self._once(keys, f"bits{plane.i}_{plane.j}_{places.start}_{lane}", [self._x[plane.i][place] for place in places], tables)
        return [self._known[key] for key in keys]

    def _rest(self, number: int, place: int, lane: int) -> list[Signal]:
        """The product at a single place; those of two planes share a LUT."""
        pair = [self._planes[n] for n in (number & ~1, number | 1) if n < len(self._planes)]
        words = [self._words(plane, place, lane) for plane in pair]
        keys = [(number & ~1, place, tuple(words), n) for n in range(len(pair))]
        if keys[0] not in self._known:
            tables = [self._table(pair, words, lambda *bits, n=n: bits[n]) for n in range(len(pair))]
            self._once(keys, f"single{number}_{place}_{lane}", [self._x[plane.i][place] for plane in pair], tables)
        return [self._known[keys[number & 1]]]

    def _single(self, number: int, place: int, lane: int) -> list[Signal]:
        """The product at a place where the address leaves no more inputs; two lanes share a LUT where it leaves an output."""
        key = number, place, lane
        if key not in self._known:
            plane = self._planes[number]
            lanes = [lane] if self._front.address > 4 else [n for n in (lane & ~1, lane | 1) if n < len(self._codes)]
            tables = [self._table([plane], [self._words(plane, place, n)], lambda bit: bit) for n in lanes]
            name = f"bits{plane.i}_{plane.j}_{place}_{lanes[0]}"
            self._once([(number, place, n) for n in lanes], name, [self._x[plane.i][place]], tables)
        return [self._known[key]]

    def _table(self, chosen: list[Plane], words, function: Callable[..., int]) -> int:
        """Truth table of a function of products with ``words``, of each place those of all addresses, chosen by an address above the
        inputs; there is the last word where there is none."""
        table = 0
        for number in range(1 << (len(chosen) + len(self._address))):
            word = min(number >> len(chosen), self._front.words - 1)
            bits = [plane.product(number >> n & 1, values[word]) for n, (plane, values) in enumerate(zip(chosen, words, strict=True))]
            table |= (int(function(*bits)) & 1) << number
        return table
