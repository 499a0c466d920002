"""Sums of many bits or small values: the one place that decides their structure."""

from amaranth.hdl import Cat, Const, Module, Value
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.shared import Shared

__all__ = ["FullAdder", "MatchCounter", "SixCounter", "compress", "count_matches", "total"]


def total(values: list[Value]) -> Value:
    """Sum of ``values`` as a balanced tree of additions.

    Synthesis merges a tree of ``+`` into its own carry-save structure, so the shape matters for the width of the result
    (ceil(log2 n) more bits than a value) and for the speed of simulation, not for the LUT count.
    """
    while len(values) > 1:
        pairs = [a + b for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + (values[-1:] if len(values) % 2 else [])
    return values[0]


class FullAdder(Shared):
    """``o`` is the number of ones in the three bits of ``i``: two LUTs.

    Members: ``i`` In(3), ``o`` Out(2).
    """

    keep_hierarchy = True

    def __init__(self):
        super().__init__({"i": In(3), "o": Out(2)})

    def build(self):
        m = Module()
        a, b, c = self.i
        m.d.comb += self.o.eq(Cat(a ^ b ^ c, a & b | c & (a | b)))
        return m


class SixCounter(Shared):
    """``o`` is the number of ones in the six bits of ``i``: three LUT6.

    Members: ``i`` In(6), ``o`` Out(3).
    """

    keep_hierarchy = True

    def __init__(self):
        super().__init__({"i": In(6), "o": Out(3)})

    def build(self):
        m = Module()
        (low, high), (carry, other) = zip(*(_add(*bits) for bits in (self.i[:3], self.i[3:])), strict=True)
        twos, fours = _add(carry, other, low & high)
        m.d.comb += self.o.eq(Cat(low ^ high, twos, fours))
        return m


class MatchCounter(Shared):
    """``o`` is the number of places in which the three bits of ``x`` and ``w`` agree: two LUT6.

    Members: ``x`` In(3), ``w`` In(3), ``o`` Out(2).
    """

    keep_hierarchy = True

    def __init__(self):
        super().__init__({"x": In(3), "w": In(3), "o": Out(2)})

    def build(self):
        m = Module()
        m.d.comb += self.o.eq(Cat(*_add(*~(self.x ^ self.w))))
        return m


def _add(a, b, c):
    """Sum and carry of three bits."""
    return a ^ b ^ c, a & b | c & (a | b)


def count_matches(m: Module, x: Value, w: Value) -> Value:
    """Number of places in which ``x`` and ``w`` agree: the popcount of their XNOR.

    Left to itself, synthesis maps XNORs and sums to nearly twice as many LUT6, because it weighs small LUTs as cheaper than they are
    and restructures trees of additions; hence the small counters, each a module whose boundary it keeps (2.3 to 1.35 LUT per place).
    """
    column: dict[int, list[Value]] = {0: [], 1: []}
    for place in range(0, len(x) - 2, 3):
        m.submodules[f"match{place}"] = counter = MatchCounter()
        m.d.comb += [counter.x.eq(x[place : place + 3]), counter.w.eq(w[place : place + 3])]
        column[0].append(counter.o[0])
        column[1].append(counter.o[1])
    rest = len(x) % 3
    column[0] += list(~(x[len(x) - rest :] ^ w[len(x) - rest :])) if rest else []
    return compress(m, column)


def compress(m: Module, columns: dict[int, list[Value]]) -> Value:
    """Sum of bits, of which ``columns[n]`` are worth 2^n each.

    Counters reduce the columns, level by level, to at most two bits each, which one adder sums.
    """
    number = 0
    while max(map(len, columns.values())) > 2:
        reduced: dict[int, list[Value]] = {}
        for weight, bits in sorted(columns.items()):
            while len(bits) >= 3:
                counter = SixCounter() if len(bits) >= 6 else FullAdder()
                m.submodules[f"count{number}"] = counter
                number += 1
                taken, bits = bits[: len(counter.i)], bits[len(counter.i) :]
                m.d.comb += counter.i.eq(Cat(*taken))
                for place, bit in enumerate(counter.o):
                    reduced.setdefault(weight + place, []).append(bit)
            reduced.setdefault(weight, []).extend(bits)
        columns = reduced
    rows = [Cat(*(bits[row] if len(bits := columns.get(weight, [])) > row else Const(0, 1) for weight in range(max(columns) + 1)))
            for row in (0, 1)]
    return rows[0] + rows[1]
