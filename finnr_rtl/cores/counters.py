"""Small counters of ones, of which sums of many bits are made: each takes some bits and gives fewer.

Left to itself, synthesis maps sums of many bits to more LUTs than needed, because it weighs small LUTs as cheaper than they are,
restructures trees of additions, and knows no LUT with two outputs. So counters are cells where the device has them
(:mod:`finnr_rtl.cores.slices`), and modules whose boundary synthesis keeps elsewhere.

Those of six bits at a time and twelve are the generalised parallel counters (6; 3) and (6, 0, 6; 5) of M. Kumm and P. Zipf, "Pipelined
compressor tree optimization using integer linear programming", FPL 2014.
"""

from amaranth.hdl import Cat, Module
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.shared import Shared
from finnr_rtl.cores.slices import Slices

__all__ = ["Counter", "FullAdder", "Parity", "SixCounter", "TwelveCounter"]


class Counter(Shared):
    """``o`` is the sum of the bits of ``i``, which stand in columns: ``taken[n]`` bits worth 2^n each, the lowest column in the low bits.
    It takes ``luts`` LUTs; ``placed`` makes it of cells.

    Members: ``i`` In(sum(taken)), ``o`` Out(given).
    """

    keep_hierarchy = True
    taken: tuple[int, ...]
    given: int
    luts: int

    def __init__(self):
        super().__init__({"i": In(sum(self.taken)), "o": Out(self.given)})

    def build(self, platform):
        m = Module()
        cells = Slices(m, platform)
        if cells.placed:
            m.d.comb += self.o.eq(Cat(*self.placed(cells, list(self.i))))
        else:
            weights = [place for place, bits in enumerate(self.taken) for _ in range(bits)]
            terms = [bit << place for bit, place in zip(self.i, weights, strict=True)]
            m.d.comb += self.o.eq(sum(terms[1:], terms[0]))
        return m


class FullAdder(Counter):
    """Three bits to two, in one LUT."""

    taken, given, luts = (3,), 2, 1

    @staticmethod
    def placed(cells, bits):
        return cells.lut("ones", bits, lambda a, b, c: a ^ b ^ c, lambda a, b, c: a + b + c > 1)


class Parity(Counter):
    """Six bits to the lowest of their sum, in one LUT."""

    taken, given, luts = (6,), 1, 1

    @staticmethod
    def placed(cells, bits):
        return cells.lut("parity", bits, lambda *ones: sum(ones))


class SixCounter(Counter):
    """Six bits to three, in two LUTs and half a CARRY4."""

    taken, given, luts = (6,), 3, 2

    @staticmethod
    def placed(cells, bits):
        select, data = _six(cells, "low", bits)
        sums, carries = cells.carry("ones", select, data)
        return [*sums, carries[-1]]


class TwelveCounter(Counter):
    """Six bits, and six worth four each, to five, in four LUTs and a CARRY4."""

    taken, given, luts = (6, 0, 6), 5, 4

    @staticmethod
    def placed(cells, bits):
        low, high = _six(cells, "low", bits[:6]), _six(cells, "high", bits[6:])
        sums, carries = cells.carry("ones", low[0] + high[0], low[1] + high[1])
        return [*sums, carries[-1]]


def _six(cells: Slices, name: str, bits: list) -> tuple[list, list]:
    """Two places of a carry chain that count six bits and the carry.

    The first adds the last bit to the parity of the others; the twos among these, none to two of them, are added at the second.
    """
    parity = cells.lut(f"{name}_parity", bits, lambda *ones: sum(ones))
    both, odd = cells.lut(f"{name}_twos", bits[:5], lambda *ones: sum(ones) // 2 == 2, lambda *ones: sum(ones) // 2)
    return [*parity, odd], [bits[5], both]
