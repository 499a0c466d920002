"""Read-only memories in LUTs, as synthesis makes them of what they hold."""

from math import ceil

from finnr_rtl.cost.contents import Columns
from finnr_rtl.emit.images import keeps_to_itself

__all__ = ["tables"]

# LUTs that Yosys makes, for each bit, of 64 words of a read-only memory of more than 256.
DEEP_BANK = 1.4

# Tables of 8 words that there can be.
TABLES_OF_8 = 256


def tables(p, words: int, width: int, contents: Columns, kind: str, tree: int) -> None:
    """LUTs of a memory of more than two ``words`` of ``width`` bits, counted by the parts ``p`` (cost/parts.py) of a core; see
    :meth:`Parts.rom` for the rest."""
    if tree:
        p.lut(kind, tree)
    elif p.six:
        _of_six_inputs(p, words, width, contents, kind)
    else:
        _of_four_inputs(p, words, width, contents, kind)


def _of_six_inputs(p, words: int, width: int, contents: Columns, kind: str) -> None:
    if keeps_to_itself(words, width):
        # A module that keeps to itself: LUTs of 64 words and the multiplexers beside them for up to 256, where three tables take four
        # LUTs; and LUTs between those of more words.
        banks = ceil(words / 64)
        luts = contents.tables or contents.distinct * banks
        p.fixed += round(luts * (DEEP_BANK if banks > 4 else 4 / 3 if banks == 3 else 1))
    else:
        # Synthesis makes one thing of it and what reads it, and where a LUT is hardly large enough for a column, a poor one.
        p.lut(kind if words <= 32 else f"deep {kind}", (contents.distinct - contents.wires) * max(1, words / 32))


def _of_four_inputs(p, words: int, width: int, contents: Columns, kind: str) -> None:
    columns, full = contents.distinct, 1 << (words - 1).bit_length()
    if words <= p.joined and keeps_to_itself(words, width):
        # As many LUTs of 16 words as there can be, joined by multiplexers beside them.
        p.fixed += columns * ceil(full / 16)
    elif words <= 16:
        p.lut(kind, columns - contents.wires)
    elif words <= p.joined:
        p.lut(f"deep {kind}", columns * full / 16)
    elif p.joined > 16:
        # Multiplexers between what is joined are LUTs too, several each, and columns share what the address selects.
        p.lut(f"deep {kind}", columns * words / 16)
        p.lut(f"{kind} part", columns * (words / p.joined - 1))
        p.lut("selected part", words / 16)
    else:
        luts = contents.tree or columns * (words / 8 - 1)
        # Two LUTs choose one of four bits: where columns are many, each of 32 words from tables of 8, of which all have the same.
        luts = min(luts, columns * (words / 16 + words / 32 - 1) + TABLES_OF_8)
        # The rarer a bit, the less synthesis makes of a tree.
        p.lut(f"even {kind}", luts * (contents.entropy if contents.tree else 1))
        p.lut(f"deep {kind}", luts)
        p.lut("selected part", words / 16)
