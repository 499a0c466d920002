"""Products in LUTs: bits of inputs against bits of weights, all summed in one heap (:mod:`finnr_rtl.cores.bit_heap`).

Bit i of an input and bit j of a weight are worth 2^(i+j) where both are 1; where one of them counts negative, being the highest of a two's
complement number, the product is taken from 1 instead, and the ones so owed are a constant. A BIPOLAR weight takes a bit of the input
or its complement, as in an XNOR, and what complements owe depends on the row of weights; a BIPOLAR input is twice its code less 1. So a
dot product is ``scale`` times a sum less an offset of its row (:func:`in_sums`), which moves into what stands behind.

Products are counted three at a time where LUTs begin: three bits of inputs and three of weights from a memory are the six inputs of two
LUTs. Where the memory would have few words, there is none: weights are functions of its address within the same LUTs, which are fewer then.
"""

from collections import defaultdict
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

__all__ = ["BitProducts", "Front", "Plane", "front", "in_sums", "lane_sum", "most_fused_words", "planes", "sum_range", "weight_codes"]


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


# A product of bits: the place of the input and of the weight, and the plane.
Bit = tuple[int, Plane]


@dataclass(frozen=True)
class Front:
    """The first LUTs of one lane: ``simd`` inputs against weights from a memory, or with ``words`` against so many words of weights (1 to
    32) chosen by their address. ``width`` are the bits of the sum, and ``planes`` those that are worth less."""

    simd: int
    planes: tuple[Plane, ...]
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

    @cached_property
    def _kinds(self) -> dict[tuple[int, bool], list[Plane]]:
        """Planes of the same worth and function."""
        kinds = defaultdict(list)
        for plane in self.planes:
            kinds[plane.worth, plane.inverted].append(plane)
        return dict(kinds)

    @cached_property
    def groups(self) -> tuple[list[list[Bit]], list[Bit]]:
        """Products counted together, two or three of one kind, and those left alone."""
        counted, alone = [], []
        for of_kind in self._kinds.values():
            bits = [(place, plane) for place in range(self.simd) for plane in of_kind]
            for first in range(0, len(bits), self.together):
                group = bits[first : first + self.together]
                if len(group) > 1:
                    counted.append(group)
                else:
                    alone += group
        return counted, alone

    @cached_property
    def _sizes(self) -> list[tuple[int, int, int]]:
        """Of each kind what it is worth, and numbers of groups of three and of bits that are left over."""
        return [(worth, *divmod(len(of_kind) * self.simd, self.together)) for (worth, _), of_kind in self._kinds.items()]

    @cached_property
    def heights(self) -> tuple[int, ...]:
        """Bits of each column that are given."""
        heights = [0] * self.width
        for worth, threes, rest in self._sizes:
            heights[worth] += threes + (rest > 0)
            if self.together > 1 and worth + 1 < self.width:
                heights[worth + 1] += threes + (rest > 1)
        while len(heights) > 1 and not heights[-1]:
            heights.pop()
        return tuple(heights)

    def luts_of(self, worth: int, bits: int) -> int:
        """LUTs that count so many products of bits, two or three, which are worth so much: two, of which one is not wanted at the top of
        the sum; for two products, and where an address is few more inputs, they are one."""
        return 1 if bits == 2 or self.words and self.address <= 2 or worth + 1 == self.width else 2

    @cached_property
    def luts(self) -> int:
        """LUTs of one lane. Products that are left alone share one two by two, unless there is too much of an address."""
        if self.together == 1:
            alone = sum(threes for _, threes, _ in self._sizes)
            return alone if self.address > 4 else -(-alone // 2)
        counted = sum(threes * self.luts_of(worth, 3) + (rest == 2) for worth, threes, rest in self._sizes)
        return counted + -(-sum(rest == 1 for *_, rest in self._sizes) // 2)


_front = cache(Front)


def front(config) -> Front:
    """The front of the lanes of an MVTU."""
    width = holding(*sum_range(config)).width
    chosen = tuple(plane for plane in planes(config.input_type, config.weight_type) if plane.worth < width)
    return _front(config.simd, chosen, width, config.nf * config.sf if config.fused else 0)


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
                lane = BitLane(c.input_type, c.weight_type, self._front, total)
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

    def __init__(self, input_type: DataType, weight_type: DataType, first: Front, total: Sum):
        self.parameters = (input_type, weight_type, first, total)
        x, w = first.simd * input_type.bits, first.simd * weight_type.bits
        super().__init__({"x": In(x), "w": In(w), "first": In(1), "valid": In(1), "y": Out(total.width)})

    def build(self, platform):
        input_type, weight_type, first, total = self.parameters
        m = Module()
        cells = Slices(m, platform)
        columns = _Columns(total.width)
        counted, alone = first.groups

        def bits(chosen):
            x = [self.x[place * input_type.bits + plane.i] for place, plane in chosen]
            return x + [self.w[place * weight_type.bits + plane.j] for place, plane in chosen]

        for number, group in enumerate(counted):
            worth = group[0][1].worth
            functions = _counts([plane for _, plane in group])[: total.width - worth]
            if len(group) == 2:
                columns.add(worth, cells.lut(f"count{number}", bits(group), *functions))
            else:
                columns.add(worth, [cells.lut(f"count{number}_{n}", bits(group), function)[0] for n, function in enumerate(functions)])
        for number in range(0, len(alone), 2):
            pair = alone[number : number + 2]
            for (_, plane), bit in zip(pair, cells.lut(f"alone{number}", bits(pair), *_each([plane for _, plane in pair])), strict=True):
                columns.add(plane.worth, [bit])
        m.submodules.heap = heap = HeapSum(total)
        m.d.comb += [getattr(heap, f"c{n}").eq(Cat(*columns.bits[n])) for n, height in enumerate(total.heights) if height]
        m.d.comb += [heap.first.eq(self.first), heap.valid.eq(self.valid), self.y.eq(heap.y)]
        return m


def _each(chosen: list[Plane]) -> list[Callable[..., int]]:
    """Each product of bits, as a function of the inputs' bits and then the weights'."""
    return [lambda *v, n=n, plane=plane: plane.product(v[n], v[n + len(chosen)]) for n, plane in enumerate(chosen)]


def _counts(chosen: list[Plane]) -> list[Callable[..., int]]:
    """The two bits of the number of products that are 1, as functions of the inputs' bits and then the weights'."""
    products = _each(chosen)
    return [lambda *v, n=n: sum(product(*v) for product in products) >> n for n in (0, 1)]


class _Tables:
    """LUTs that multiply bits with weights chosen by an address; lanes that want the same have one."""

    def __init__(self, m: Module, platform, config, first: Front, x: Value, address: Value):
        self._cells = Slices(m, platform)
        self._front = first
        self._codes = weight_codes(config)
        self._x = lambda place, plane: x[place * config.input_type.bits + plane.i]
        self._address = list(address)[: first.address]
        self._known: dict[tuple, list[Signal]] = {}

    def columns(self, lane: int) -> list[list[Signal]]:
        """The bits of one lane, column by column."""
        columns = _Columns(self._front.width)
        counted, alone = self._front.groups
        for number, group in enumerate(counted):
            worth = group[0][1].worth
            outputs = range(min(2, self._front.width - worth))
            functions = [lambda *bits, n=n: sum(bits) >> n for n in outputs]
            columns.add(worth, self._made(f"count{number}", group, [lane] * len(group), functions))
        # Those alone go two by two, of one lane or, where an address leaves no more inputs, of two lanes.
        pairs = self._front.address <= 3
        for number in range(0, len(alone), 2 if pairs else 1):
            group = alone[number : number + (2 if pairs else 1)]
            if pairs:
                made = self._made(f"alone{number}", group, [lane] * len(group), _single(len(group)))
            else:
                lanes = [lane] if self._front.address > 4 else [n for n in (lane & ~1, lane | 1) if n < len(self._codes)]
                made = self._made(f"alone{number}", group * len(lanes), lanes, _single(len(lanes)))[lane & (len(lanes) - 1) :]
            for (_, plane), bit in zip(group, made, strict=False):
                columns.add(plane.worth, [bit])
        return columns.bits[: len(self._front.heights)]

    def _made(self, name: str, group: list[Bit], lanes: list[int], functions: list[Callable[..., int]]) -> list[Signal]:
        """Functions of the products of a group of bits with the weights of ``lanes``, made once for the same weights."""
        words = tuple(tuple((self._codes[lane, place] >> plane.j & 1).tolist()) for (place, plane), lane in zip(group, lanes, strict=True))
        if (name, words) not in self._known:
            # Two lanes have the same input.
            inputs = list(dict.fromkeys(group))
            tables = [self._table(group, inputs, words, function) for function in functions]
            ports = [*(self._x(*bit) for bit in inputs), *self._address]
            name_here = f"{name}_{lanes[0]}"
            if len(ports) <= 7 - len(tables):
                outputs = self._cells.lut(name_here, ports, *tables)
            else:
                outputs = [self._cells.lut(f"{name_here}_{n}", ports, table)[0] for n, table in enumerate(tables)]
            self._known[name, words] = outputs
        return self._known[name, words]

    def _table(self, group: list[Bit], inputs: list[Bit], words, function: Callable[..., int]) -> int:
        """Truth table of a function of products with ``words``, of each place those of all addresses, chosen by an address above the
        inputs; there is the last word where there is none."""
        table = 0
        for number in range(1 << (len(inputs) + len(self._address))):
            word = min(number >> len(inputs), self._front.words - 1)
            bits = [bit[1].product(number >> inputs.index(bit) & 1, values[word]) for bit, values in zip(group, words, strict=True)]
            table |= (int(function(*bits)) & 1) << number
        return table


def _single(count: int) -> list[Callable[..., int]]:
    """Each of so many bits."""
    return [lambda *bits, n=n: bits[n] for n in range(count)]


def weight_codes(config) -> np.ndarray:
    """Codes of an MVTU's weights by lane, place and word: (pe, simd, nf * sf)."""
    codes = config.weight_type.encode(config.weights).astype(np.int64).reshape(config.nf, config.pe, config.sf, config.simd)
    return codes.transpose(1, 3, 0, 2).reshape(config.pe, config.simd, -1)
