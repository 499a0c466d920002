"""Parameters and products, as several cores have them."""

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.product import uses_dsp
from finnr_rtl.cores.ram import LEAST_BLOCK_WORDS, rom_in_block
from finnr_rtl.cost.contents import Columns, columns, remember
from finnr_rtl.cost.parts import Parts
from finnr_rtl.emit.images import keeps_to_itself

__all__ = ["additions", "multiply", "parameters", "registered", "taken_with_operand"]


def parameters(values: np.ndarray, lanes: int, p: Parts, storage: str = "auto") -> tuple[Shape, Columns]:
    """cores/parameters.py; returns the shape of one value, and the columns of their memory, none where they are constant."""
    shape, kept = remember(values, ("parameters", lanes), lambda: _columns(values, lanes))
    words = len(values) // lanes
    if kept.changing:
        p.rom(words, lanes * shape.width, rom_in_block(storage, words, lanes * shape.width), kept)
    return shape, kept


def _columns(values: np.ndarray, lanes: int) -> tuple[Shape, Columns]:
    shape = holding(int(values.min()), int(values.max()))
    return shape, columns(values.reshape(-1, lanes), shape.width)


def multiply(p: Parts, count: int, first: Shape, second: Shape, arithmetic: str, digits: int | None = None) -> bool:
    """``count`` products of cores/product.py, with ``digits`` those with constants that take so many additions. Returns whether they
    are in DSP blocks."""
    if digits is not None:
        p.lut("digit bit", digits * first.width)
        return False
    if uses_dsp(arithmetic, first, second):
        p.dsp += count
        return True
    p.product(count, first, second, first.width + second.width)
    return False


def registered(kept: Columns, words: int, width: int, block: bool) -> int:
    """Registers behind a memory, one for each bit that synthesis does not know to be constant or equal to another."""
    if block:
        return kept.changing
    return width if kept.changing and keeps_to_itself(words, width) else kept.distinct


def taken_with_operand(kept: Columns, words: int) -> int:
    """Registers of a memory in front of a DSP slice that the slice has itself: those of few words, which synthesis makes logic of."""
    return kept.distinct if words < LEAST_BLOCK_WORDS else 0


def additions(values: np.ndarray) -> int:
    """Additions in products with ``values``, which are written with as few digits other than 0 as possible, of -1 and 1."""
    return sum(max(0, (3 * abs(value) ^ abs(value)).bit_count() - 1) for value in values.tolist())
