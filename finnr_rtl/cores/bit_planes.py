"""What sums of products in LUTs consist of: products of bits, and what stands between their sum and a dot product.

Bit i of an input and bit j of a weight are worth 2^(i+j) where both are 1; where one of them counts negative, being the highest of a two's
complement number, the product is taken from 1 instead, and the ones so owed are a constant. A BIPOLAR weight takes a bit of the input
or its complement, as in an XNOR, and what complements owe depends on the row of weights; a BIPOLAR input is twice its code less 1. So a
dot product is ``scale`` times a sum less an offset of its row (:func:`in_sums`), which moves into what stands behind.
"""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from finnr_rtl.cores.accumulator import rescales
from finnr_rtl.cores.bit_heap import Sum
from finnr_rtl.cores.operands import holding
from finnr_rtl.datatypes import BIPOLAR, DataType

__all__ = ["Bit", "Front", "Plane", "front", "in_sums", "lane_sum", "most_fused_words", "owed", "planes", "sum_range", "weight_codes"]


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


def weight_codes(config) -> np.ndarray:
    """Codes of an MVTU's weights by lane, place and word: (pe, simd, nf * sf)."""
    codes = config.weight_type.encode(config.weights).astype(np.int64).reshape(config.nf, config.pe, config.sf, config.simd)
    return codes.transpose(1, 3, 0, 2).reshape(config.pe, config.simd, -1)
