"""What a model must know of the data in memories, found once for each array and layout."""

from collections.abc import Callable
from weakref import finalize

import numpy as np

__all__ = ["FEW_WORDS", "distinct_columns", "remember"]

# Memories of more words than this have no two columns alike but by design.
FEW_WORDS = 16

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


def distinct_columns(words: np.ndarray, bits: int) -> int:
    """Bit columns of a memory that are neither constant nor equal to another: ``words`` (words, values) of ``bits`` bits each.

    A column that is constant costs nothing, and of equal ones synthesis keeps one.
    """
    kind = np.min_scalar_type((1 << bits) - 1)
    codes = words.astype(kind) & kind.type((1 << bits) - 1)
    planes = [(codes >> kind.type(bit)) & kind.type(1) for bit in range(bits)] if bits > 1 else [codes]
    if len(words) > FEW_WORDS:
        packed = np.packbits(np.ascontiguousarray(np.concatenate(planes, axis=1).T), axis=1)
        ends = np.packbits([[0] * len(words), [1] * len(words)], axis=1)
        return len({column.tobytes() for column in packed} - {column.tobytes() for column in ends})
    # There may be a hundred thousand columns, for hundreds of layouts.
    found = np.zeros(1 << len(words), dtype=bool)
    for plane in planes:
        columns = np.zeros(plane.shape[1], dtype=np.uint16)
        for place, row in enumerate(plane):
            columns |= row.astype(np.uint16) << np.uint16(place)
        found[columns] = True
    return int(np.count_nonzero(found[1:-1]))
