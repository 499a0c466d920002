"""Products with BIPOLAR weights, as counts of bits that match.

A weight of +1 or -1 takes a bit of an input or its complement: the XNOR of both, a match. Matches of bit n of the inputs are worth 2^n, and
all are summed in one heap (:mod:`finnr_rtl.cores.bit_heap`). A dot product is ``scale`` times that count less an offset that depends
on the row of weights alone (:func:`in_matches`), and moves into what stands behind.

Matches are counted three at a time where LUTs begin: three inputs and three weights from a memory are six inputs of two LUTs. Where the
memory would have few words, there is none: weights are functions of its address within the same LUTs, which are fewer then.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Module, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.accumulator import rescales
from finnr_rtl.cores.bit_heap import HeapSum
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.shared import Shared
from finnr_rtl.cores.slices import Slices
from finnr_rtl.datatypes import BIPOLAR, DataType

__all__ = ["MOST_FUSED_WORDS", "Front", "MatchProduct", "in_matches", "most_matches"]

# Words of weights up to which they are functions of their address within the LUTs that compare: an input and five bits of address.
MOST_FUSED_WORDS = 32


def in_matches(input_type: DataType, weights: np.ndarray) -> tuple[int, np.ndarray]:
    """(``scale``, ``offsets`` (rows,)): the dot product of row n of ``weights``, -1 and +1, is ``scale`` times its matches less
    ``offsets[n]``."""
    rows, columns = weights.shape
    if input_type == BIPOLAR:
        return 2, np.full(rows, columns)
    negative = (weights < 0).sum(axis=1)
    # A bit times -1 is its complement less 1; the highest bit of a two's complement number counts negative, so there +1 does that.
    low, high = (1 << (input_type.bits - input_type.signed)) - 1, (1 << (input_type.bits - 1)) * input_type.signed
    return 1, low * negative + high * (columns - negative)


def most_matches(input_type: DataType, columns: int) -> int:
    """What the matches of ``columns`` products are worth at most."""
    return columns * ((1 << input_type.bits) - 1)


@dataclass(frozen=True)
class Front:
    """The first LUTs of one lane: ``simd`` inputs of ``planes`` bits against weights from a memory, or with ``words`` against so many
    words of weights (1 to ``MOST_FUSED_WORDS``) chosen by their address."""

    simd: int
    planes: int
    words: int = 0

    @property
    def address(self) -> int:
        """Bits of the address of the words."""
        return (self.words - 1).bit_length() if self.words else 0

    @property
    def together(self) -> int:
        """Matches counted in one step: 3, or 1 where the address leaves no more inputs."""
        return 3 if self.address <= 3 else 1

    @property
    def rest(self) -> int:
        """Places of each plane that are left over."""
        return self.simd % self.together

    @cached_property
    def heights(self) -> tuple[int, ...]:
        """Bits of each column that are given."""
        heights = [0] * (self.planes + (self.together > 1))
        for plane in range(self.planes):
            groups = self.simd // self.together
            heights[plane] += groups + (self.rest > 0)
            if self.together > 1:
                heights[plane + 1] += groups + (self.rest > 1)
        while not heights[-1]:
            heights.pop()
        return tuple(heights)

    @property
    def luts(self) -> int:
        """LUTs of one lane: of three places two, of which fused ones with few enough inputs are one; of two places one; of single ones,
        two or, with much of an address, one each."""
        groups = self.simd // self.together
        if self.together == 1:
            return self.planes * groups if self.address > 4 else -(-self.planes * groups // 2)
        one = self.words and self.address <= 2
        singles = self.planes * (self.rest == 1)
        return self.planes * (groups * (1 if one else 2) + (self.rest == 2)) + -(-singles // 2)


class MatchProduct(wiring.Component):
    """Matches of ``pe`` rows of weights with ``simd`` inputs, summed over the steps of a row, for the contract ``config`` of an MVTU.

    ``x`` holds the inputs, and ``w`` the weights of all lanes, lane by lane; where the weights have few words and are not in a memory,
    ``w`` is the word's number. ``y<lane>`` is the sum ``latency`` cycles later; ``first`` and ``valid`` tell of the last of these alone.

    Members: ``x`` In, ``w`` In, ``first`` In(1), ``valid`` In(1), ``y0`` .. ``y<pe-1>`` Out.
    """

    def __init__(self, config):
        self._config = config
        self.front = front(config)
        self.sum_shape = Shape.cast(range(most_matches(config.input_type, config.mw) + 1))
        width = address_bits(self.front.words) if self.front.words else config.pe * config.simd
        super().__init__({
            "x": In(config.simd * config.input_type.bits),
            "w": In(width),
            "first": In(1),
            "valid": In(1),
            **{f"y{lane}": Out(self.sum_shape) for lane in range(config.pe)},
        })

    @property
    def results(self) -> list[Signal]:
        """``y`` of every lane."""
        return [getattr(self, f"y{lane}") for lane in range(self._config.pe)]

    def elaborate(self, platform):
        c = self._config
        m = Module()
        tables = _Tables(m, platform, c, self.front, self.x, self.w) if self.front.words else None
        for index, y in enumerate(self.results):
            if tables is None:
                lane = MatchLane(c.input_type, c.simd, *self._sum)
                m.d.comb += [lane.x.eq(self.x), lane.w.eq(self.w.word_select(index, c.simd))]
            else:
                lane = HeapSum(self.front.heights, *self._sum)
                m.d.comb += [getattr(lane, f"c{n}").eq(Cat(*bits)) for n, bits in enumerate(tables.columns(index))]
            m.submodules[f"lane{index}"] = lane
            m.d.comb += [lane.first.eq(self.first), lane.valid.eq(self.valid), y.eq(lane.y)]
        return m

    @property
    def _sum(self) -> tuple[int, bool, bool]:
        """Parameters of each lane's sum."""
        return self.sum_shape.width, self._config.sf > 1, rescales(self._config.thresholds)


