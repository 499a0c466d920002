"""Tables: any function of one value."""

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.ram import check_storage, rom_in_block
from finnr_rtl.cores.register import fold_stage
from finnr_rtl.cores.rom import Rom
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import DataType

__all__ = ["Lookup", "LookupConfig"]

# Values of more bits have tables that no memory on the chip would hold.
MOST_BITS = 16
# Words of a table that a single LUT holds a bit of.
LUT_WORDS = 64


@dataclass(frozen=True, eq=False)
class LookupConfig(CoreConfig):
    """``y[.., c] = table[c, x[.., c] - low]``, or ``table[0, x - low]`` where ``table`` has one row.

    ``table`` is int64 (channels or 1, entries) of type ``output_type``; inputs are ``low`` to ``low + entries - 1``, others get the entry
    next to them. ``shape`` is a frame's, channels last. ``pe`` channels a cycle, one beat in and one beat out. ``storage`` of the table is
    "auto", "lut" or "block". ``slots`` beats may be in flight or wait; 0 takes as many as keep the pipeline
    busy.

    Raises ``ValueError`` for pe that does not divide the channels, an input type of more than 16 bits, inputs outside the type, or
    a table of another shape or type.
    """

    input_type: DataType
    shape: tuple[int, ...]
    table: np.ndarray
    low: int
    output_type: DataType
    pe: int
    storage: str = "auto"
    slots: int = 0

    def __post_init__(self):
        require_divisor("pe", self.pe, "channels", self.shape[-1])
        if self.input_type.bits > MOST_BITS:
            raise ValueError(f"input_type={self.input_type} must have no more than {MOST_BITS} bits")
        if self.table.ndim != 2 or self.table.shape[0] not in (1, self.shape[-1]) or not self.table.shape[1]:
            raise ValueError(f"table of shape {self.table.shape}: (1 or {self.shape[-1]} channels, entries) expected")
        if self.low < self.input_type.min or self.low + self.table.shape[1] - 1 > self.input_type.max:
            raise ValueError(f"low={self.low} and {self.table.shape[1]} entries must lie within {self.input_type}")
        if not self.output_type.allows(self.table):
            raise ValueError(f"table holds values that are not {self.output_type}")
        check_storage("storage", self.storage)
        if self.slots < 0:
            raise ValueError(f"slots={self.slots} must not be negative")

    @property
    def input(self):
        return StreamSpec(self.input_type, self.shape, self.pe)

    @property
    def output(self):
        return StreamSpec(self.output_type, self.shape, self.pe)

    def reference(self, x):
        place = np.clip(np.asarray(x, dtype=np.int64) - self.low, 0, self.table.shape[1] - 1)
        return self.table[np.arange(len(self.table)) if len(self.table) > 1 else 0, place]

    @property
    def folds(self) -> int:
        """Words of each memory per code: folds of the channels, or 1 where all share a table."""
        return self.shape[-1] // self.pe if len(self.table) > 1 else 1

    @property
    def deep(self) -> bool:
        """Whether tables are of several LUTs a bit, one behind the other, so that operands go through registers first."""
        words = self.folds << self.input_type.bits
        return words > LUT_WORDS and not rom_in_block(self.storage, words, self.output_type.bits)

    @property
    def delay(self) -> int:
        """Cycles from a beat taken to its result offered: operands of deep tables, memory, FIFO."""
        return self.deep + 1 + CreditFifo.LATENCY

    @property
    def places(self) -> int:
        """Output beats in flight or waiting."""
        return self.slots or self.delay + 1

    def schedule(self):
        beats = np.arange(prod(self.shape) // self.pe)
        return StepSchedule(steps=len(beats), consume=beats, produce=beats, delay=self.delay, slots=self.places, release=1)

    @cached_property
    def rows(self) -> list[list[int]]:
        """Memory of each lane: word ``fold * 2 ** bits + code`` is the output's code."""
        values = self.input_type.decode(np.arange(1 << self.input_type.bits))
        place = np.clip(values - self.low, 0, self.table.shape[1] - 1)
        words = self.output_type.encode(self.table[:, place])
        if len(self.table) == 1:
            return [words[0].tolist()] * self.pe
        return [words[lane :: self.pe].reshape(-1).tolist() for lane in range(self.pe)]

    def create(self):
        return Lookup(self)


class Lookup(Core):
    """Hardware of :class:`LookupConfig`: a memory for each lane.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        take = Signal()
        m.d.comb += [take.eq(self.i.valid & out.credit), self.i.ready.eq(out.credit), out.launch.eq(take)]
        fold, _ = counter(m, "fold", c.folds, take)
        stage, payload = (take, fold), self.i.payload
        if c.deep:
            stage, operand = fold_stage(m, "operand", take, fold), Signal.like(payload, name="operand", reset_less=True)
            m.d.sync += operand.eq(payload)
            payload = operand
        taken, fold = stage
        found = []
        for lane in range(c.pe):
            rom = Rom(c.rows[lane], c.output_type.bits, c.storage)
            m.submodules[f"table{lane}"] = rom
            code = payload.word_select(lane, c.input_type.bits)
            m.d.comb += [rom.enable.eq(1), rom.address.eq(Cat(code, fold) if c.folds > 1 else code)]
            found.append(rom.data)
        read = Signal()
        m.d.sync += read.eq(taken)
        m.d.comb += [out.push.eq(read), out.payload.eq(Cat(*found))]
        return m
