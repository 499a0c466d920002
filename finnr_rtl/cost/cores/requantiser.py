"""Requantisers: multiply, add, shift, clip, and correct the exceptions."""

from math import ceil

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cores.operands import ends, holding
from finnr_rtl.cores.ram import rom_in_block
from finnr_rtl.cost.adders import Operand
from finnr_rtl.cost.contents import remember
from finnr_rtl.cost.cores.arithmetic import (
    last_block_bits,
    multiples,
    multiply,
    parameters,
    part_bits,
    registered,
    taken_with_operand,
)
from finnr_rtl.cost.parts import Parts
from finnr_rtl.requantiser import Requantiser

__all__ = ["requantiser"]


def requantiser(table: Requantiser, lanes: int, x: Shape, p: Parts, c: CoreConfig, register: int, shared: Parts) -> None:
    """cores/requantiser_unit.py, for operands of shape ``x``."""
    storage, words = c.threshold_storage, table.channels // lanes
    scale, scales = parameters(table.scale, lanes, shared, storage)
    offset, offsets = parameters(table.offset, lanes, shared, storage)
    products, sums = remember(table.scale, ("ranges", x), lambda: _ranges(table, x))
    product, total = holding(*products), holding(*sums)
    shared.ff += 3
    p.ff += lanes * table.output.bits
    # What is shifted out is not kept, unless to see ties.
    kept = total.width - (0 if table.half_even else min(table.shift, total.width))
    width = lanes * offset.width
    addends = registered(offsets, words, width, rom_in_block(storage, words, width)) or int(table.offset.any())
    if scales.changing:
        registers = lanes * (part_bits(x, scale, c.arithmetic) or product.width)
        blocks = multiply(p, lanes, x, scale, c.arithmetic)
    else:
        registers = multiples(table.scale[:lanes], x, p)
        blocks = 0
    registers += lanes * kept
    operand = 0 if table.exceptions.size else register
    adds = blocks == 1 and p.slice_adds(x, scale, product, [Operand(offset.width, offset.signed)], total)
    if adds:
        # The slice's own registers take the addend, on iCE40 if there is one for each of its bits, and the sum.
        p.into_slices(lanes * kept)
        shared.into_slices(addends if p.slices_add or max(addends, offsets.changing) == width else 0)
    if blocks == 1:
        # And the product, and the operand if nothing else reads it.
        p.into_slices(registers - lanes * kept + operand)
        shared.into_slices(taken_with_operand(scales, words))
    elif blocks:
        p.into_slices(lanes * last_block_bits(product.width, blocks) + operand)
    if not adds:
        added = remember(table.offset, ("added", lanes, total.width), lambda: _added_bits(table.offset, lanes, total.width))
        p.carry(1, added, 0)
        p.carry(lanes, 0, kept if p.bare_carries else total.width)
    p.ff += registers
    shared.ff += addends
    _clip(table, lanes, sums, p)
    if table.half_even:
        p.known(lanes * (1 + (ceil(table.shift / 6) if table.shift > 5 else 0)), lanes * ceil(table.shift / 2))
    if table.exceptions.size:
        _exceptions(table, lanes, x, p, shared, storage)


def _added_bits(offsets: np.ndarray, lanes: int, width: int) -> int:
    """Bits of all lanes' sums of ``width`` bits to which something is added that may be 1."""
    codes = np.bitwise_or.reduce(offsets.reshape(-1, lanes) & ((1 << width) - 1), axis=0)
    return int(np.bitwise_count(codes).sum())


def _clip(table: Requantiser, lanes: int, sums: tuple[int, int], p: Parts) -> None:
    """One bound alone is the set or the reset of the output's registers."""
    bounds = (sums[0] >> table.shift < table.low) + (sums[1] >> table.shift > table.high)
    if bounds:
        shifted = holding(sums[0] >> table.shift, sums[1] >> table.shift).width
        p.known(lanes * (table.output.bits if bounds == 2 else 1), 0)
        if not p.six:
            p.lut("clipped bit", lanes * table.output.bits)
            p.lut("bound bit", lanes * (shifted - table.output.bits))


def _exceptions(table: Requantiser, lanes: int, x: Shape, p: Parts, shared: Parts, storage: str) -> None:
    """Corrections of operands that are listed, one cycle after the result."""
    entries, bits = table.exceptions.shape[1], table.output.bits
    shared.ff += 1
    p.ff += lanes * bits
    p.carry(lanes, bits, bits)
    amount = min(bits, holding(int(table.corrections.min()), int(table.corrections.max())).width)
    p.chain(lanes * amount, 3)
    p.lut("correction", lanes * amount * entries)
    for entry in range(entries):
        _, values = parameters(table.exceptions[:, entry], lanes, shared, storage)
        parameters(table.corrections[:, entry], lanes, shared, storage)
        # A LUT compares six bits with a constant, or three with a parameter.
        p.lut("exception", lanes * -(-x.width // (3 if values.changing else 6)))


def _ranges(table: Requantiser, x: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
    """(least, greatest) product, and sum, of any operand of shape ``x`` and any channel."""
    products = np.stack([table.scale * value for value in ends(x)])
    sums = products + table.offset
    return (int(products.min()), int(products.max())), (int(sums.min()), int(sums.max()))
