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
    codes = np.ascontiguousarray(words.T).astype(np.int64)
    planes = np.concatenate([(codes >> bit) & 1 for bit in range(bits)]).astype(bool)
    planes = planes[planes.any(axis=1) & ~planes.all(axis=1)]
    if len(words) > FEW_WORDS:
        return len({plane.tobytes() for plane in np.packbits(planes, axis=1)})
    return len(np.unique(planes @ (1 << np.arange(len(words)))))