class MatchLane(Shared):
    """One lane of :class:`MatchProduct` whose weights come from a memory.

    Members: ``x`` In, ``w`` In, ``first`` In(1), ``valid`` In(1), ``y`` Out(width).
    """

    def __init__(self, input_type: DataType, simd: int, width: int, several: bool, rescaled: bool):
        self.parameters = (input_type, simd, width, several, rescaled)
        super().__init__({"x": In(simd * input_type.bits), "w": In(simd), "first": In(1), "valid": In(1), "y": Out(width)})

    def build(self, platform):
        input_type, simd, *total = self.parameters
        m = Module()
        first = Front(simd, input_type.bits)
        cells = Slices(m, platform)
        columns = [[] for _ in first.heights]
        singles = []
        for plane, bits in enumerate(planes(self.x, input_type)):
            same = 1 ^ (plane == negative_plane(input_type))
            for place in range(0, simd - 2, 3):
                inputs = [*bits[place : place + 3], *self.w[place : place + 3]]
                for offset, function in enumerate(_counts(3, same)):
                    columns[plane + offset] += cells.lut(f"plane{plane}_match{place}_{offset}", inputs, function)
            if first.rest == 2:
                pair = cells.lut(f"plane{plane}_rest", [*bits[-2:], *self.w[simd - 2 :]], *_counts(2, same))
                columns[plane].append(pair[0])
                columns[plane + 1].append(pair[1])
            elif first.rest:
                singles.append((plane, bits[-1], same))
        for number in range(0, len(singles), 2):
            pair = singles[number : number + 2]
            inputs = [*(bit for _, bit, _ in pair), self.w[simd - 1]]
            functions = [lambda *v, n=n, same=same: same ^ v[n] ^ v[-1] for n, (*_, same) in enumerate(pair)]
            for (plane, *_), match in zip(pair, cells.lut(f"single{number}", inputs, *functions), strict=True):
                columns[plane].append(match)
        m.submodules.heap = heap = HeapSum(first.heights, *total)
        m.d.comb += [getattr(heap, f"c{n}").eq(Cat(*bits)) for n, bits in enumerate(columns)]
        m.d.comb += [heap.first.eq(self.first), heap.valid.eq(self.valid), self.y.eq(heap.y)]
        return m


