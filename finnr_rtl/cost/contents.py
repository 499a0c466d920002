"""What a model must know of the data in memories, found once for each array and layout."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import NamedTuple
from weakref import finalize

import numpy as np

__all__ = ["FEW_WORDS", "Columns", "changing_columns", "columns", "columns_by_lane", "remember", "tree_luts"]

# Memories of more words than this have no two columns alike but by design.
FEW_WORDS = 16
# Words with an address of two bits.
TWO_BITS = 4
# Columns looked at in one go.
MANY_COLUMNS = 1 << 14


class Columns(NamedTuple):
    """Bit columns of a memory that are not constant, how many of them are not equal to another, and of memories of more than 64 words
    how many different tables of 64 words these consist of; of few words, how many of those that differ are ``wires``,
    registers for which no LUT computes anything.

    A column that is constant costs nothing. Of equal ones synthesis keeps one in LUTs, but all in block RAM.
    """

    changing: int
    distinct: int
    tables: int = 0
    wires: int = 0


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
    codes = _codes(words, bits)
    changing = changing_columns(codes)
    if len(words) > FEW_WORDS:
        return Columns(changing, *_different(_packed(codes, bits).reshape(-1, -(-len(words) // 8)), len(words)))
    found = _patterns(codes, bits)
    return Columns(changing, int(np.count_nonzero(found[1:-1])), wires=int(np.count_nonzero(found[_without_luts(len(words))])))


def _patterns(codes: np.ndarray, bits: int) -> np.ndarray:
    """Which columns there are in ``codes`` of few words, word n at bit n of the index."""
    found = np.zeros(1 << len(codes), dtype=bool)
    # There may be a hundred thousand columns, for hundreds of layouts: soon all that there can be are found.
    for bit in range(bits):
        for start in range(0, codes.shape[1], MANY_COLUMNS):
            patterns = np.zeros(min(MANY_COLUMNS, codes.shape[1] - start), dtype=np.uint16)
            for place, row in enumerate(codes[:, start : start + MANY_COLUMNS]):
                patterns |= (row >> codes.dtype.type(bit) & codes.dtype.type(1)).astype(np.uint16) << np.uint16(place)
            found[patterns] = True
            if found[1:-1].all():
                return found
    return found


def columns_by_lane(words: np.ndarray, bits: int) -> Counter[Columns]:
    """Columns of memories of ``words`` (words, lanes), one for each lane of ``bits`` bits: how many there are of each kind."""
    codes = _codes(words, bits)
    changing = np.bitwise_count(np.bitwise_or.reduce(codes, axis=0) & ~np.bitwise_and.reduce(codes, axis=0)).tolist()
    deep = len(words) > FEW_WORDS
    packed = _packed(codes, bits)
    different = (_different(lane, len(words)) for lane in packed)
    wires = [0] * len(packed) if deep else (len({*map(bytes, lane)} & _wires(len(words))) for lane in packed)
    return Counter(
        Columns(count, distinct, tables if deep else 0, wire)
        for count, (distinct, tables), wire in zip(changing, different, wires, strict=True)
    )


@cache
def _without_luts(words: int) -> list[int]:
    """Columns of so many words that take no LUT, word n at bit n: registers of a bit of the address, which where there are two the other
    one may set or reset, and of the opposites."""
    found = [sum((word >> bit & 1) << word for word in range(words)) for bit in range((words - 1).bit_length())]
    if words <= TWO_BITS:
        found += [1 << word for word in range(words)]
    return sorted({*found, *(column ^ ((1 << words) - 1) for column in found)})


@cache
def _wires(words: int) -> set[bytes]:
    """The same as :func:`_packed` has them."""
    return {np.packbits([bit >> word & 1 for word in range(words)]).tobytes() for bit in _without_luts(words)}


def _codes(words: np.ndarray, bits: int) -> np.ndarray:
    """``words`` as unsigned numbers of ``bits`` bits, in the least type that holds them."""
    kind = np.min_scalar_type((1 << bits) - 1)
    return words.astype(kind) & kind.type((1 << bits) - 1)


def _packed(codes: np.ndarray, bits: int) -> np.ndarray:
    """The bit columns of ``codes`` (words, values), eight words in a byte: (values, bits, bytes)."""
    planes = np.stack([codes >> codes.dtype.type(bit) & codes.dtype.type(1) for bit in range(bits)])
    return np.ascontiguousarray(np.packbits(planes.astype(np.uint8), axis=1).transpose(2, 0, 1))


def _different(packed: np.ndarray, words: int) -> tuple[int, int]:
    """Of ``packed`` columns (columns, bytes) that are not constant, how many differ, and of how many different tables of 64 words they
    consist."""
    ends = np.packbits([[0] * words, [1] * words], axis=1)
    data, size = packed.tobytes(), packed.shape[1]
    kept = {data[at : at + size] for at in range(0, len(data), size)} - {column.tobytes() for column in ends}
    if not kept:
        return 0, 0
    if size <= 8:
        return len(kept), len(kept)
    tables = np.frombuffer(b"".join(column.ljust(-(-size // 8) * 8, b"\0") for column in kept), dtype=np.uint64)
    return len(kept), len(set(np.unique(tables).tolist()) - {0, (1 << 64) - 1})


def tree_luts(words: list[int], bits: int, joined: int) -> int:
    """LUTs of four inputs for a table of ``words``, of ``bits`` bits each: a tree of multiplexers over parts of 16 words, where parts that
    are alike, or opposite, are one. Up to ``joined`` words are joined by multiplexers beside the LUTs, which then are one for each 16
    words, or those of a tree where these are fewer."""
    size = max(16, 1 << (len(words) - 1).bit_length())
    kept = [word >> bit & 1 for bit in range(bits) for word in words + words[-1:] * (size - len(words))]
    columns = [tuple(kept[start : start + size]) for start in range(0, len(kept), size)]
    joined = min(joined, size)
    above = {part for column in columns for part in _parts(column, 2 * joined, size)}
    below = {part for column in columns for part in _parts(column, joined, joined)}
    return len(above) + sum(min(joined // 16, len(_parts(part, 16, joined))) for part in below)


def _parts(table: tuple[int, ...], least: int, most: int) -> set[tuple[int, ...]]:
    """Parts of ``least`` to ``most`` words that halving a table of 2 ** n words gives, each for its opposite too, and none whose halves are
    the same."""
    found = set()
    for start in range(0, len(table) if least <= most else 0, most):
        part = table[start : start + most]
        if part[: most // 2] != part[most // 2 :] or (most == 16 and len(set(part)) > 1):
            found.add(part if part[0] else tuple(1 - bit for bit in part))
    return found | _parts(table, least, most // 2) if least < most else found


def changing_columns(codes: np.ndarray) -> int:
    """Bit columns that are not constant, of words of unsigned ``codes`` (words, values)."""
    return int(np.bitwise_count(np.bitwise_or.reduce(codes, axis=0) & ~np.bitwise_and.reduce(codes, axis=0)).sum())
