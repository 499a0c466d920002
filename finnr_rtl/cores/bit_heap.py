"""Sums of many bits: columns of bits worth 1, 2, 4 .. that counters reduce, stage by stage, to few rows, which one adder sums."""

from dataclasses import dataclass
from functools import cache, cached_property

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.accumulator import accumulator
from finnr_rtl.cores.counters import Counter, FullAdder, Parity, SixCounter, TwelveCounter
from finnr_rtl.cores.shared import Shared
from finnr_rtl.cores.slices import Slices

__all__ = ["HeapSum", "Plan", "Sum", "plan"]

# What a register and a pipeline stage weigh beside a LUT where plans are compared: there are two registers for each LUT.
REGISTER, STAGE = 0.2, 1.0
# What it takes to get rid of one bit more, about, and how many ways to go on are tried with heaps of so many bits.
REDUCED, TRIED = 0.75, ((600, 1), (200, 2), (0, 4))


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
def plan(heights: tuple[int, ...], rows: int, width: int) -> Plan:
    """The plan to reduce columns of ``heights`` bits, lowest first, to ``rows`` rows, 2 or 3, of a sum of ``width`` bits.

    A stage has one carry chain behind another on no path, so that it is as fast as an adder. Of every six bits a counter takes, and of
    what is left over each stage takes none, all it can, or what fills most of a counter: all combinations are tried, of tall heaps the
    few that promise most.
    """
    if max(heights) <= rows:
        return Plan((), heights, 0, 0)
    stages = []
    for adders, least in ((False, 6), (True, 6), (True, 5), (True, 4)):
        counters, left = _stage(heights, rows, width, adders, least)
        if counters:
            luts = sum(kind.luts for kind, _ in counters)
            stages.append((luts + (REGISTER + REDUCED) * sum(left), luts, counters, left))
    stages = sorted(stages, key=lambda stage: stage[0])[: next(kept for bits, kept in TRIED if sum(heights) >= bits)]
    best = None
    for _, luts, counters, left in stages:
        rest = plan(left, rows, width)
        found = Plan((counters, *rest.stages), rest.heights, luts + rest.luts, sum(left) + rest.registers)
        if best is None or found.weight < best.weight:
            best = found
    return best


def _stage(heights: tuple[int, ...], rows: int, width: int, adders: bool, least: int) -> tuple[tuple, tuple[int, ...]]:
    """Counters of one stage, and the heights of the columns behind it; ``adders`` take what is left of columns, and counters of six
    also so few as ``least``."""
    left, given, counters = [*heights, *[0] * (width + 5 - len(heights))], [0] * (width + 5), []

    def put(kind, column):
        counters.append((kind, column))
        for place, bits in enumerate(kind.taken):
            left[column + place] = max(0, left[column + place] - bits)
        for place in range(kind.given):
            given[column + place] += 1

    for column in range(len(heights)):
        if column == width - 1:
            # Nobody wants the carries of the highest column.
            while left[column] + given[column] > rows and left[column] > 1:
                put(Parity, column)
            break
        while left[column] >= least and left[column + 2] >= least and column + 2 < width:
            put(TwelveCounter, column)
        while left[column] >= least:
            put(SixCounter, column)
        while left[column] >= 3 and (adders or left[column] + given[column] > rows and max(heights) < least):
            put(FullAdder, column)
    total = [a + b for a, b in zip(left[:width], given[:width], strict=True)]
    while not total[-1]:
        total.pop()
    return tuple(counters), tuple(total)


@dataclass(frozen=True)
class Sum:
    """A sum of columns of ``heights`` bits each, lowest first, and of ``initial``, modulo 2^``width``; ``several`` of them are added up,
    beginning with ``initial``. A ``rescaled`` sum is what a requantiser reads."""

    heights: tuple[int, ...]
    width: int
    several: bool
    rescaled: bool
    initial: int = 0

    @cached_property
    def plan(self) -> Plan:
        """How the bits come to as many rows as the adder at the end takes beside the sum so far, or ``initial``."""
        return plan(self.heights, 2 if self.several or self.initial else 3, self.width)

    @property
    def latency(self) -> int:
        """Cycles from the bits to their sum."""
        return len(self.plan.stages) + 1

    @property
    def luts(self) -> int:
        """LUTs of the counters and of the adder, which are one for each place that has bits, or a carry to add to a one."""
        left, carry, adder = [*self.plan.heights, *[0] * (self.width - len(self.plan.heights))], False, 0
        if not self.several and not self.initial and max(left) < 2:
            return self.plan.luts
        for place, height in enumerate(left):
            one = self.initial >> place & 1
            bits = height + (self.several or bool(one))
            adder += self.several or height > 0 or bool(one and carry)
            carry = bits > 1
        return self.plan.luts + adder

    @property
    def registers(self) -> int:
        """Flip-flops of the stages and of the sum."""
        return self.plan.registers + self.width


