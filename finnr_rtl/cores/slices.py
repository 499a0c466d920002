"""LUTs with two outputs and carry chains: the cells of Xilinx slices, for what synthesis does not make as small as it can be.

Where the platform has an attribute ``slices`` that is true, cells are placed: LUT6, LUT6_2 and CARRY4, which 7-series has and newer
families take as their own. Elsewhere LUTs are written as tables, which synthesis maps, and who uses carry chains has a form without them.
"""

from collections.abc import Callable
from itertools import product

from amaranth.hdl import Cat, Const, Instance, Module, Signal, Value

__all__ = ["Slices"]


def _table(function: Callable[..., int], inputs: int) -> int:
    """Truth table of a function of so many bits, its value for inputs n at bit n."""
    bits = (function(*reversed(values)) for values in product((0, 1), repeat=inputs))
    return sum((int(bit) & 1) << number for number, bit in enumerate(bits))


class Slices:
    """Makes cells in module ``m``. ``placed`` tells whether they are those of the device."""

    def __init__(self, m: Module, platform):
        self._m = m
        self.placed = getattr(platform, "slices", False)

    def lut(self, name: str, inputs: list[Value], *functions: Callable[..., int] | int) -> list[Signal]:
        """One LUT: a function of up to 6 ``inputs``, or two of the same up to 5, each of them called with a 0 or 1 for each input or
        given as its truth table."""
        if len(inputs) > 7 - len(functions):
            raise ValueError(f"{name}: a LUT has no {len(functions)} functions of {len(inputs)} inputs")
        tables = [entry if isinstance(entry, int) else _table(entry, len(inputs)) for entry in functions]
        outputs = [Signal(name=name if len(tables) == 1 else f"{name}_{n}") for n in range(len(tables))]
        if not self.placed:
            size = 1 << len(inputs)
            self._m.d.comb += [out.eq(Const(table, size).bit_select(Cat(*inputs), 1)) for out, table in zip(outputs, tables, strict=True)]
            return outputs
        if len(tables) == 1:
            # A table of fewer inputs stands there as often as it fits: what the others are does not matter.
            ports = {f"i_I{n}": bit for n, bit in enumerate([*inputs, *[Const(0)] * (6 - len(inputs))])}
            init = Const(_repeated(tables[0], len(inputs), 6), 64)
            self._m.submodules[f"{name}_lut"] = Instance("LUT6", p_INIT=init, o_O=outputs[0], **ports)
            return outputs
        # The sixth input tells the halves apart that the two outputs are read from.
        low, high = (_repeated(table, len(inputs), 5) for table in tables)
        ports = {f"i_I{n}": bit for n, bit in enumerate([*inputs, *[Const(0)] * (5 - len(inputs)), Const(1)])}
        init = Const(high << 32 | low, 64)
        self._m.submodules[f"{name}_lut"] = Instance("LUT6_2", p_INIT=init, o_O5=outputs[0], o_O6=outputs[1], **ports)
        return outputs

    def carry(self, name: str, select: list[Value], data: list[Value], first: int = 0) -> tuple[list[Value], list[Value]]:
        """A carry chain from ``first``, 0 or 1: sums ``select[n] ^ carry[n]``, and the carries out, ``carry[n]`` where ``select[n]``, else
        ``data[n]``."""
        sums, carries = [], []
        for place in range(0, len(select), 4):
            chosen, given = (Cat(*bits[place : place + 4], Const(0, max(0, place + 4 - len(bits)))) for bits in (select, data))
            total, out = Signal(4, name=f"{name}_sum{place}"), Signal(4, name=f"{name}_carry{place}")
            before = carries[-1] if carries else Const(0)
            self._m.submodules[f"{name}_chain{place}"] = Instance(
                "CARRY4", i_CI=before, i_CYINIT=Const(0 if carries else first, 1), i_S=chosen, i_DI=given, o_O=total, o_CO=out)
            sums += list(total)
            carries += list(out)
        return sums[: len(select)], carries[: len(select)]


def _repeated(table: int, inputs: int, wanted: int) -> int:
    """The table of a function of ``inputs`` bits as one of ``wanted``, of which the further ones make no difference."""
    for width in range(inputs, wanted):
        table |= table << (1 << width)
    return table
