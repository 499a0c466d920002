"""Longest paths of netlists small enough to see them."""

import pytest

from finnr_rtl.synthesis.paths import KINDS, worst_paths

OUTPUTS = {"O", "O5", "O6", "Q", "CO", "P", "DOA"}


class Netlist:
    """Cells as ``write_json`` has them; bits are given by name."""

    def __init__(self):
        self.bits, self.cells, self.ports = {}, {}, {}

    def _numbers(self, names):
        return [name if name in ("0", "1") else self.bits.setdefault(name, len(self.bits) + 2) for name in names.split()]

    def cell(self, kind, parameters=None, **pins):
        """``pins`` are names of bits, lowest first."""
        if kind.startswith("LUT"):
            # The parity of all inputs, of which each makes a difference.
            parameters = {"INIT": "".join(str(row.bit_count() % 2) for row in reversed(range(1 << int(kind[3]))))} | (parameters or {})
        directions = {pin: "output" if pin in OUTPUTS else "input" for pin in pins}
        connections = {pin: self._numbers(names) for pin, names in pins.items()}
        self.cells[f"cell{len(self.cells)}"] = {
            "type": kind, "parameters": parameters or {}, "port_directions": directions, "connections": connections}

    def port(self, name, direction):
        self.ports[name] = {"direction": direction, "bits": self._numbers(name)}

    def worst(self):
        names = {name: {"hide_name": 0, "bits": [bit]} for name, bit in self.bits.items()}
        return {kind: [(path.luts, path.chains, path.slices, path.start, path.end) for path in front]
                for kind, front in worst_paths({"cells": self.cells, "ports": self.ports, "netnames": names}).items()}


def test_luts_between_registers_and_ports():
    netlist = Netlist()
    netlist.port("in", "input")
    netlist.port("out", "output")
    netlist.cell("FDRE", C="clk", D="b", CE="1", R="in", Q="state")
    netlist.cell("LUT2", I0="state", I1="in", O="a")
    netlist.cell("MUXF7", I0="a", I1="0", S="state", O="muxed")
    netlist.cell("LUT1", I0="muxed", O="b")
    netlist.cell("OBUF", I="a", O="out")
    assert netlist.worst() == {
        "register to register": [(2, 0, 0, "state", "state.D")],
        "port to register": [(2, 0, 0, "in", "state.D")],
        "register to port": [(1, 0, 0, "state", "out")],
        "port to port": [(1, 0, 0, "in", "out")],
    }


def test_inputs_that_make_no_difference_are_on_no_path():
    netlist = Netlist()
    netlist.cell("FDRE", D="d", Q="q")
    netlist.cell("FDRE", D="e", Q="r")
    # The second input counts where the third is 1, which it is not.
    netlist.cell("LUT1", I0="q", O="a")
    netlist.cell("LUT3", {"INIT": "01101010"}, I0="r", I1="a", I2="0", O="b")
    netlist.cell("LUT3", {"INIT": "01101010"}, I0="r", I1="a", I2="1", O="c")
    # O5 is the lower half of the table, and reads no more than its first input; O6 is the upper one where the last input is 1.
    halves = f"{0xFF00FF00:032b}{0xAAAAAAAA:032b}"
    netlist.cell("LUT6_2", {"INIT": halves}, I0="b", I1="0", I2="0", I3="c", I4="0", I5="1", O5="d", O6="e")
    assert netlist.worst()[KINDS[0]] == [(3, 0, 0, "q", "r.D")]
    assert [path[3:] for path in netlist.worst()[KINDS[0]]] == [("q", "r.D")]


def test_a_carry_chain_counts_once_however_long():
    netlist = Netlist()
    netlist.cell("FDRE", D="d", Q="q")
    netlist.cell("LUT1", I0="q", O="s")
    netlist.cell("CARRY4", CI="0", CYINIT="0", S="s 0 0 0", DI="q 0 0 0", O="o0 o1 o2 o3", CO="c0 c1 c2 c3")
    netlist.cell("CARRY4", CI="c3", CYINIT="0", S="0 0 0 0", DI="0 0 0 0", O="p0 p1 p2 p3", CO="e0 e1 e2 e3")
    netlist.cell("LUT1", I0="p3", O="d")
    assert netlist.worst()[KINDS[0]] == [(2, 1, 0, "q", "q.D")]


@pytest.mark.parametrize("carry, path", [("c0", (2, 1)), ("c1", (1, 2))])
def test_a_carry_that_leaves_where_it_was_made_is_a_lut(carry, path):
    # One place further on it has gone through a chain.
    netlist = Netlist()
    netlist.cell("FDRE", D="o1", Q="q")
    netlist.cell("CARRY4", CI="0", CYINIT="0", S="q 0 0 0", DI="0 0 0 0", O="n0 n1 n2 n3", CO="c0 c1 c2 c3")
    netlist.cell("LUT1", I0=carry, O="s")
    netlist.cell("CARRY4", CI="0", CYINIT="0", S="s 0 0 0", DI="0 0 0 0", O="o0 o1 o2 o3", CO="e0 e1 e2 e3")
    assert [found[:2] for found in netlist.worst()[KINDS[0]]] == [path]


def test_one_chain_behind_another_is_two():
    netlist = Netlist()
    netlist.cell("FDRE", D="p0", Q="q")
    netlist.cell("CARRY4", CI="0", CYINIT="0", S="q 0 0 0", DI="0 0 0 0", O="o0 o1 o2 o3", CO="c0 c1 c2 c3")
    netlist.cell("CARRY4", CI="0", CYINIT="c3", S="0 0 0 0", DI="0 0 0 0", O="p0 p1 p2 p3", CO="e0 e1 e2 e3")
    assert [path[:2] for path in netlist.worst()[KINDS[0]]] == [(0, 2)]


def test_reading_lut_memory_is_a_lut():
    netlist = Netlist()
    netlist.cell("FDRE", D="data", Q="address")
    netlist.cell("RAM32M", ADDRA="address", DIA="address", DOA="data")
    front = netlist.worst()[KINDS[0]]
    assert [path[:4] for path in front] == [(1, 0, 0, "address")]


@pytest.mark.parametrize(("registers", "slices"), [
    ({}, 1),  # right through
    ({"AREG": "1", "MREG": "1", "PREG": "1"}, 0),  # in and out
    ({"MREG": "1", "PREG": "1"}, 1),  # through the multiplier
    ({"AREG": "1"}, 1),  # out of it
])
def test_a_multiplier_without_registers_is_on_the_path(registers, slices):
    netlist = Netlist()
    netlist.cell("FDRE", D="p", Q="a")
    netlist.cell("DSP48E1", registers, A="a", P="p")
    assert [path[:3] for path in netlist.worst()[KINDS[0]]] == [(0, 0, slices)]


def test_slices_that_add_to_each_other_are_all_on_the_path():
    netlist = Netlist()
    netlist.cell("DSP48E1", {"AREG": "1"}, CLK="clk", A="a", P="p")
    netlist.cell("DSP48E1", {"AREG": "1"}, CLK="clk", A="b", C="p", P="q")
    netlist.cell("FDRE", D="q", Q="r")
    assert [path[:3] for path in netlist.worst()[KINDS[0]]] == [(0, 0, 2)]


def test_unknown_cells_are_refused():
    netlist = Netlist()
    netlist.cell("MYSTERY", I="a", O="b")
    with pytest.raises(ValueError, match="cell MYSTERY is not known"):
        netlist.worst()
