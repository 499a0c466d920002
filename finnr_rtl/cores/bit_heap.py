"""Sums of many bits: columns of bits worth 1, 2, 4 .. that counters reduce, stage by stage, to few rows, which one adder sums."""

from dataclasses import dataclass
from functools import cache, cached_property
from operator import add

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.accumulator import accumulator
from finnr_rtl.cores.counters import Counter, FullAdder, Parity, SixCounter, TwelveCounter
from finnr_rtl.cores.shared import Shared
from finnr_rtl.cores.slices import Slices

__all__ = ["HeapSum", "Plan", "Sum", "plan"]

# What a register and a pipeline stage weigh beside a LUT where plans are compared: there are two registers for each LUT.
REGISTER, STAGE = 0.2, 1.0
# What is still to come of a heap, about: for each bit, and beside that for each bit that is too many in its column.
BIT, EXCESS = 0.6, 0.4
# How many heaps of a stage are reduced further: those that promise most.
KEPT = 16
# What a stage does with what sixes leave of columns: whether full adders take it, and how few bits a counter of six takes.
LEFTOVERS = ((False, 6), (True, 6), (True, 5), (True, 4))


@dataclass(frozen=True)
class Plan:
    """How a heap is reduced: the counters of each stage, (counter, lowest column, how many), behind each of which all bits are registered;
    the ``heights`` of the columns that are left, and the ``luts`` and ``registers`` that takes."""

    stages: tuple[tuple[tuple[type[Counter], int, int], ...], ...]
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
    what is left over each stage takes none, all it can, or what fills most of a counter. Stage by stage, the few heaps that promise most
    are reduced further.
    """
    best, beam = None, [Plan((), heights, 0, 0)]
    while beam:
        found = {}
        for begun in beam:
            if max(begun.heights) <= rows:
                best = begun if best is None or begun.weight < best.weight else best
                continue
            for leftovers in LEFTOVERS:
                counters, left = _stage(begun.heights, rows, width, *leftovers)
                luts = begun.luts + sum(kind.luts * count for kind, _, count in counters)
                longer = Plan((*begun.stages, counters), left, luts, begun.registers + sum(left))
                if counters and (left not in found or longer.weight < found[left].weight):
                    found[left] = longer
        beam = [begun for begun in found.values() if best is None or begun.weight < best.weight]
        beam = sorted(beam, key=lambda begun: begun.weight + _to_come(begun.heights, rows))[:KEPT]
    return best


def _to_come(heights: tuple[int, ...], rows: int) -> float:
    """What it weighs, about, to reduce columns of ``heights`` to ``rows`` rows."""
    excess = sum(height - rows for height in heights if height > rows)
    return STAGE + BIT * sum(heights) + EXCESS * excess if excess else 0.0


def _stage(heights: tuple[int, ...], rows: int, width: int, adders: bool, least: int) -> tuple[tuple, tuple[int, ...]]:
    """Counters of one stage, and the heights of the columns behind it; ``adders`` take what is left of columns, and counters of six
    also so few as ``least``."""
    left, given, counters = [*heights, *[0] * (width + 5 - len(heights))], [0] * (width + 5), []

    def put(kind, column, count=1):
        counters.append((kind, column, count))
        for place, bits in enumerate(kind.taken):
            left[column + place] = max(0, left[column + place] - bits * count)
        for place in range(column, column + kind.given):
            given[place] += count

    def sixes(column):
        return left[column] // 6 + (left[column] % 6 >= least)

    needed = max(heights) < least
    for column in range(len(heights)):
        if column == width - 1:
            # Nobody wants the carries of the highest column.
            while left[column] + given[column] > rows and left[column] > 1:
                put(Parity, column)
            break
        if left[column] >= least:
            if column + 2 < width and left[column + 2] >= least:
                put(TwelveCounter, column, min(sixes(column), sixes(column + 2)))
            if left[column] >= least:
                put(SixCounter, column, sixes(column))
        if adders and left[column] >= 3:
            put(FullAdder, column, left[column] // 3)
        while left[column] >= 3 and needed and left[column] + given[column] > rows:
            put(FullAdder, column)
    total = list(map(add, left[:width], given))
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
        every = [(kind, column) for kind, column, count in counters for _ in range(count)]
        for place, (kind, column) in enumerate(every):
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
