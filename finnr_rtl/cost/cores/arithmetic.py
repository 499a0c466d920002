"""Parameters and products, as several cores have them."""

from math import ceil, prod

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.carry_tree import digit_rows
from finnr_rtl.cores.operands import ends, holding
from finnr_rtl.cores.product import uses_dsp
from finnr_rtl.cores.ram import LEAST_BLOCK_WORDS, rom_in_block
from finnr_rtl.cores.signed_digits import digits
from finnr_rtl.cores.sums import MOST_TERMS, part_shapes
from finnr_rtl.cost.adders import Operand
from finnr_rtl.cost.contents import Columns, columns, remember
from finnr_rtl.cost.parts import Parts
from finnr_rtl.emit.images import keeps_to_itself
from finnr_rtl.families import SLICES

# Widest factors of a DSP block, and of those that make up a wider product.
_FACTORS = {"xc7": ((25, 18), 18), "xcu": ((27, 18), 18), "xcup": ((27, 18), 18), "ecp5": ((18, 18), 18), "ice40": ((16, 16), 16)}

# Bits of the narrowest product of a DSP block beside another.
LEAST_PRODUCT = {"ice40": 11}

# Bits by which a DSP slice moves what it gets from the one below.
CASCADED = 17

__all__ = [
    "beside_block", "dsp_blocks", "last_block_bits", "multiples", "multiply", "parameters", "part_bits", "reduced_bits",
    "reduced_in_slices", "registered", "taken_with_operand",
]


def parameters(values: np.ndarray, lanes: int, p: Parts, storage: str = "auto") -> tuple[Shape, Columns]:
    """cores/parameters.py; returns the shape of one value, and the columns of their memory, none where they are constant."""
    shape, kept = remember(values, ("parameters", lanes, p.trees), lambda: _columns(values, lanes, p.trees))
    words = len(values) // lanes
    if kept.changing:
        p.rom(words, lanes * shape.width, rom_in_block(storage, words, lanes * shape.width), kept)
    return shape, kept


def _columns(values: np.ndarray, lanes: int, trees: bool) -> tuple[Shape, Columns]:
    shape = holding(int(values.min()), int(values.max()))
    return shape, columns(values.reshape(-1, lanes), shape.width, trees)


def multiply(p: Parts, count: int, first: Shape, second: Shape, arithmetic: str) -> int:
    """``count`` products of cores/product.py. Returns in how many DSP blocks each is, 0 where in LUTs: registers around a single one may
    be its own."""
    if uses_dsp(arithmetic, first, second):
        cuts = _cuts(p.family, first, second)
        blocks = dsp_blocks(p.family, first, second)
        p.dsp += count * blocks
        if p.six:
            # Slices of 7-series add up the parts of one factor, LUTs those of both, and on UltraScale all.
            adders = min(cuts) - 1 if p.slices_add else blocks - 1
            p.lut("sum bit", count * adders * (first.width + second.width - CASCADED))
        else:
            _joined(p, count, first, second)
        return blocks
    wide = max(first, second, key=lambda shape: shape.width)
    parts, place = [], 0
    for shape in part_shapes(arithmetic, first, second):
        width = wide.width + shape.width
        p.product(count, wide, shape, width)
        parts.append(Operand(width, wide.signed or shape.signed, place))
        place += shape.width
    # Parts of a long product meet a cycle later.
    if len(parts) > 1:
        p.sum(tuple(parts), first.width + second.width, count)
    return 0


def last_block_bits(width: int, blocks: int) -> int:
    """Bits of a product of ``width`` that the last of several blocks has in its own register; those before it give the lowest ones."""
    return width - CASCADED * (blocks - 1)


def dsp_blocks(family: str, first: Shape, second: Shape) -> int:
    """DSP blocks of one product: where both factors are cut, what is left of both may be too narrow for one."""
    cuts, step = _cuts(family, first, second), _FACTORS[family][1]
    rests = sum((shape.width - 1) % step + 1 for shape in (first, second))
    return prod(cuts) - (min(cuts) > 1 and rests < LEAST_PRODUCT.get(family, 0))


