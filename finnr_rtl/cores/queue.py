"""Storage of a FIFO, without flow control on its input side."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.ram import free_words, ram_style

__all__ = ["Queue"]


class Queue(wiring.Component):
    """A queue of up to ``depth`` payloads of ``width`` bits; whoever pushes knows that there is room.

    A payload pushed is offered one cycle later, or one cycle after the one before it is given. Up to two payloads are held in
    registers, more in LUT memory read in the cycle of use (or registers, where the platform has none), and many in block RAM behind an
    output register.

    Members: ``push`` In(1), ``payload`` In(width), ``o`` Out(stream).
    """

    def __init__(self, width: int, depth: int):
        if depth < 1:
            raise ValueError(f"depth={depth} must be at least 1")
        self._width = width
        self._depth = depth
        super().__init__({"push": In(1), "payload": In(width), "o": Out(stream.Signature(unsigned(width)))})

    def elaborate(self, platform):
        m = Module()
        pop = Signal()
        m.d.comb += pop.eq(self.o.valid & self.o.ready)
        if self._depth <= 2:
            self._registers(m, pop)
        elif (style := ram_style(self._depth, self._width, platform)) == "block":
            self._block(m, pop)
        else:
            self._shallow(m, pop, style)
        return m

    def _registers(self, m, pop):
        head = Signal(self._width, reset_less=True)
        filled = Signal()
        m.d.comb += [self.o.valid.eq(filled), self.o.payload.eq(head)]
        if self._depth == 1:
            with m.If(self.push):
                m.d.sync += [head.eq(self.payload), filled.eq(1)]
            with m.Elif(pop):
                m.d.sync += filled.eq(0)
            return
        spare = Signal(self._width, reset_less=True)
        spare_filled = Signal()
        with m.If(~filled | pop):
            m.d.sync += head.eq(Mux(spare_filled, spare, self.payload))
            m.d.sync += filled.eq(spare_filled | self.push)
            m.d.sync += spare_filled.eq(spare_filled & self.push)
        with m.Elif(self.push):
            m.d.sync += spare_filled.eq(1)
        with m.If(self.push):
            m.d.sync += spare.eq(self.payload)

    def _memory(self, m, write, style):
        """The memory, its write side, and the number of payloads it needs to hold."""
        words = self._depth if style == "registers" else free_words(self._depth, self._width)
        memory = Memory(shape=unsigned(self._width), depth=words, init=[], attrs={"ram_style": style})
        m.submodules.memory = memory
        port = memory.write_port()
        write_address, _ = counter(m, "write_address", words, write)
        m.d.comb += [port.en.eq(write), port.addr.eq(write_address), port.data.eq(self.payload)]
        return memory, words

    def _level(self, m, push, pop):
        level = Signal(range(self._depth + 1))
        with m.If(push != pop):
            m.d.sync += level.eq(level + Mux(pop, -1, 1))
        return level

    def _shallow(self, m, pop, style):
        memory, words = self._memory(m, self.push, style)
        read_address, _ = counter(m, "read_address", words, pop)
        port = memory.read_port(domain="comb")
        level = self._level(m, self.push, pop)
        m.d.comb += [port.addr.eq(read_address), self.o.payload.eq(port.data), self.o.valid.eq(level != 0)]

    def _block(self, m, pop):
        # The output register is the memory's own, or, for a payload that finds everything empty, one beside it.
        write = Signal()
        read = Signal()
        free = Signal()
        stored = Signal()
        memory, words = self._memory(m, write, "block")
        read_address, _ = counter(m, "read_address", words, read)
        level = self._level(m, write, read)
        port = memory.read_port()
        m.d.comb += stored.eq(level != 0)
        m.d.comb += free.eq(~self.o.valid | pop)
        m.d.comb += write.eq(self.push & (stored | ~free))
        m.d.comb += read.eq(stored & free)
        m.d.comb += [port.en.eq(read), port.addr.eq(read_address)]
        filled = Signal()
        direct = Signal(reset_less=True)
        passed = Signal(self._width, reset_less=True)
        with m.If(free):
            m.d.sync += [filled.eq(stored | self.push), direct.eq(~stored), passed.eq(self.payload)]
        m.d.comb += [self.o.valid.eq(filled), self.o.payload.eq(Mux(direct, passed, port.data))]
