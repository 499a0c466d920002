"""Read-only memories."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.ram import rom_first, rom_in_block

__all__ = ["Rom"]


class Rom(wiring.Component):
    """``len(rows)`` words of ``width`` bits; ``data`` shows word ``address`` one cycle after a cycle with ``enable`` high.

    ``storage`` is "lut", "block" (RAM), or "auto" for the cheaper one; ``block`` is what comes of it. Several memories, one behind the
    other, may be cheaper or faster than one.

    Where the platform has a method ``get_rom``, that gives the hardware of more words than one, from ``rows``, ``width`` and ``block``.

    Members: ``enable`` In(1), ``address`` In(bits of the last address), ``data`` Out(width).
    """

    def __init__(self, rows: list[int], width: int, storage: str = "auto"):
        self.rows = rows
        self.width = width
        self.block = rom_in_block(storage, len(rows), width)
        super().__init__({
            "enable": In(1),
            "address": In(address_bits(len(rows))),
            "data": Out(width),
        })

    def elaborate(self, platform):
        first = rom_first(len(self.rows), self.width, self.block)
        if first < len(self.rows):
            return self._in_parts(first)
        if len(self.rows) > 1 and hasattr(platform, "get_rom"):
            return platform.get_rom(self)
        m = Module()
        if len(self.rows) == 1:
            # One word is a constant; synthesis folds it into the logic behind.
            m.d.comb += self.data.eq(self.rows[0])
            return m
        # Yosys' word for LUTs; "distributed" is that of LUT memory, which it refuses for memories that nobody writes.
        attrs = {"rom_style": "block" if self.block else "logic"}
        m.submodules.words = memory = Memory(shape=unsigned(self.width), depth=len(self.rows), init=self.rows, attrs=attrs)
        read = memory.read_port()
        m.d.comb += read.en.eq(self.enable)
        m.d.comb += read.addr.eq(self.address)
        m.d.comb += self.data.eq(read.data)
        return m

    def _in_parts(self, first: int) -> Module:
        """The first words, a power of two, in one memory, and the rest in another."""
        m = Module()
        storage = "block" if self.block else "lut"
        m.submodules.first = low = Rom(self.rows[:first], self.width, storage)
        m.submodules.rest = high = Rom(self.rows[first:], self.width, storage)
        for part in (low, high):
            m.d.comb += [part.enable.eq(self.enable), part.address.eq(self.address)]
        # The address beyond the first memory; it is the one bit that tells, as the rest is no larger.
        beyond = Signal(reset_less=True)
        with m.If(self.enable):
            m.d.sync += beyond.eq(self.address[-1])
        m.d.comb += self.data.eq(Mux(beyond, high.data, low.data))
        return m
