"""Parameters and products, as several cores have them."""

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.product import uses_dsp
from finnr_rtl.cores.ram import rom_in_block
from finnr_rtl.cores.sums import MOST_TERMS, part_shapes
from finnr_rtl.cost.contents import distinct_columns, remember
from finnr_rtl.cost.parts import Parts

__all__ = ["additions", "multiply", "parameters", "part_bits", "reduced_bits"]


def parameters(values: np.ndarray, lanes: int, p: Parts, storage: str = "auto") -> tuple[Shape, bool]:
    """cores/parameters.py; returns the shape of one value, and whether it is constant."""
    shape, columns = remember(values, ("parameters", lanes), lambda: _columns(values, lanes))
    words = len(values) // lanes
    if columns:
        p.rom(words, lanes * shape.width, rom_in_block(storage, words, lanes * shape.width), columns)
    return shape, columns == 0


def _columns(values: np.ndarray, lanes: int) -> tuple[Shape, int]:
    shape = holding(int(values.min()), int(values.max()))
    return shape, distinct_columns(values.reshape(-1, lanes), shape.width)


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


def part_bits(first: Shape, second: Shape, arithmetic: str) -> int:
    """Bits of the registers of a product that is computed in parts (cores/sums.py); 0 where it is not."""
    shapes = part_shapes(arithmetic, first, second)
    wide = max(first.width, second.width)
    return sum(wide + shape.width for shape in shapes) if len(shapes) > 1 else 0


def reduced_bits(terms: int, width: int, cycles: int) -> int:
    """Bits of the registers in which so many terms of a sum meet (cores/sums.py), some bits wider each time."""
    bits = 0
    for _ in range(cycles):
        groups = -(-terms // MOST_TERMS)
        sizes = [len(range(group, terms, groups)) for group in range(groups)]
        bits += sum(width + (size - 1).bit_length() for size in sizes)
        terms, width = groups, width + (max(sizes) - 1).bit_length()
    return bits


def additions(values: np.ndarray) -> int:
    """Additions in products with ``values``, which are written with as few digits other than 0 as possible, of -1 and 1."""
    return sum(max(0, (3 * abs(value) ^ abs(value)).bit_count() - 1) for value in values.tolist())
