"""Requantisers equal to given steps: the integer scale, offset and shift of least width, found and checked for every step."""

import numpy as np

__all__ = ["MAX_SCALE_BITS", "MAX_SHIFT", "fit", "fit_offset"]

MAX_SCALE_BITS = 26
MAX_SHIFT = 40

# Channels whose pairs of steps are looked at together.
_CHUNK = 16


def fit_offset(at: np.ndarray, below: np.ndarray, levels: np.ndarray, shift: int) -> np.ndarray | None:
    """The offset with which ``(s + offset) >> shift`` takes each step where it must; None where there is none.

    ``at`` (channels, steps) is the least integer s that reaches a level, ``below`` the greatest that does not; masked entries (of
    ``numpy.ma``) do not bind. ``levels`` (steps,) are the levels. The offset is the one of least bits in the middle of what is
    possible, per channel (int64).
    """
    least = np.ma.max((levels << shift) - at, axis=1).filled(-(1 << 62))
    most = np.ma.min((levels << shift) - below, axis=1).filled(1 << 62) - 1
    if np.any(least > most):
        return None
    offset = np.where(least > -(1 << 61), np.where(most < 1 << 61, least + (most - least) // 2, least), most)
    # Trailing zeros cost nothing: drop low bits while the range allows it.
    for bit in range(shift):
        rounded = (offset >> (bit + 1)) << (bit + 1)
        offset = np.where((least <= rounded) & (rounded <= most), rounded, offset)
    return offset


def _slopes(at: np.ndarray, below: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds (channels,) between which the slope of a line must lie to take every step in its place."""
    lower, upper = np.zeros(len(at)), np.full(len(at), np.inf)
    rise = (levels[:, None] - levels[None, :]).astype(np.float64)
    for start in range(0, len(at), _CHUNK):
        part = slice(start, start + _CHUNK)
        run = (at[part, :, None] - below[part, None, :]).astype(np.float64)
        slope = np.ma.divide(rise, np.ma.masked_equal(run, 0))
        lower[part] = np.ma.max(np.ma.masked_where(run <= 0, slope), axis=(1, 2)).filled(0)
        upper[part] = np.ma.min(np.ma.masked_where(run >= 0, slope), axis=(1, 2)).filled(np.inf)
    return np.maximum(lower, 0), upper


def fit(at: np.ndarray, below: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, int] | None:
    """(scale, offset, shift) with which ``(x * scale + offset) >> shift`` takes every step where it must, or None.

    Arguments are those of :func:`fit_offset`, with x in place of s. For one scale and shift the offsets that take a step rightly are
    an interval, so a scale serves where the intervals of all steps meet; pairs of steps bound the scales worth trying. The shift is
    common to all channels, and the least possible; scales have at most ``MAX_SCALE_BITS`` bits.
    """
    lower, upper = _slopes(at, below, levels)
    if np.any(lower > upper):
        return None
    scale, found = np.zeros(len(at), dtype=np.int64), np.full(len(at), -1)
    found[np.ma.getmaskarray(at).all(axis=1) | np.ma.getmaskarray(below).all(axis=1)] = 0  # no step at all: scale 0
    for shift in range(MAX_SHIFT + 1):
        open_ = np.flatnonzero(found < 0)
        if not open_.size:
            break
        base = np.floor(np.ldexp(lower[open_], shift))
        if np.any(base >= 1 << MAX_SCALE_BITS):
            return None
        for extra in (0, 1):
            candidate = base.astype(np.int64) + extra
            least = np.ma.max((levels << shift) - at[open_] * candidate[:, None], axis=1)
            most = np.ma.min((levels << shift) - below[open_] * candidate[:, None], axis=1) - 1
            good = (candidate > 0) & np.ma.filled(least <= most, True) & (found[open_] < 0)
            scale[open_[good]], found[open_[good]] = candidate[good], shift
    if np.any(found < 0):
        return None
    shift = int(found.max())
    scale <<= shift - found
    if np.any(scale >= 1 << MAX_SCALE_BITS):
        return None
    offset = fit_offset(at * scale[:, None], below * scale[:, None], levels, shift)
    return None if offset is None else (scale, offset, shift)