def _cuts(family: str, first: Shape, second: Shape) -> list[int]:
    """Into how many parts Yosys' mul2dsp cuts each factor of a product, the wider one first."""
    most, partial = _FACTORS[family]
    signed = first.signed or second.signed or family in SLICES
    widths = sorted((shape.width + (signed and not shape.signed) for shape in (first, second)), reverse=True)
    # Where all blocks multiply signs, those that make up a wider product are left a bit less.
    step = partial - (family in SLICES)
    counts = [(width - whole + step - 1) // step if width > whole else 0 for width, whole in zip(widths, most, strict=True)]
    # A block multiplies no single bit, and no fewer than these in both factors together.
    least = LEAST_PRODUCT.get(family, 0)
    rests = [width - count * step for width, count in zip(widths, counts, strict=True)]
    return [
        count + (not count or rest > 1 and rest + min(other, whole) >= least)
        for count, rest, other, whole in zip(counts, rests, widths[::-1], most[::-1], strict=True)
    ]


def _joined(p: Parts, count: int, first: Shape, second: Shape) -> None:
    """Carry chains that add up the parts of ``count`` products outside slices: mul2dsp cuts the wider factor, and the other for each part
    of that. Bits too few for a block are multiplied in LUTs, each in a chain of its own."""
    step = _FACTORS[p.family][1]
    wide, narrow = sorted((first.width, second.width), reverse=True)
    blocks = _cuts(p.family, first, second)
    parts = [min(step, wide - place) for place in range(0, wide, step)]
    chains = [wide + narrow - step * number for number in range(1, len(parts))]
    few = [(parts.pop(), narrow)] if len(parts) > blocks[0] else []
    pieces = ceil(narrow / step)
    for part in parts:
        chains += [narrow + part - step * number for number in range(1, pieces)]
        few += [(narrow - step * (pieces - 1), part)] if pieces > blocks[1] else []
    for bits, other in few:
        p.known(0, count * bits * other)
        chains += [bits + other] * bits
    for places in chains:
        p.carry(count, 0, places)


def beside_block(family: str, wide: Shape, narrow: Shape) -> int:
    """Bits of the wider factor of a product that the one DSP block of it has no room for."""
    return max(0, wide.width - _FACTORS[family][0][0]) if dsp_blocks(family, wide, narrow) == 1 else 0


def registered(kept: Columns, words: int, width: int, block: bool) -> int:
    """Registers behind a memory, one for each bit that synthesis does not know to be constant or equal to another."""
    if block:
        return kept.changing
    return width if kept.changing and keeps_to_itself(words, width) else kept.distinct


def taken_with_operand(kept: Columns, words: int) -> int:
    """Registers of a memory in front of a DSP slice that the slice has itself: those of few words, which synthesis makes logic of."""
    return kept.distinct if words < LEAST_BLOCK_WORDS else 0


def multiples(scales: np.ndarray, x: Shape, p: Parts) -> int:
    """Products with constants, one a lane; returns the bits of their registers."""
    registers = 0
    for scale in scales.tolist():
        places = digits(scale)
        low, high = sorted(scale * value for value in ends(x))
        width = holding(low, high).width
        if p.six:
            # What is taken off is the operand's complement and 1.
            p.sum(tuple(Operand(x.width, x.signed, place) for place, _ in places), width, constant=any(digit < 0 for _, digit in places))
        else:
            p.chains(1, digit_rows(x, places))
        # The lowest bits are always 0.
        registers += width - (places[0][0] if places else 0)
    return registers


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


def reduced_in_slices(p: Parts, lanes: int, terms: list[Operand], cycles: int, held: bool = True) -> list[Operand]:
    """The same of products in DSP slices, which add up pairs, with the LUTs; returns what is left to be added up. ``held`` tells whether
    registers of pairs are those of slices."""
    for cycle in range(cycles):
        groups = -(-len(terms) // (MOST_TERMS if cycle else 2))
        parts, terms = [tuple(terms[group::groups]) for group in range(groups)], []
        for part in parts:
            width = max(operand.width for operand in part) + (len(part) - 1).bit_length()
            terms.append(Operand(width, any(operand.signed for operand in part)))
            p.ff += lanes * width
            if cycle == 0 and held and p.slices_hold:
                p.into_slices(lanes * width)
            elif len(added := tuple(operand for operand in part if operand.width)) > 1:
                p.sum(added, width, lanes, of_blocks=True)
    return terms
