"""Products with weights that never change, in LUTs: a graph of adders (:mod:`finnr_rtl.cores.adder_graph`), each with its register."""

from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value
from amaranth.lib.wiring import In, Out

from finnr_rtl.constant_arrays import once_per_array
from finnr_rtl.cores.adder import Adder
from finnr_rtl.cores.adder_graph import adder_graph
from finnr_rtl.cores.bit_planes import sum_range
from finnr_rtl.cores.lane_products import LaneProducts
from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.shared import Shared
from finnr_rtl.cores.slices import Slices
from finnr_rtl.datatypes import BIPOLAR, DataType

__all__ = ["ConstantProducts", "ShiftAdder", "constant_graph"]

_graph = once_per_array(adder_graph)


def constant_graph(weights, input_type: DataType):
    """The adder graph of ``weights`` (rows, columns) for inputs of a type; BIPOLAR ones are their codes."""
    return _graph(weights, *((0, 1) if input_type == BIPOLAR else (input_type.min, input_type.max)))


class ConstantProducts(LaneProducts):
    """:class:`LaneProducts` of an MVTU whose weights never change, so that nothing is to be known of them; of BIPOLAR inputs it sums the
    codes."""

    def __init__(self, config):
        super().__init__(config, 0, holding(*sum_range(config)))

    def elaborate(self, platform):
        c, graph = self._config, self._config.graph
        m = Module()
        signed, bits = c.input_type.signed and c.input_type != BIPOLAR, c.input_type.bits
        values = [self.x.word_select(place, bits) for place in range(graph.inputs)]
        # What each source is, from the level where it is there, as long as it is read.
        known: list[list[Value]] = [[value.as_signed() if signed else value] for value in values]

        def at(source: int, level: int) -> Value:
            return known[source][level - graph.level(source)]

        for source in range(graph.inputs + len(graph.nodes)):
            if source >= graph.inputs:
                number = source - graph.inputs
                node, adder = graph.nodes[number], ShiftAdder(graph.adders[number])
                m.submodules[f"add{number}"] = adder
                m.d.comb += [getattr(adder, f"x{place}").eq(at(term.source, node.level - 1)) for place, term in enumerate(node.terms)]
                known.append([adder.y.as_signed() if node.shape[1] else adder.y])
            for cycle in range(graph.waits.get(source, 0)):
                # Some are read on their way, and others would be a LUT each as shift registers.
                value = known[source][-1]
                register = Signal(value.shape(), name=f"wait{source}_{cycle}", reset_less=True, attrs={"keep": "true"})
                m.d.sync += register.eq(value)
                known[source].append(register)
        for y, term in zip(self.results, graph.outputs, strict=True):
            m.d.comb += y.eq(0 if term is None else at(term.source, graph.latency) << term.place)
        return m


class ShiftAdder(Shared):
    """``y`` is the sum that ``adder`` tells of, a cycle later.

    Members: ``x0`` .. ``x<operands-1>`` In(width), ``y`` Out(adder.width).
    """

    def __init__(self, adder: Adder):
        self.parameters = (adder,)
        kinds = (f"{operand.width}{'us'[operand.signed]}{operand.place}{'pn'[operand.negative]}" for operand in adder.operands)
        self.variant = "_".join(("", *kinds, str(adder.width)))
        super().__init__({
            **{f"x{number}": In(Shape(operand.width, operand.signed)) for number, operand in enumerate(adder.operands)},
            "y": Out(adder.width),
        })

    def build(self, platform):
        adder, = self.parameters
        m = Module()
        operands = [getattr(self, f"x{number}") for number in range(len(adder.operands))]
        cells = Slices(m, platform)
        # Bits below the chain that go on as the sign of a short operand are one register.
        kept = dict.fromkeys(bit for bit in adder.below if bit is not None)
        total = Signal(adder.registers, reset_less=True, attrs={"keep": "true"})
        chain = _chain(cells, adder, operands) if cells.placed else _sum(adder, operands)[adder.start : adder.width]
        m.d.sync += total.eq(Cat(*(operands[index][bit] for index, bit in kept), chain))
        place = {bit: total[number] for number, bit in enumerate(kept)}
        m.d.comb += self.y.eq(Cat(*(Const(0, 1) if bit is None else place[bit] for bit in adder.below), total[len(kept) :]))
        return m


def _sum(adder: Adder, operands: list[Value]) -> Value:
    """The sum as synthesis makes it."""
    shifted = [(value << operand.place, operand.negative) for value, operand in zip(operands, adder.operands, strict=True)]
    total = sum((value for value, negative in shifted if not negative), Const(0, adder.width))
    for value, negative in shifted:
        if negative:
            total = total - value
    return total


def _chain(cells: Slices, adder: Adder, operands: list[Value]) -> Value:
    """The places of the sum from where its chain begins, in cells."""
    carry, below = adder.first
    select, data, below = [], [], Const(below)
    for number, place in enumerate(adder.places):
        known = isinstance(below, Const)
        ones = below.value if known else 0
        bits = [operands[index][bit] for index, bit in place.bits]
        inputs = bits if known else [*bits, below]

        def parity(*values, place=place, ones=ones):
            here = len(place.bits)
            return place.ones_of(values[:here]) + sum(values[here:]) + ones

        def more(*values, place=place):
            return place.ones_of(values[: len(place.bits)]) > 1

        data.append(below)
        if place.carry is None:
            below, chosen = cells.lut(f"place{number}", inputs, more, parity)
        elif len(inputs) > 1 or inputs and parity(0) & 1:
            chosen, = cells.lut(f"place{number}", inputs, parity)
        else:
            chosen = inputs[0] if inputs else Const(parity() & 1)
        if place.carry is not None:
            below = Const(place.carry)
        select.append(chosen)
    sums, _ = cells.carry("sum", select, data, carry)
    return Cat(*sums)
