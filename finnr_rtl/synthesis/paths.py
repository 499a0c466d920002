"""Paths of a synthesised 7-series netlist within a cycle: how many LUTs, carry chains and DSP slices lie one behind the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from typing import NamedTuple

__all__ = ["KINDS", "LUTS", "Path", "worst_paths"]

# Where a path begins and where it ends.
KINDS = ("register to register", "port to register", "register to port", "port to port")
# Most LUTs that a path may have besides one carry chain, and how many a DSP slice is worth.
LUTS = 6
SLICE_LUTS = 3

# Pins of clocks, at which no path of data ends.
_CLOCKS = ("C", "CLK", "WCLK", "CLKARDCLK", "CLKBWRCLK")
# Which inputs of a LUT memory or shift register lead to which output in the cycle of use; its other inputs are written from.
_READS = {
    **{kind: {f"DO{port}": (f"ADDR{port}",) for port in "ABCDEFGH"} for kind in ("RAM32M", "RAM64M", "RAM32M16", "RAM64M8")},
    **{f"RAM{words}X1D": {"SPO": tuple(f"A{bit}" for bit in range(8)) + ("A",), "DPO": tuple(f"DPRA{bit}" for bit in range(8)) + ("DPRA",)}
       for words in (32, 64, 128, 256)},
    **{f"RAM{words}X1S": {"O": tuple(f"A{bit}" for bit in range(9)) + ("A",)} for words in (32, 64, 128, 256, 512)},
    "SRL16E": {"Q": ("A0", "A1", "A2", "A3")},
    "SRLC16E": {"Q": ("A0", "A1", "A2", "A3")},
    "SRLC32E": {"Q": ("A",)},
}
# The registers of a DSP slice between an input and the product, the sum or the output.
_DSP_INPUTS = {"A": ("AREG", "MREG", "PREG"), "B": ("BREG", "MREG", "PREG"), "D": ("DREG", "ADREG", "MREG", "PREG"),
               "C": ("CREG", "PREG"), "PCIN": ("PREG",), "ACIN": ("AREG", "MREG", "PREG"), "BCIN": ("BREG", "MREG", "PREG")}


@dataclass(frozen=True)
class Path:
    """``luts`` LUTs, ``chains`` carry chains, however long, and ``slices`` DSP slices without a register in front or behind, all one behind
    the other. ``through`` are the cells, from register or port ``start`` to pin ``end``."""

    luts: int
    chains: int
    slices: int
    start: str
    end: str
    through: tuple[str, ...] = ()

    @property
    def within(self) -> bool:
        """Whether it has no more than 6 LUTs and one carry chain; a DSP slice takes as long as three LUTs."""
        return self.luts + SLICE_LUTS * self.slices <= LUTS and self.chains <= 1

    def __str__(self):
        parts = (self.luts, "LUTs"), (self.chains, "carry chains"), (self.slices, "DSP slices")
        return ", ".join(f"{number} {what[:-1] if number == 1 else what}" for number, what in parts if number) or "a wire"


class _Arc(NamedTuple):
    """From bit ``origin`` through ``cell``."""

    origin: object
    cell: str
    luts: int = 0
    chains: int = 0
    slices: int = 0


class _End(NamedTuple):
    """A register's or, with ``port``, a port's own: ``slices`` of DSP lie between it and the bit."""

    port: bool
    name: str
    slices: int = 0


@dataclass
class _Graph:
    """Arcs to each bit, where paths start, by bit, and where they end."""

    arcs: dict = field(default_factory=dict)
    starts: dict = field(default_factory=dict)
    ends: list = field(default_factory=list)

    def arc(self, origin, to, *cell, **counts) -> None:
        if not isinstance(origin, str):  # a constant
            self.arcs.setdefault(to, []).append(_Arc(origin, *cell, **counts))

    def start(self, bit, name: str, port: bool = False, slices: int = 0) -> None:
        self.starts[bit] = _End(port, name, slices)

    def end(self, bit, name: str, port: bool = False, slices: int = 0) -> None:
        if not isinstance(bit, str):
            self.ends.append((bit, _End(port, name, slices)))


def worst_paths(module: dict) -> dict[str, list[Path]]:
    """The longest paths of a module of ``write_json``, made by ``synth_xilinx`` and flattened: of each of ``KINDS`` those that no other
    one exceeds or equals in LUTs, carry chains and DSP slices, most LUTs first.

    Raises ``ValueError`` for a cell that is not known, or logic that goes round in a circle.
    """
    graph = _graph(module)
    # reached[bit][(from a port, chains, slices)]: most LUTs, and the arc, with the key before it, that brings them.
    reached: dict = {bit: {(start.port, 0, start.slices): (0, None, None)} for bit, start in graph.starts.items()}
    sorter = TopologicalSorter({to: {arc.origin for arc in arcs} for to, arcs in graph.arcs.items()})
    for bit in sorter.static_order():
        states = reached.setdefault(bit, {})
        for arc in graph.arcs.get(bit, ()):
            for before, (luts, *_) in reached[arc.origin].items():
                key = before[0], before[1] + arc.chains, before[2] + arc.slices
                if key not in states or states[key][0] < luts + arc.luts:
                    states[key] = luts + arc.luts, arc, before
    longest: dict = {kind: {} for kind in KINDS}
    for bit, end in graph.ends:
        for before, (luts, *_) in reached.get(bit, {}).items():
            best = longest[KINDS[before[0] + 2 * end.port]]
            key = before[1], before[2] + end.slices
            if key not in best or best[key][0] < luts:
                best[key] = luts, bit, before, end.name
    return {kind: _front(best, reached, graph) for kind, best in longest.items()}


def _front(best: dict, reached: dict, graph: _Graph) -> list[Path]:
    """Those of the paths that none with as many chains and slices or more equals in LUTs."""
    front: list[Path] = []
    for (chains, slices), (luts, bit, key, end) in sorted(best.items(), key=lambda item: (-item[1][0], -sum(item[0]))):
        if any(path.luts >= luts and path.chains >= chains and path.slices >= slices for path in front):
            continue
        through = []
        while (arc := reached[bit][key][1]) is not None:
            if not through or through[-1] != arc.cell:
                through.append(arc.cell)
            bit, key = arc.origin, reached[bit][key][2]
        front.append(Path(luts, chains, slices, graph.starts[bit].name, end, tuple(reversed(through))))
    return front


def _graph(module: dict) -> _Graph:
    graph = _Graph()
    names = _bit_names(module)
    for name, port in module["ports"].items():
        for index, bit in enumerate(port["bits"]):
            pin = f"{name}[{index}]" if len(port["bits"]) > 1 else name
            if port["direction"] == "input":
                graph.start(bit, pin, port=True)
            else:
                graph.end(bit, pin, port=True)
    chained = [cell["connections"] for cell in module["cells"].values() if cell["type"] == "CARRY4"]
    # Carries from one cell of a chain to the next.
    carried = {bit for pins in chained for bit in pins["CO"]} & {pins["CI"][0] for pins in chained}
    for name, cell in module["cells"].items():
        _add_cell(graph, name, cell, names, carried)
    return graph


def _bit_names(module: dict) -> dict:
    """The name of each bit that has one in the design, outermost names first."""
    names: dict = {}
    for net, entry in sorted(module["netnames"].items(), key=lambda item: (item[1]["hide_name"], item[0].count("."), item[0])):
        for index, bit in enumerate(entry["bits"]):
            names.setdefault(bit, f"{net}[{index}]" if len(entry["bits"]) > 1 else net)
    return names


def _bits(cell: dict, direction: str, skip=()) -> Iterator[tuple[str, object]]:
    for pin, bits in cell["connections"].items():
        if cell["port_directions"][pin] == direction and pin not in skip:
            yield from ((pin, bit) for bit in bits)


def _add_cell(graph: _Graph, name: str, cell: dict, names: dict, carried: set) -> None:
    kind = cell["type"]
    outputs = list(_bits(cell, "output"))
    known = next((names[bit] for _, bit in outputs if bit in names), name)
    label = f"{kind} {known}"
    if kind.startswith("LUT"):
        table, inputs = int(cell["parameters"]["INIT"], 2), [bit for _, bit in sorted(_bits(cell, "input"))]
        constants = tuple(int(bit) if bit in ("0", "1") else None for bit in inputs)
        for pin, output in outputs:
            # O5 of a LUT of two outputs is the lower half of its table.
            read = _read(table & 0xFFFFFFFF, constants[:5]) if pin == "O5" else _read(table, constants)
            for number in read:
                graph.arc(inputs[number], output, label, luts=1)
    elif kind in ("INV", "MUXF7", "MUXF8", "MUXF9", "IBUF", "OBUF", "BUFG"):
        for _, output in outputs:
            for _, bit in _bits(cell, "input"):
                graph.arc(bit, output, label, luts=int(kind == "INV"))
    elif kind == "CARRY4":
        _add_carry(graph, name, cell, carried)
    elif kind.startswith("DSP48"):
        _add_dsp(graph, label, cell)
    elif kind in _READS or kind.startswith(("FD", "RAMB")):
        shown = known if kind.startswith("FD") else label
        for pin, output in outputs:
            graph.start(output, shown)
            for port in _READS.get(kind, {}).get(pin, ()):
                for bit in cell["connections"].get(port, ()):
                    graph.arc(bit, output, label, luts=1)
        for pin, bit in _bits(cell, "input", _CLOCKS):
            graph.end(bit, f"{shown}.{pin}")
    elif kind not in ("GND", "VCC", "$scopeinfo"):
        raise ValueError(f"cell {kind} is not known")


@cache
def _read(table: int, constants: tuple[int | None, ...]) -> tuple[int, ...]:
    """Which inputs of a LUT make a difference; ``constants`` are those that are 0 or 1, and None for others."""
    legal = [row for row in range(1 << len(constants)) if all(bit in (None, row >> n & 1) for n, bit in enumerate(constants))]
    return tuple(
        n for n, bit in enumerate(constants)
        if bit is None and any((table >> row ^ table >> (row ^ 1 << n)) & 1 for row in legal)
    )


def _add_carry(graph: _Graph, name: str, cell: dict, carried: set) -> None:
    """A carry chain counts where it is entered; on from one CARRY4 to the next it is the same. A carry that goes from its own place to LUTs
    and no further is one multiplexer behind a LUT, and counts as one."""
    pins = cell["connections"]
    label = f"CARRY4 {name}"
    graph.arc(pins["CI"][0], (name, 0), label, chains=int(pins["CI"][0] not in carried))
    graph.arc(pins["CYINIT"][0], (name, 0), label, chains=1)
    for place, (select, data, result, carry) in enumerate(zip(pins["S"], pins["DI"], pins["O"], pins["CO"], strict=True)):
        graph.arc((name, place), (name, place + 1), label)
        for bit in (select, data):
            graph.arc(bit, (name, place + 1), label, chains=1)
            graph.arc(bit, carry, label, **({"chains": 1} if carry in carried else {"luts": 1}))
        graph.arc((name, place), carry, label)
        graph.arc((name, place), result, label)
        graph.arc(select, result, label, chains=1)


def _add_dsp(graph: _Graph, label: str, cell: dict) -> None:
    registers = {name: int(value, 2) for name, value in cell["parameters"].items() if name.endswith("REG")}
    outputs = [bit for pin, bit in _bits(cell, "output") if pin in ("P", "PCOUT", "CARRYOUT", "PATTERNDETECT", "OVERFLOW", "UNDERFLOW")]
    for bit in outputs:
        graph.start(bit, label, slices=int(not registers.get("PREG")))
    for pin, bit in _bits(cell, "input", ("CLK",)):
        on_the_way = [register for register in _DSP_INPUTS.get(pin, ("?",)) if registers.get(register)]
        if pin not in _DSP_INPUTS or on_the_way:
            first = on_the_way and on_the_way[0]
            graph.end(bit, f"{label}.{pin}", slices=int(bool(first) and first != _DSP_INPUTS[pin][0] or first == "PREG"))
        else:
            for output in outputs:
                graph.arc(bit, output, label, slices=1)
