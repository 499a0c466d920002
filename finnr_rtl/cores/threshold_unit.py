"""The pipelined binary search that turns accumulators into activations."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Shape, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.rom import Rom
from finnr_rtl.datatypes import BIPOLAR
from finnr_rtl.thresholds import Thresholds

__all__ = ["ThresholdUnit", "threshold_latency"]


def threshold_latency(steps: int) -> int:
    """Cycles from ``valid`` to ``done``: one for the first bit of the count, two (memory, comparator) for each further one."""
    return 2 * steps.bit_length() - 1


class ThresholdUnit(wiring.Component):
    """Thresholds of ``lanes`` channels a cycle, for ``mmv`` pixels at once; channel ``fold * lanes + lane`` of pixel n is on lane
    ``n * lanes + lane``.

    One comparator per lane and bit of the count, so a memory of 2^b - 1 words per channel is read one word per bit. The words of
    fold ``next_fold`` must be asked for (``fetch``) in the cycle before ``valid``, or earlier.

    ``x_shape`` is the shape of one operand; ``thresholds`` are in its terms. ``storage`` is that of each memory.

    Members: ``fetch`` In(1), ``next_fold`` In, ``valid`` In(1), ``fold`` In, ``x<lane>`` In(x_shape), ``done`` Out(1),
    ``y`` Out(mmv * lanes * bits of the output type).
    """

    def __init__(self, thresholds: Thresholds, lanes: int, x_shape: Shape, storage: str = "auto", mmv: int = 1):
        self._thresholds = thresholds
        self._lanes = lanes
        self._all_lanes = mmv * lanes
        self._x_shape = x_shape
        self._storage = storage
        self._folds = thresholds.channels // lanes
        self._bits = thresholds.steps.bit_length()
        fold = address_bits(self._folds)
        super().__init__({
            "fetch": In(1),
            "next_fold": In(fold),
            "valid": In(1),
            "fold": In(fold),
            **{f"x{lane}": In(x_shape) for lane in range(mmv * lanes)},
            "done": Out(1),
            "y": Out(mmv * lanes * thresholds.output.bits),
        })

    def _word_shape(self):
        values = self._thresholds.values
        low, high = int(values.min()), int(values.max())
        # A search over 2^b - 1 words needs words that no operand reaches where there are fewer thresholds.
        self._never = (1 << (self._x_shape.width - self._x_shape.signed))
        if self._thresholds.steps != (1 << self._bits) - 1:
            high = max(high, self._never)
        width = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0)
        return signed(width + 1) if low < 0 else unsigned(max(1, width))

    def elaborate(self, platform):
        m = Module()
        table = self._thresholds
        word = self._word_shape()
        words = np.full((table.channels, (1 << self._bits) - 1), self._never if word.width > 0 else 0, dtype=np.int64)
        words[:, : table.steps] = table.values
        mask = (1 << word.width) - 1

        valid = self.valid
        fold = self.fold
        x = [getattr(self, f"x{lane}") for lane in range(self._all_lanes)]
        path = [None] * self._all_lanes
        for level in range(self._bits):
            index = np.arange(1 << level) * (1 << (self._bits - level)) + (1 << (self._bits - level - 1)) - 1
            if level > 0:
                # The word depends on the bits found so far: read it, carrying the operands along.
                address_fold, address_path = fold, path
                valid, fold, x, path = self._stage(m, f"read{level}", valid, fold, x, path)
            found, roms = [], []
            for lane in range(self._all_lanes):
                if level > 0 or lane < self._lanes:
                    rows = words[lane % self._lanes :: self._lanes][:, index].reshape(-1)
                    roms.append(Rom([int(v) & mask for v in rows], word.width, self._storage))
                    m.submodules[f"words{level}_{lane}"] = roms[-1]
                # The first word depends on the channel alone: pixels share it.
                rom = roms[lane % len(roms)]
                if level == 0:
                    m.d.comb += [rom.enable.eq(self.fetch), rom.address.eq(self.next_fold)]
                else:
                    m.d.comb += rom.enable.eq(1)
                    parts = [address_path[lane]] + ([address_fold] if self._folds > 1 else [])
                    m.d.comb += rom.address.eq(Cat(*parts))
                threshold = Signal(word, name=f"threshold{level}_{lane}")
                m.d.comb += threshold.eq(rom.data)
                bit = Signal(name=f"reached{level}_{lane}", reset_less=True)
                m.d.sync += bit.eq(x[lane] >= threshold)
                found.append(bit)
            last = level == self._bits - 1
            valid, fold, x, path = self._stage(m, f"compare{level}", valid, fold, [] if last else x, path)
            path = [Cat(bit) if before is None else Cat(bit, before) for bit, before in zip(found, path, strict=True)]

        m.d.comb += self.done.eq(valid)
        lanes = [self._encode(m, lane, path[lane], fold) for lane in range(self._all_lanes)]
        m.d.comb += self.y.eq(Cat(*lanes))
        return m

    def _stage(self, m, name, valid, fold, x, path):
        """Registers that carry everything one cycle on."""
        next_valid = Signal(name=f"{name}_valid")
        m.d.sync += next_valid.eq(valid)
        next_fold = Signal(len(fold), name=f"{name}_fold", reset_less=True)
        m.d.sync += next_fold.eq(fold)
        next_x, next_path = [], []
        for lane, value in enumerate(x):
            register = Signal(self._x_shape, name=f"{name}_x{lane}", reset_less=True)
            m.d.sync += register.eq(value)
            next_x.append(register)
        for lane, value in enumerate(path):
            if value is None:
                next_path.append(None)
                continue
            register = Signal(len(value), name=f"{name}_count{lane}", reset_less=True)
            m.d.sync += register.eq(value)
            next_path.append(register)
        return next_valid, next_fold, next_x, next_path

    def _encode(self, m, lane, count, fold):
        """Count to the output type's code, falling channels turned round."""
        table = self._thresholds
        flips = table.flip[lane % self._lanes :: self._lanes]
        flip = Signal(name=f"flip{lane}")
        if flips.all() or not flips.any():
            m.d.comb += flip.eq(int(flips[0]))
        else:
            # A row of constants indexed by the fold: one LUT for up to 64 folds.
            m.d.comb += flip.eq(Const(sum(int(f) << i for i, f in enumerate(flips)), len(flips)).bit_select(fold, 1))
        y = Signal(table.output.bits, name=f"y{lane}")
        if table.output == BIPOLAR:
            m.d.comb += y.eq(count ^ flip)
        elif not flips.any():
            m.d.comb += y.eq(table.base + count)
        else:
            with m.If(flip):
                m.d.comb += y.eq(table.base + table.steps - count)
            with m.Else():
                m.d.comb += y.eq(table.base + count)
        return y
