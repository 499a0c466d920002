"""Thresholds and requantisers at the end of a core."""

from collections import Counter

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.contract import CoreConfig, address_bits
from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.ram import rom_in_block
from finnr_rtl.cost.contents import Columns, columns, columns_by_lane, remember
from finnr_rtl.cost.cores.requantiser import requantiser
from finnr_rtl.cost.parts import Parts
from finnr_rtl.emit.images import keeps_to_itself
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["activation", "activation_by_shape", "fold_use"]


def activation(
    table: Thresholds | Requantiser | None, lanes: int, x: Shape, p: Parts, c: CoreConfig, register: int = 0, shared: Parts | None = None,
    operands: int | None = None,
) -> None:
    """cores/activation.py for a core ``c``; ``register`` bits of operands are in a register that a DSP block can take. What several
    vectors share goes to ``shared``. So many ``operands`` of the lanes are not the same, all if None."""
    if isinstance(table, Requantiser):
        requantiser(table, lanes, x, p, c, register, shared or p)
    elif table is not None:
        _thresholds(table, lanes, lanes if operands is None else operands, x, p, c.threshold_storage, shared or p)


def activation_by_shape(table: Thresholds | Requantiser, shapes: list[Shape], p: Parts, c: CoreConfig, shared: Parts) -> None:
    """:func:`activation` of as many lanes as channels, of whose operands synthesis knows that they are no wider than ``shapes``; a lane of
    0 bits is constant."""
    for shape in dict.fromkeys(shapes):
        lanes = [lane for lane, own in enumerate(shapes) if own == shape]
        if shape.width:
            activation(table.spread(np.array(lanes)), len(lanes), shape, p, c, shared=shared)
        # Control is counted once.
        shared = Parts(p.family)


def _thresholds(table: Thresholds, lanes: int, operands: int, x: Shape, p: Parts, storage: str, shared: Parts) -> None:
    """cores/threshold_unit.py, for operands of shape ``x``, of which so many differ."""
    folds = table.channels // lanes
    fold = address_bits(folds) if folds > 1 else 0
    bits = table.steps.bit_length()
    mixed = _both_slopes(table, lanes)
    width, levels, first = remember(table.values, ("search", lanes, x, p.trees), lambda: _search(table, lanes, x, p.trees))
    compared = max(width, x.width)
    for level, kept in enumerate(levels):
        words, last = folds << level, level == bits - 1
        # Later words depend on what a vector has met so far.
        owner = p if level else shared
        block = rom_in_block(storage, words, width)
        for own, count in kept.items() if level or block else [(Columns(0, first), 1)]:
            memory = Parts(p.family)
            memory.rom(words, width, block, own, "threshold")
            owner.add(memory, count)
        # Of words that keep to themselves synthesis knows no bit.
        hidden = not block and keeps_to_itself(words, width)
        for own, count in kept.items():
            changing = compared if hidden else own.changing
            if p.bare_carries:
                # Beside the carries, a LUT inverts each register of a threshold, and one more is what the last carry comes out of.
                inverted = count * (changing if hidden else own.distinct) if level else first * count / lanes
                p.known(0, round(inverted) + count)
            else:
                p.compare(count, changing, compared - changing)
        p.ff += lanes * (level + 1) + (0 if last else operands * x.width)
        if level:
            p.ff += lanes * level + operands * x.width
        shared.ff += 1 + (level > 0)
        # The fold is carried on as far as a memory, or the falling channels, need it.
        carried = mixed or not last
        shared.ff += fold * (carried + (carried and level > 0))
    p.lut("flip", lanes * table.output.bits * table.flip.any())


def _search(table: Thresholds, lanes: int, x: Shape, trees: bool) -> tuple[int, list[Counter[Columns]], int]:
    """Width of a threshold, the columns of each lane's memory at each level of the search, and those of all lanes together at the
    first level, which are distinct; at further ones the path is each lane's own."""
    bits, folds = table.steps.bit_length(), table.channels // lanes
    low, high = int(table.values.min()), int(table.values.max())
    never = 1 << (x.width - x.signed)
    if table.steps != (1 << bits) - 1:
        high = max(high, never)
    width = holding(low, high).width
    words = np.full((table.channels, (1 << bits) - 1), never, dtype=np.int64)
    words[:, : table.steps] = table.values
    levels = []
    for level in range(bits):
        index = np.arange(1 << level) * (1 << (bits - level)) + (1 << (bits - level - 1)) - 1
        rows = words[:, index].reshape(folds, lanes, 1 << level)
        levels.append(columns_by_lane(rows.transpose(0, 2, 1).reshape(-1, lanes), width, trees, 1 << level))
    first = columns(words[:, (1 << (bits - 1)) - 1].reshape(folds, lanes), width).distinct
    return width, levels, first


def fold_use(table: Thresholds | Requantiser | None, lanes: int) -> tuple[bool, bool]:
    """Whether an activation of so many lanes asks for the parameters of a fold, and whether the fold comes along with the operands."""
    if table is None or table.channels == lanes:
        return False, False
    if isinstance(table, Requantiser):
        rows = (table.scale, table.offset, *table.exceptions.T, *table.corrections.T)
        return any((row.reshape(-1, lanes) != row[:lanes]).any() for row in rows), False
    return True, table.steps > 1 or _both_slopes(table, lanes)


def _both_slopes(table: Thresholds, lanes: int) -> bool:
    """Whether a lane has rising channels and falling ones."""
    flips = table.flip.reshape(-1, lanes)
    return bool((flips.any(axis=0) & ~flips.all(axis=0)).any())