class _Tables:
    """LUTs that compare inputs with weights chosen by an address; lanes that want the same have one."""

    def __init__(self, m: Module, platform, config, first: Front, x: Value, address: Value):
        self._cells = Slices(m, platform)
        self._front = first
        self._codes = config.weights.reshape(config.nf, config.pe, config.sf, config.simd) > 0
        self._planes = planes(x, config.input_type)
        self._negative = negative_plane(config.input_type)
        self._address = list(address)[: first.address]
        self._known: dict[tuple, list[Signal]] = {}
        self._waiting: dict[tuple, tuple] = {}
        # Lanes two by two share LUTs of single places.
        self._lanes = config.pe

    def columns(self, lane: int) -> list[list[Signal]]:
        """The bits of one lane, column by column."""
        together, columns = self._front.together, [[] for _ in self._front.heights]
        for plane in range(len(self._planes)):
            for place in range(0, self._front.simd, together):
                places = range(place, min(place + together, self._front.simd))
                if together == 1:
                    columns[plane].append(self._single(plane, place, lane))
                    continue
                if len(places) == 1:
                    columns[plane].append(self._rest(plane, place, lane))
                    continue
                for offset, bit in enumerate(self._counted(plane, places, lane)):
                    columns[plane + offset].append(bit)
        return columns

    def _words(self, plane: int, place: int, lane: int) -> tuple[bool, ...]:
        """What an input's bit is to be, for each address, to match the weight at a place of a lane."""
        words = self._codes[:, lane, :, place].reshape(-1)
        return tuple((words ^ (plane == self._negative)).tolist())

    def _counted(self, plane: int, places: range, lane: int) -> list[Signal]:
        """Matches at two or three places as a number of two bits."""
        words = tuple(self._words(plane, place, lane) for place in places)
        key = plane, places.start, words
        if key not in self._known:
            bits = self._planes[plane]
            inputs = [*(bits[place] for place in places), *self._address]
            tables = [_fused(words, self._front.address, bit) for bit in (0, 1)]
            name = f"plane{plane}_match{places.start}_{lane}"
            if len(inputs) <= 5:
                self._known[key] = self._cells.lut(name, inputs, *tables)
            else:
                self._known[key] = [bit for n, table in enumerate(tables) for bit in self._cells.lut(f"{name}_{n}", inputs, table)]
        return self._known[key]

    def _rest(self, plane: int, place: int, lane: int) -> Signal:
        """The match at a single place; those of two planes share a LUT."""
        key = plane, place, self._words(plane, place, lane)
        if key not in self._known:
            pair = [n for n in (plane & ~1, plane | 1) if n < len(self._planes)]
            words = [self._words(n, place, lane) for n in pair]
            inputs = [*(self._planes[n][place] for n in pair), *self._address]
            tables = [_fused((wanted,), self._front.address, 0, n, len(pair)) for n, wanted in enumerate(words)]
            matches = self._cells.lut(f"plane{pair[0]}_match{place}_{lane}", inputs, *tables)
            for n, wanted, bit in zip(pair, words, matches, strict=True):
                self._known[n, place, wanted] = [bit]
        return self._known[key][0]

    def _single(self, plane: int, place: int, lane: int) -> Signal:
        """The match at a place where the address leaves no more inputs; two lanes share a LUT where it leaves an output."""
        key = plane, place, lane
        if key not in self._known:
            several = [lane] if self._front.address > 4 else [n for n in (lane & ~1, lane | 1) if n < self._lanes]
            inputs = [self._planes[plane][place], *self._address]
            tables = [_fused((self._words(plane, place, n),), self._front.address, 0) for n in several]
            for n, bit in zip(several, self._cells.lut(f"plane{plane}_match{place}_{several[0]}", inputs, *tables), strict=True):
                self._known[plane, place, n] = [bit]
        return self._known[key][0]


def front(config) -> Front:
    """The front of the lanes of an MVTU with BIPOLAR weights."""
    return Front(config.simd, config.input_type.bits, config.nf * config.sf if config.fused else 0)


def planes(x: Value, input_type: DataType) -> list[list[Value]]:
    """The bits of all inputs in ``x``, plane by plane."""
    bits = input_type.bits
    return [[x[place + plane] for place in range(0, len(x), bits)] for plane in range(bits)]


def negative_plane(input_type: DataType) -> int | None:
    """The plane of bits that count negative, whose matches are with the complement of the weight."""
    return input_type.bits - 1 if input_type.signed and input_type != BIPOLAR else None


def _counts(places: int, same: int):
    """The two bits of the number of places at which inputs and weights are the ``same``, or not."""
    def count(*v):
        return sum(same ^ v[n] ^ v[n + places] for n in range(places))
    return count, lambda *v: count(*v) >> 1


def _fused(words: tuple[tuple[bool, ...], ...], address: int, bit: int, place: int = 0, inputs: int = 0) -> int:
    """Truth table of bit ``bit`` of the number of places at which inputs match ``words[place]``, chosen by an address above the inputs.
    Of more ``inputs`` than words only that at ``place`` is compared."""
    inputs = inputs or len(words)
    table = 0
    for number in range(1 << (inputs + address)):
        word = min(number >> inputs, len(words[0]) - 1)
        count = sum(1 ^ (number >> (place + n) & 1) ^ values[word] for n, values in enumerate(words))
        table |= (count >> bit & 1) << number
    return table
