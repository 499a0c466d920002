"""Products in LUTs: bits of inputs against bits of weights (:mod:`finnr_rtl.cores.bit_planes`), all summed in one heap
(:mod:`finnr_rtl.cores.bit_heap`).

Products are counted three at a time where LUTs begin: three bits of inputs and three of weights from a memory are the six inputs of two
LUTs. Where the memory would have few words, there is none: weights are functions of its address within the same LUTs, which are fewer then.
"""

from collections.abc import Callable

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.bit_heap import HeapSum, Sum
from finnr_rtl.cores.bit_planes import Bit, Front, Plane, front, lane_sum, sum_range, weight_codes
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.lane_products import LaneProducts
from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.shared import Shared
from finnr_rtl.cores.slices import Slices
from finnr_rtl.datatypes import DataType

__all__ = ["BitLane", "BitProducts"]


class BitProducts(LaneProducts):
    """:class:`LaneProducts` whose ``w`` holds the weights of all lanes, lane by lane; where the weights have few words and are in no
    memory, ``w`` is the word's number."""

    def __init__(self, config):
        self._front = front(config)
        weights = config.pe * config.simd * config.weight_type.bits
        super().__init__(config, address_bits(self._front.words) if config.fused else weights, holding(*sum_range(config)))

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
