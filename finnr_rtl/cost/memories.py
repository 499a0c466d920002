"""How Yosys maps memories: its pass memory_libmap takes the cheapest of the shapes a family offers, and so does this.

Costs, shapes and the weights of multiplexers are those of ``passes/memory/memory_libmap.cc`` and of each family's ``brams*.txt`` and
``lutrams*.txt``.
"""

from functools import cache
from math import ceil
from typing import NamedTuple

__all__ = ["Mapped", "block_ram", "lut_ram"]

# What Yosys counts for each input, less one, of a multiplexer behind a memory, and for each bank that is written.
BANK_COST = 0.5


class Mapped(NamedTuple):
    """``cells`` as :class:`finnr_rtl.cost.resources.Resources` counts them, in ``banks`` one behind the other."""

    cells: int
    banks: int


class _Shape(NamedTuple):
    """A kind of memory: 2 ** ``address`` words of the narrowest of ``widths``, half as many of the next. ``byte`` bits are written at
    a time, all of a word if 0. ``scaled`` of the ``cost`` is in proportion to the width that is used."""

    cells: int
    address: int
    widths: tuple[int, ...]
    cost: float
    byte: int = 0
    scaled: float = 0


_XILINX = (_Shape(1, 14, (1, 2, 4, 9, 18, 36), 129, 9), _Shape(2, 15, (1, 2, 4, 9, 18, 36, 72), 257, 9))
_BLOCK = {
    "xc7": _XILINX, "xcu": _XILINX, "xcup": _XILINX,
    "ecp5": (_Shape(1, 14, (1, 2, 4, 9, 18, 36), 128, 9),),
    "ice40": (_Shape(1, 11, (2, 4, 8, 16), 64, 1),),
}
_ULTRASCALE = (_Shape(8, 5, (14,), 16, scaled=16), _Shape(8, 6, (7,), 16, scaled=16))
_LUT = {
    # RAM32M and RAM64M; RAM32X1D, RAM64X1D and RAM128X1D, a pair of LUTs (or two pairs) for each bit.
    "xc7": (_Shape(4, 5, (6,), 8, scaled=7), _Shape(4, 6, (3,), 8, scaled=7),
            _Shape(2, 5, (1,), 2, scaled=2), _Shape(2, 6, (1,), 4, scaled=4), _Shape(4, 7, (1,), 8, scaled=8)),
    "xcu": _ULTRASCALE, "xcup": _ULTRASCALE,
    "ecp5": (_Shape(6, 4, (4,), 4, scaled=0),),
}
# What there is beside for memories with one address: RAM32M, RAM64X1S, RAM128X1S and RAM256X1S; on UltraScale, RAM32M16 and the same.
_ONE_ADDRESS = {
    family: (wide, _Shape(1, 6, (1,), 2, scaled=2), _Shape(2, 7, (1,), 4, scaled=4), _Shape(4, 8, (1,), 8, scaled=8))
    for family, wide in (("xc7", _Shape(4, 5, (8,), 8, scaled=8)), ("xcu", _Shape(8, 5, (16,), 16, scaled=16)),
                         ("xcup", _Shape(8, 5, (16,), 16, scaled=16)))
}


@cache
def block_ram(family: str, words: int, width: int, written: bool = True) -> Mapped:
    """Block RAMs of a memory with one read port and, if ``written``, one write port.

    A memory that is only read stands in the Verilog as a ``case``, of which Yosys makes one of 2 ** n words.
    """
    if not written:
        words = 1 << (words - 1).bit_length()
    return _cheapest(_BLOCK[family], words, width, written)


@cache
def lut_ram(family: str, words: int, width: int, addresses: int = 2) -> Mapped:
    """LUTs used as a memory with one write port and one read port, at one address or at two; on iCE40, which has none, a block RAM's shape
    would be no answer."""
    return _cheapest((_ONE_ADDRESS.get(family, ()) if addresses == 1 else ()) + _LUT[family], words, width, True)


def _cheapest(shapes: tuple[_Shape, ...], words: int, width: int, written: bool) -> Mapped:
    best = None
    for shape in shapes:
        for place, unit in enumerate(shape.widths):
            banks = ceil(words / (1 << (shape.address - place)))
            # What is only read may be cut anywhere; otherwise each bank begins with a whole byte.
            byte = min(shape.byte or unit, unit) if written else 1
            number = ceil(banks * ceil(width / byte) * byte / unit)
            cost = (shape.cost - shape.scaled) * number + shape.scaled * banks * width / unit
            cost += BANK_COST * ((banks - 1) * width + (banks if written and banks > 1 else 0))
            if best is None or cost < best[0]:
                best = cost, Mapped(number * shape.cells, banks)
    return best[1]
