"""What a model must know of the data in memories, found once for each array and layout."""

from collections.abc import Callable
from typing import NamedTuple
from weakref import finalize

import numpy as np

__all__ = ["FEW_WORDS", "Columns", "changing_columns", "columns", "remember"]

# Memories of more words than this have no two columns alike but by design.
FEW_WORDS = 16


class Columns(NamedTuple):
    """Bit columns of a memory that are not constant, how many of them are not equal to another, and of memories of more than 64 words
    how many different tables of 64 words these consist of.

    A column that is constant costs nothing. Of equal ones synthesis keeps one in LUTs, but all in block RAM.
    """

    changing: int
    distinct: int
    tables: int = 0


_known: dict[int, dict] = {}


def remember(array: np.ndarray, key: tuple, find: Callable):
    """``find()``, called once for ``key`` and the numbers of ``array``, which nobody changes; forgotten with the array."""
    owner = array if array.base is None else array.base
    if id(owner) not in _known:
        _known[id(owner)] = {}
        finalize(owner, _known.pop, id(owner), None)
    facts = _known[id(owner)]
    key = (array.__array_interface__["data"][0], array.shape, array.strides, *key)
    if key not in facts:
        facts[key] = find()
    return facts[key]


def columns(words: np.ndarray, bits: int) -> Columns:
    """Columns of a memory of ``words`` (words, values) of ``bits`` bits each."""
    kind = np.min_scalar_type((1 << bits) - 1)
    codes = words.astype(kind) & kind.type((1 << bits) - 1)
    changing = changing_columns(codes)
    planes = [(codes >> kind.type(bit)) & kind.type(1) for bit in range(bits)] if bits > 1 else [codes]
    if len(words) > FEW_WORDS:
        packed = np.packbits(np.ascontiguousarray(np.concatenate(planes, axis=1).T), axis=1)
        ends = np.packbits([[0] * len(words), [1] * len(words)], axis=1)
        kept = {column.tobytes() for column in packed} - {column.tobytes() for column in ends}
        pieces = {column[at : at + 8] for column in kept for at in range(0, len(column), 8)}
        return Columns(changing, len(kept), sum(set(piece) not in ({0}, {255}) for piece in pieces))
    # There may be a hundred thousand columns, for hundreds of layouts.
    found = np.zeros(1 << len(words), dtype=bool)
    for plane in planes:
        patterns = np.zeros(plane.shape[1], dtype=np.uint16)
        for place, row in enumerate(plane):
            patterns |= row.astype(np.uint16) << np.uint16(place)
        found[patterns] = True
    return Columns(changing, int(np.count_nonzero(found[1:-1])))


def changing_columns(codes: np.ndarray) -> int:
    """Bit columns that are not constant, of words of unsigned ``codes`` (words, values)."""
    return int(np.bitwise_count(np.bitwise_or.reduce(codes, axis=0) & ~np.bitwise_and.reduce(codes, axis=0)).sum())
