"""Sums of many bits: columns of bits worth 1, 2, 4 .. that counters reduce, stage by stage, to few rows, which one adder sums."""

from dataclasses import dataclass
from functools import cache

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.accumulator import accumulator
from finnr_rtl.cores.counters import Counter, FullAdder, SixCounter, TwelveCounter
from finnr_rtl.cores.shared import Shared
from finnr_rtl.cores.slices import Slices

__all__ = ["HeapSum", "Plan", "plan"]

# What a register and a pipeline stage weigh beside a LUT where plans are compared: there are two registers for each LUT.
REGISTER, STAGE = 0.2, 1.0


@dataclass(frozen=True)
class Plan:
    """How a heap is reduced: the counters of each stage, (counter, lowest column), behind each of which all bits are registered; the
    ``heights`` of the columns that are left, and the ``luts`` and ``registers`` that takes."""

    stages: tuple[tuple[tuple[type[Counter], int], ...], ...]
    heights: tuple[int, ...]
    luts: int
    registers: int

    @property
    def weight(self) -> float:
        """What plans are compared by."""
        return self.luts + REGISTER * self.registers + STAGE * len(self.stages)


@cache
def plan(heights: tuple[int, ...], rows: int) -> Plan:
    """The plan to reduce columns of ``heights`` bits, lowest first, to ``rows`` rows, 2 or 3.

    A stage has one carry chain behind another on no path, so that it is as fast as an adder. Of every six bits a counter takes, and of
    what is left over each stage takes none, all it can, or what fills most of a counter: all combinations are tried.
    """
    if max(heights) <= rows:
        return Plan((), heights, 0, 0)
    best = None
    for adders, least in ((False, 6), (True, 6), (True, 5), (True, 4)):
        counters, left = _stage(heights, rows, adders, least)
        if not counters:
            continue
        rest = plan(left, rows)
        luts = sum(kind.luts for kind, _ in counters)
        found = Plan((counters, *rest.stages), rest.heights, luts + rest.luts, sum(left) + rest.registers)
        if best is None or found.weight < best.weight:
            best = found
    return best


def _stage(heights: tuple[int, ...], rows: int, adders: bool, least: int) -> tuple[tuple, tuple[int, ...]]:
    """Counters of one stage, and the heights of the columns behind it; ``adders`` take what is left of columns, and counters of six
    also so few as ``least``."""
    left, given, counters = [*heights, 0, 0], [0] * (len(heights) + 4), []

    def put(kind, column):
        counters.append((kind, column))
        for place, bits in enumerate(kind.taken):
            left[column + place] = max(0, left[column + place] - bits)
        for place in range(kind.given):
            given[column + place] += 1

    for column in range(len(heights)):
        while left[column] >= least and left[column + 2] >= least:
            put(TwelveCounter, column)
        while left[column] >= least:
            put(SixCounter, column)
        while left[column] >= 3 and (adders or left[column] + given[column] > rows and max(heights) < least):
            put(FullAdder, column)
    total = [a + b for a, b in zip(left + [0] * len(given), given, strict=False)]
    while not total[-1]:
        total.pop()
    return tuple(counters), tuple(total)