class HeapSum(Shared):
    """``y`` is the :class:`Sum` ``spec``, ``spec.latency`` cycles after its bits; with several, that and ``y`` itself, or the initial value
    where ``first`` is high, in the cycles with ``valid`` high, which tell of the last stage alone.

    Members: ``c<n>`` In(heights[n]), ``first`` In(1), ``valid`` In(1), ``y`` Out(width).
    """

    def __init__(self, spec: Sum):
        self.parameters = (spec,)
        columns = {f"c{n}": In(height) for n, height in enumerate(spec.heights) if height}
        super().__init__({**columns, "first": In(1), "valid": In(1), "y": Out(spec.width)})

    def build(self, platform):
        spec, = self.parameters
        m = Module()
        columns = [list(getattr(self, f"c{n}")) if height else [] for n, height in enumerate(spec.heights)]
        for number, counters in enumerate(spec.plan.stages):
            columns = self._reduced(m, number, counters, columns, spec.width)
        total = accumulator(self.y.shape(), "total", spec.rescaled)
        columns += [[]] * (spec.width - len(columns))
        if spec.several:
            with m.If(self.valid):
                m.d.sync += total.eq(_sum(m, platform, [[bit, *bits] for bit, bits in zip(total, columns, strict=True)], spec, self.first))
        else:
            m.d.sync += total.eq(_sum(m, platform, columns, spec, None))
        m.d.comb += self.y.eq(total)
        return m

    def _reduced(self, m, number: int, counters: tuple, columns: list[list[Value]], width: int) -> list[list[Value]]:
        """The columns behind stage ``number``, in registers."""
        left = [list(bits) for bits in columns] + [[] for _ in range(width + 5 - len(columns))]
        given: list[list[Value]] = [[] for _ in range(width + 5)]
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
        reduced = [a + b for a, b in zip(left[:width], given[:width], strict=True)]
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


def _sum(m: Module, platform, columns: list[list[Value]], spec: Sum, first: Value | None) -> Value:
    """Sum of columns of up to three bits, the first of which is the sum so far, or where ``first`` is high the initial value; without
    ``first``, the initial value is one of the three.

    The bits of a place have a sum and a carry, both of them functions of one LUT, which also adds the carry of the place below.
    """
    cells = Slices(m, platform)
    if not cells.placed or max(map(len, columns)) + (spec.initial > 0) == 1:
        rows = [Cat(*(bits[row] if len(bits) > row else Const(0, 1) for bits in columns)) for row in range(max(map(len, columns)))]
        if first is not None:
            rows[0] = Mux(first, spec.initial, rows[0])
        elif spec.initial:
            rows.append(Const(spec.initial, spec.width))
        return sum(rows[1:], rows[0])[: spec.width]
    select, data, below = [], [], None
    for place, bits in enumerate(columns):
        one = spec.initial >> place & 1
        inputs = bits if first is None else [*bits, first]

        def ones(values, one=one, several=first is not None):
            if not several:
                return sum(values) + one
            total, *others, clear = values
            return (one if clear else total) + sum(others)

        here = len(inputs)
        carry = bool(len(bits) + (first is None and one) > 1)
        functions = [lambda *v, ones=ones, here=here: ones(v[:here]) > 1, lambda *v, ones=ones, here=here: ones(v[:here]) + sum(v[here:])]
        with_carry = [*inputs, *([] if below is None else [below])]
        data.append(Const(0) if below is None else below)
        if carry:
            below, chosen = cells.lut(f"place{place}", with_carry, *functions)
        elif inputs or one and below is not None:
            below, chosen = None, *cells.lut(f"place{place}", with_carry, functions[1])
        else:
            below, chosen = None, Const(one) if below is None else below
        select.append(chosen)
    sums, _ = cells.carry("sum", select, data)
    return Cat(*sums)
