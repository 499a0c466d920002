"""Arrays that never change, and what is known of them."""

import weakref
from collections.abc import Callable
from functools import wraps

import numpy as np

__all__ = ["constant", "once_per_array"]


def constant(array: np.ndarray) -> np.ndarray:
    """A copy of ``array`` that cannot be written to."""
    array = np.array(array)
    array.flags.writeable = False
    return array


def once_per_array(function: Callable) -> Callable:
    """``function(array, *others)``, computed once for each array that cannot be written to, for as long as that lives.

    ``others`` are hashable. Hundreds of configurations share a layer's weights while foldings are compared; arrays have no hash, so
    they are known by identity.
    """
    known: dict[int, dict[tuple, object]] = {}

    @wraps(function)
    def remembering(array: np.ndarray, *others):
        if array.flags.writeable:
            return function(array, *others)
        if id(array) not in known:
            known[id(array)] = {}
            weakref.finalize(array, known.pop, id(array))
        results = known[id(array)]
        if others not in results:
            results[others] = function(array, *others)
        return results[others]

    return remembering
