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
# Bits of the largest table in LUTs whose parts are looked at: no device with trees of LUTs has room for more.
MOST_BITS = 1 << 16
# Columns looked at in one go.
MANY_COLUMNS = 1 << 14


class Columns(NamedTuple):
    """Bit columns of a memory that are not constant, how many of them are not equal to another, and of memories of more than 64 words
    how many different tables of 64 words these consist of; of few words, how many of those that differ are ``wires``,
    registers for which no LUT computes anything. Of memories of more than 16 words, if that was asked for, LUTs of four inputs that the
    distinct ones are a ``tree`` of, and their ``entropy``, the mean of that of a bit of each, 0 to 1.

    A column that is constant costs nothing. Of equal ones synthesis keeps one in LUTs, but all in block RAM.
    """

    changing: int
    distinct: int
    tables: int = 0
    wires: int = 0
    tree: int = 0
    entropy: float = 0.0


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


def columns(words: np.ndarray, bits: int, trees: bool = False) -> Columns:
    """Columns of a memory of ``words`` (words, values) of ``bits`` bits each, with the ``trees`` they are or without."""
    codes = _codes(words, bits)
    changing = changing_columns(codes)
    if len(words) > FEW_WORDS:
        packed = _packed(codes, bits).reshape(-1, -(-len(words) // 8))
        return Columns(changing, *_different(packed, len(words)), 0, *(_tree(packed, len(words)) if trees else ()))
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


def columns_by_lane(words: np.ndarray, bits: int, trees: bool = False, run: int = 1) -> Counter[Columns]:
    """Columns of memories of ``words`` (words, lanes), one for each lane of ``bits`` bits: how many there are of each kind. ``trees`` are
    looked for in runs of ``run`` words as well as across them."""
    codes = _codes(words, bits)
    changing = np.bitwise_count(np.bitwise_or.reduce(codes, axis=0) & ~np.bitwise_and.reduce(codes, axis=0)).tolist()
    deep = len(words) > FEW_WORDS
    packed = _packed(codes, bits)
    different = (_different(lane, len(words)) for lane in packed)
    wires = [0] * len(packed) if deep else (len({*map(bytes, lane)} & _wires(len(words))) for lane in packed)
    made = [_tree(lane, len(words), run) if deep and trees else () for lane in packed]
    return Counter(
        Columns(count, distinct, tables if deep else 0, wire, *tree)
        for count, (distinct, tables), wire, tree in zip(changing, different, wires, made, strict=True)
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


def _kept(packed: np.ndarray, words: int) -> list[bytes]:
    """Different ones of ``packed`` columns (columns, bytes) that are not constant."""
    ends = np.packbits([[0] * words, [1] * words], axis=1)
    data, size = packed.tobytes(), packed.shape[1]
    return sorted({data[at : at + size] for at in range(0, len(data), size)} - {column.tobytes() for column in ends})


def _different(packed: np.ndarray, words: int) -> tuple[int, int]:
    """Of ``packed`` columns (columns, bytes) that are not constant, how many differ, and of how many different tables of 64 words they
    consist."""
    kept, size = _kept(packed, words), packed.shape[1]
    if not kept:
        return 0, 0
    if size <= 8:
        return len(kept), len(kept)
    tables = np.frombuffer(b"".join(column.ljust(-(-size // 8) * 8, b"\0") for column in kept), dtype=np.uint64)
    return len(kept), len(set(np.unique(tables).tolist()) - {0, (1 << 64) - 1})


def _tree(packed: np.ndarray, words: int, run: int = 1) -> tuple[int, float]:
    """``tree`` and ``entropy`` of ``packed`` columns (columns, bytes); where words come in runs that are alike, synthesis ends halfway
    between the trees that choose the run last and first."""
    kept = _kept(packed, words)
    if not kept or len(kept) * words > MOST_BITS:
        return 0, 0.0
    bits = np.unpackbits(np.frombuffer(b"".join(kept), dtype=np.uint8).reshape(len(kept), -1), axis=1, count=words)
    share = bits.mean(axis=1)
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share)).mean()
    tree = tree_luts(bits, 16)
    if 1 < run < words:
        tree = (tree + tree_luts(bits.reshape(len(bits), -1, run).transpose(0, 2, 1).reshape(len(bits), -1), 16)) // 2
    return tree, round(float(entropy), 3)


def tree_luts(bits: np.ndarray, joined: int) -> int:
    """LUTs of four inputs for tables of ``bits`` (tables, words): each a tree of multiplexers over parts of 16 words, where parts that are
    alike, or opposite, are one. Up to ``joined`` words are joined by multiplexers beside the LUTs, which then are one for each 16 words, or
    those of a tree where these are fewer."""
    size = max(16, 1 << (bits.shape[1] - 1).bit_length())
    bits = np.pad(bits.astype(np.uint8), ((0, 0), (0, size - bits.shape[1])), mode="edge")
    joined = min(joined, size)
    above = sum(len(_parts(bits, part)) for part in _doubled(2 * joined, size))
    below = _parts(bits, joined)
    if joined == 16:
        return above + len(below)
    return above + sum(min(joined // 16, sum(len(_parts(part[None], n)) for n in _doubled(16, joined))) for part in below)


def _doubled(least: int, most: int) -> list[int]:
    """``least`` and its doubles up to ``most``."""
    return [least << n for n in range((most // least).bit_length())]


def _parts(bits: np.ndarray, size: int) -> np.ndarray:
    """Different parts of ``size`` words that tables (tables, words) are made of, (parts, words), each for its opposite too, and none whose
    halves are the same."""
    parts = bits.reshape(-1, size)
    differs = (parts[:, : size // 2] != parts[:, size // 2 :]).any(axis=1)
    if size == 16:
        differs |= parts.any(axis=1) & ~parts.all(axis=1)
    parts = parts[differs]
    packed = np.packbits(parts ^ parts[:, :1], axis=1)
    if packed.shape[1] <= 8:
        found = np.unique(packed.view(f"u{packed.shape[1]}"))
    else:
        data, step = packed.tobytes(), packed.shape[1]
        found = np.frombuffer(b"".join(sorted({data[at : at + step] for at in range(0, len(data), step)})), dtype=np.uint8)
    return np.unpackbits(found.view(np.uint8).reshape(-1, packed.shape[1]), axis=1)


def changing_columns(codes: np.ndarray, words: tuple[int, ...] = (0,)) -> int:
    """Bit columns that are not constant, of unsigned ``codes`` along the axes ``words``, which rise."""
    once = always = codes
    # One by one, without a copy: the first lie as they are reduced.
    for gone, axis in enumerate(words):
        once, always = np.bitwise_or.reduce(once, axis=axis - gone), np.bitwise_and.reduce(always, axis=axis - gone)
    return int(np.bitwise_count(once & ~always).sum())
