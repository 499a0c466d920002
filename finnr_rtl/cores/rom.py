"""Read-only memories."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.contract import address_bits

__all__ = ["Rom"]


class Rom(wiring.Component):
    """``len(rows)`` words of ``width`` bits; ``data`` shows word ``address`` one cycle after a cycle with ``enable`` high.

    ``style`` "block" asks for block RAM; "lut" leaves the choice to synthesis, which takes LUTs for small ones.

    Where the platform has a method ``get_rom``, that gives the hardware of more words than one, from ``rows``, ``width`` and ``style``.

    Members: ``enable`` In(1), ``address`` In(bits of the last address), ``data`` Out(width).
    """

    def __init__(self, rows: list[int], width: int, style: str = "lut"):
        self.rows = rows
        self.width = width
        self.style = style
        super().__init__({
            "enable": In(1),
            "address": In(address_bits(len(rows))),
            "data": Out(width),
        })

    def elaborate(self, platform):
        if len(self.rows) > 1 and hasattr(platform, "get_rom"):
            return platform.get_rom(self)
        m = Module()
        if len(self.rows) == 1:
            # One word is a constant; synthesis folds it into the logic behind.
            m.d.comb += self.data.eq(self.rows[0])
            return m
        attrs = {"rom_style": "block", "ram_style": "block"} if self.style == "block" else {}
        m.submodules.words = memory = Memory(shape=unsigned(self.width), depth=len(self.rows), init=self.rows, attrs=attrs)
        read = memory.read_port()
        m.d.comb += read.en.eq(self.enable)
        m.d.comb += read.addr.eq(self.address)
        m.d.comb += self.data.eq(read.data)
        return m
