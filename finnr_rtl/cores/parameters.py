"""Parameters per channel, kept in a memory with a word for each fold."""

import numpy as np
from amaranth.hdl import Const, Module, Signal, Value

from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.rom import Rom

__all__ = ["parameters"]


def parameters(m: Module, name: str, values: np.ndarray, lanes: int, fetch, fold, storage: str = "auto") -> list[Value]:
    """``values[fold * lanes + lane]`` for each lane, one cycle after a cycle with ``fetch`` high, until the next such cycle.

    ``values`` is an integer array of one dimension, whose length ``lanes`` divides; ``storage`` is that of the memory. Where all folds have
    the same values, they are constants.
    """
    shape = holding(int(values.min()), int(values.max()))
    mask = (1 << shape.width) - 1
    words = [
        sum((int(value) & mask) << (shape.width * lane) for lane, value in enumerate(row)) for row in values.reshape(-1, lanes)
    ]
    if len(set(words)) == 1:
        return [Const(int(value), shape) for value in values[:lanes]]
    rom = Rom(words, lanes * shape.width, storage)
    m.submodules[f"{name}s"] = rom
    m.d.comb += [rom.enable.eq(fetch), rom.address.eq(fold)]
    chosen = []
    for lane in range(lanes):
        value = Signal(shape, name=f"{name}{lane}")
        m.d.comb += value.eq(rom.data.word_select(lane, shape.width))
        chosen.append(value)
    return chosen
