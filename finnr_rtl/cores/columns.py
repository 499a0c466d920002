"""Sums of many small numbers, bit by bit: what synthesis makes of a tree of additions takes twice as many LUTs."""

from collections import defaultdict

from amaranth.hdl import Cat, Const, Module, Value
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.popcount import SixCounter
from finnr_rtl.cores.shared import Shared

__all__ = ["Columns", "ProductCounter", "RowAdder"]


class ProductCounter(Shared):
    """``o`` is the number of places in which the three bits of ``x`` and ``w`` are both 1, or if ``inverted``, are not: two LUT6.

    Members: ``x`` In(3), ``w`` In(3), ``o`` Out(2).
    """

    keep_hierarchy = True

    def __init__(self, inverted: bool):
        self.parameters = (inverted,)
        self.variant = "_inverted" if inverted else ""
        super().__init__({"x": In(3), "w": In(3), "o": Out(2)})

    def build(self):
        m = Module()
        a, b, c = ~(self.x & self.w) if self.parameters[0] else self.x & self.w
        m.d.comb += [self.o[0].eq(a ^ b ^ c), self.o[1].eq(a & b | c & (a | b))]
        return m


class RowAdder(Shared):
    """``o`` of ``wide`` bits is the sum of ``a`` and ``b`` of ``bits``: one LUT a bit.

    Members: ``a`` In(bits), ``b`` In(bits), ``o`` Out(wide).
    """

    keep_hierarchy = True

    def __init__(self, bits: int, wide: int):
        self.parameters = (bits, wide)
        self.variant = f"_{bits}_{wide}"
        super().__init__({"a": In(bits), "b": In(bits), "o": Out(wide)})

    def build(self):
        m = Module()
        m.d.comb += self.o.eq(self.a + self.b)
        return m


class Columns:
    """A sum of bits, each worth a power of two.

    Bits that count negative are inverted, as -b is (1 - b) - 1, and the ones so owed are a constant.
    """

    def __init__(self):
        self._bits: dict[int, list[Value]] = defaultdict(list)
        self._products: dict[tuple[int, bool], list[tuple[Value, Value]]] = defaultdict(list)
        self._constant = 0

    def add(self, value: Value) -> None:
        """One more number."""
        for place, bit in enumerate(value):
            negative = value.shape().signed and place == len(value) - 1
            self._bits[place].append(~bit if negative else bit)
            self._constant -= negative << place

    def add_product(self, first: Value, second: Value) -> None:
        """One more product of two numbers."""
        for i, a in enumerate(first):
            for j, b in enumerate(second):
                negative = (first.shape().signed and i == len(first) - 1) != (second.shape().signed and j == len(second) - 1)
                self._products[i + j, negative].append((a, b))
                self._constant -= negative << (i + j)

    def sum(self, m: Module, width: int) -> Value:
        """The sum's ``width`` lowest bits."""
        columns: dict[int, list[Value]] = defaultdict(list)
        for (place, inverted), pairs in self._products.items():
            while len(pairs) >= 3:
                m.submodules[f"products{place}_{inverted:d}_{len(pairs)}"] = counter = ProductCounter(inverted)
                for index, (a, b) in enumerate(pairs[:3]):
                    m.d.comb += [counter.x[index].eq(a), counter.w[index].eq(b)]
                pairs = pairs[3:]
                columns[place].append(counter.o[0])
                columns[place + 1].append(counter.o[1])
            columns[place] += [~(a & b) if inverted else a & b for a, b in pairs]
        for place, bits in self._bits.items():
            columns[place] += bits
        for place in range(width):
            if self._constant >> place & 1:
                columns[place].append(Const(1, 1))
        return _added(m, _rows(_counted(m, columns, width), width), width)


def _counted(m: Module, columns: dict[int, list[Value]], width: int) -> dict[int, list[Value]]:
    """Columns of the same sum with fewer than six bits each: a counter makes three of six, for a LUT each."""
    number = 0
    while max(map(len, columns.values())) >= 6:
        reduced: dict[int, list[Value]] = defaultdict(list)
        for place, bits in sorted(columns.items()):
            while len(bits) >= 6:
                m.submodules[f"count{number}"] = counter = SixCounter()
                m.d.comb += counter.i.eq(Cat(*bits[:6]))
                bits = bits[6:]
                number += 1
                for more, bit in enumerate(counter.o):
                    reduced[place + more].append(bit)
            reduced[place] += bits
        columns = {place: bits for place, bits in reduced.items() if place < width}
    return columns


def _rows(columns: dict[int, list[Value]], width: int) -> list[list[Value | None]]:
    """Numbers of the same sum, bit by bit."""
    rows = [[bits[row] if len(bits := columns.get(place, [])) > row else None for place in range(width)] for row in range(5)]
    return [row for row in rows if any(bit is not None for bit in row)]


def _added(m: Module, rows: list[list[Value | None]], width: int) -> Value:
    """The sum of ``rows``: an adder for two, where both have bits, in a module whose boundary is kept, as a carry chain takes a LUT for a
    bit and what synthesis makes of more than two numbers takes more."""
    number = 0
    while len(rows) > 1:
        a, b, *rows = sorted(rows, key=lambda row: sum(bit is not None for bit in row))
        low = max(next(place for place, bit in enumerate(row) if bit is not None) for row in (a, b))
        high = max(place for row in (a, b) for place, bit in enumerate(row) if bit is not None)
        adder = RowAdder(high + 1 - low, min(high + 2, width) - low)
        m.submodules[f"add{number}"] = adder
        number += 1
        for port, row in ((adder.a, a), (adder.b, b)):
            m.d.comb += port.eq(Cat(*(Const(0, 1) if bit is None else bit for bit in row[low : high + 1])))
        merged = [first if second is None else second for first, second in zip(a[:low], b[:low], strict=True)] + list(adder.o)
        rows.append(merged + [None] * (width - len(merged)))
    return Cat(*(Const(0, 1) if bit is None else bit for bit in rows[0]))
