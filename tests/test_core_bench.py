"""The core bench notices what it is there to notice."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from core_verilog import hold_to_contract
from runner import SimulationError

from finnr_rtl.cores.concat import ConcatConfig
from finnr_rtl.cores.contract import StreamSpec
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.fork import ForkConfig
from finnr_rtl.datatypes import uint

SPEC = StreamSpec(uint(8), (12,), 1)


class Late(FifoConfig):
    """Promises a beat one cycle later than it comes."""

    def schedule(self):
        return replace(super().schedule(), delay=2)


class Deeper(FifoConfig):
    """Promises more room than there is."""

    def schedule(self):
        return replace(super().schedule(), slots=self.depth + 1)


class Other(FifoConfig):
    """Promises other values."""

    def reference(self, x):
        return np.asarray(x) ^ 1


class Holding(ForkConfig):
    """Promises that an output holds two beats."""

    def schedule(self):
        return replace(super().schedule(), slots=2)


class Partial(ForkConfig):
    """Promises other values on its second output."""

    def reference(self, x):
        return x, np.asarray(x) ^ 1


class Reversed(ConcatConfig):
    """Promises the inputs in the other order."""

    def reference(self, *x):
        return super().reference(*reversed(x))


@dataclass(frozen=True)
class Faulty(FifoConfig):
    """One register, faulty in the way ``fault`` says."""

    fault: str = ""

    def create(self):
        return FaultyRegister(self)


class FaultyRegister(wiring.Component):
    def __init__(self, config):
        self._fault = config.fault
        super().__init__({"i": In(config.input.signature()), "o": Out(config.output.signature())})

    def elaborate(self, platform):
        m = Module()
        filled = Signal(reset_less=self._fault == "survives reset")
        beat = Signal(8)
        m.d.comb += [self.i.ready.eq(~filled), self.o.valid.eq(filled), self.o.payload.eq(beat)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [filled.eq(1), beat.eq(self.i.payload)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += filled.eq(0)
        impatient = Signal()
        m.d.sync += impatient.eq(filled & ~self.o.ready)
        if self._fault == "gives up":
            with m.If(impatient):
                m.d.comb += self.o.valid.eq(0)
        if self._fault == "changes":
            with m.If(impatient):
                m.d.comb += self.o.payload.eq(beat + 1)
        if self._fault == "repeats":
            with m.If(impatient):
                m.d.sync += filled.eq(1)
        if self._fault == "peeks":
            with m.If(filled & ~self.o.ready):
                m.d.sync += beat.eq(self.i.payload)
        return m


@pytest.mark.parametrize(("config", "message"), [
    (Late(SPEC, 4), "is transferred in cycle 1, due in cycle 2"),
    (Deeper(SPEC, 2), r"input beat \d+ is transferred in cycle"),
    (Other(SPEC, 4), "output beat 0 in cycle 1 is"),
    (Holding(SPEC, 2), r"i: input beat \d+ is transferred in cycle"),
    (Partial(SPEC, 2), "o1: output beat 0 in cycle 1 is"),
    (Reversed((uint(8), uint(8)), (12,), (1, 1), uint(8), 1), "o: output beat"),
    (Faulty(SPEC, 1, fault="gives up"), "valid falls"),
    (Faulty(SPEC, 1, fault="changes"), "payload changes"),
    (Faulty(SPEC, 1, fault="repeats"), "output beat"),
    (Faulty(SPEC, 1, fault="peeks"), "payload changes"),
    (Faulty(SPEC, 1, fault="survives reset"), "reset_in_mid_frame"),
])
def test_broken_promises(config, message, tmp_path, builds):
    with pytest.raises(SimulationError, match=message):
        hold_to_contract([config], 1, tmp_path, builds, simulator="icarus", frames=2)


def test_a_register_keeps_its_promises(tmp_path, builds):
    hold_to_contract([Faulty(SPEC, 1)], 1, tmp_path, builds, simulator="icarus", frames=2)
