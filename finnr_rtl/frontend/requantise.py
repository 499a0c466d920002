"""The form that an activation takes: thresholds where steps are few, a multiplication and a shift where they are many."""

import numpy as np

from finnr_rtl.datatypes import BIPOLAR
from finnr_rtl.frontend.fixed_point import fit
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["FEW_STEPS", "compact", "tightened"]

# Up to here a comparator per step (or a short search) is cheaper than a multiplier.
FEW_STEPS = 15


def tightened(at: np.ndarray, below: np.ndarray, base: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Steps without those that all channels always take or never take, and the levels (steps,) that they lead to.

    ``at`` and ``below`` (channels, steps) are masked where no integer reaches a level, or all do; step k leads to ``base + k + 1``.
    None where nothing is left.
    """
    useful = ~np.ma.getmaskarray(below).all(axis=0) & ~np.ma.getmaskarray(at).all(axis=0)
    if not useful.any():
        return None
    first, last = np.flatnonzero(useful)[[0, -1]]
    part = slice(first, last + 1)
    return at[:, part], below[:, part], base + 1 + np.arange(first, last + 1)


def compact(thresholds: Thresholds, low: int, high: int) -> Thresholds | Requantiser:
    """A requantiser that gives the same as ``thresholds`` for every integer from ``low`` to ``high``; ``thresholds`` where the steps
    are few, or where there is none of reasonable width."""
    if thresholds.steps <= FEW_STEPS or thresholds.output == BIPOLAR:
        return thresholds
    falls = thresholds.flip[:, None]
    values = thresholds.values
    # Falling channels rise with -x, from -high to -low.
    at = np.where(falls, 1 - values[:, ::-1], values)
    first, last = np.where(falls, -high, low), np.where(falls, -low, high)
    steps = tightened(np.ma.masked_where(at > last, at), np.ma.masked_where(at <= first, at - 1), thresholds.base)
    if steps is None:
        return thresholds
    found = fit(*steps)
    if found is None:
        return thresholds
    scale, offset, shift = found
    levels = steps[2]
    scale = np.where(thresholds.flip, -scale, scale)
    return Requantiser(scale, offset, shift, int(levels[0]) - 1, int(levels[-1]), thresholds.output)