class HeapSum(Shared):
    """``y`` is the sum of columns of ``heights`` bits, ``latency(heights, several)`` cycles later; with ``several``, that sum and ``y``
    itself, from 0 where ``first`` is high, in the cycles with ``valid`` high, which tell of the last stage alone. ``width`` bits hold it.
    A ``rescaled`` sum is what a requantiser reads.

    Members: ``c<n>`` In(heights[n]), ``first`` In(1), ``valid`` In(1), ``y`` Out(width).
    """

    def __init__(self, heights: tuple[int, ...], width: int, several: bool, rescaled: bool):
        self.parameters = (heights, width, several, rescaled)
        columns = {f"c{n}": In(height) for n, height in enumerate(heights)}
        super().__init__({**columns, "first": In(1), "valid": In(1), "y": Out(width)})

    @staticmethod
    def plan(heights: tuple[int, ...], several: bool) -> Plan:
        """How the bits come to as many rows as one adder takes."""
        return plan(heights, 2 if several else 3)

    @staticmethod
    def latency(heights: tuple[int, ...], several: bool) -> int:
        """Cycles from the bits to their sum."""
        return len(HeapSum.plan(heights, several).stages) + 1

    @staticmethod
    def adder(heights: tuple[int, ...], width: int, several: bool) -> int:
        """LUTs of the adder at the end: one for each place that has bits."""
        left = HeapSum.plan(heights, several).heights
        return width if several else sum(height > 0 for height in left) if max(left) > 1 else 0

    def build(self, platform):
        heights, width, several, rescaled = self.parameters
        m = Module()
        columns = [list(getattr(self, f"c{n}")) for n in range(len(heights))]
        for number, counters in enumerate(self.plan(heights, several).stages):
            columns = self._reduced(m, number, counters, columns)
        total = accumulator(self.y.shape(), "total", rescaled)
        # Rows that reach beyond the sum's width are 0 there.
        rows = [[column[row] if len(column) > row else None for column in columns[:width]] + [None] * (width - len(columns))
                for row in range(max(map(len, columns)))]
        if several:
            with m.If(self.valid):
                m.d.sync += total.eq(_sum(m, platform, [list(total), *rows], self.first))
        else:
            m.d.sync += total.eq(_sum(m, platform, rows, None))
        m.d.comb += self.y.eq(total)
        return m

    def _reduced(self, m, number: int, counters: tuple, columns: list[list[Value]]) -> list[list[Value]]:
        """The columns behind stage ``number``, in registers."""
        left = [list(bits) for bits in columns] + [[], []]
        given: list[list[Value]] = [[] for _ in range(len(columns) + 4)]
        for place, (kind, column) in enumerate(counters):
            counter = kind()
            m.submodules[f"stage{number}_count{place}"] = counter
            taken = []
            for offset, bits in enumerate(kind.taken):
                here = left[column + offset]
                taken += here[:bits] + [Const(0)] * (bits - len(here))
                del here[:bits]
            m.d.comb += counter.i.eq(Cat(*taken))
            for offset, bit in enumerate(counter.o):
                given[column + offset].append(bit)
        reduced = [a + b for a, b in zip(left + [[]] * 2, given, strict=True)]
        while not reduced[-1]:
            reduced.pop()
        kept = []
        for column, bits in enumerate(reduced):
            if not bits:
                kept.append([])
                continue
            # Bits that only wait would become shift registers, each a LUT for what are two or three registers beside LUTs.
            register = Signal(len(bits), name=f"stage{number}_column{column}", reset_less=True, attrs={"keep": "true"})
            m.d.sync += register.eq(Cat(*bits))
            kept.append(list(register))
        return kept


def _sum(m: Module, platform, rows: list[list[Value | None]], first: Value | None) -> Value:
    """Sum of up to three rows of bits, of which the first counts as 0 where ``first`` is high.

    Three bits of a place have a sum and a carry, both of them functions of one LUT, which also adds the carry of the place below.
    """
    width = len(rows[0])
    cells = Slices(m, platform)
    if not cells.placed or len(rows) == 1:
        terms = [Cat(*(Const(0, 1) if bit is None else bit for bit in row)) for row in rows]
        if first is not None:
            terms[0] = Mux(first, 0, terms[0])
        return sum(terms[1:], terms[0])[:width]
    select, data, below = [], [], None
    for place in range(width):
        bits = [row[place] for row in rows if row[place] is not None]
        clears = first is not None
        inputs = [*bits, *([first] if clears else [])]

        def ones(*values, clears=clears):
            return [values[0] & ~values[-1] & 1, *values[1:-1]] if clears else list(values)

        if not inputs:
            select.append(below if below is not None else Const(0))
        else:
            with_carry = [*inputs, *([] if below is None else [below])]
            here = len(inputs)
            functions = [lambda *v, ones=ones, here=here: sum(ones(*v[:here])) > 1,
                         lambda *v, ones=ones, here=here: sum(ones(*v[:here])) + sum(v[here:])]
            if len(bits) < 2:
                select += cells.lut(f"place{place}", with_carry, functions[1])
                carry = None
            else:
                carry, chosen = cells.lut(f"place{place}", with_carry, *functions)
                select.append(chosen)
        data.append(Const(0) if below is None else below)
        below = carry if inputs else None
    sums, _ = cells.carry("sum", select, data)
    return Cat(*sums)
