"""Requantisers equal to given steps: the integer scale, offset and shift of least width, found and checked for every step."""

import numpy as np

__all__ = ["MAX_SCALE_BITS", "MAX_SHIFT", "fit", "fit_offset", "slopes", "targets", "yielding"]

MAX_SCALE_BITS = 30
MAX_SHIFT = 40

# Steps that bind nothing: beyond every sum, but far from overflow.
_FREE = 1 << 61
# Up to here all pairs of steps are looked at together, beyond one distance at a time, which takes less memory.
_FEW_CHANNELS = 8


def targets(levels: np.ndarray, shift: int, half_even: bool) -> np.ndarray:
    """The least sum that a shift by ``shift`` turns into each of ``levels``; with ``half_even``, odd levels are not reached at a tie."""
    return (levels << shift) + (levels & 1 if half_even else 0)


def fit_offset(at: np.ndarray, below: np.ndarray, aims: np.ndarray) -> np.ndarray | None:
    """The offset with which ``s + offset >= aims`` from where each step must be taken, per channel (int64); None where there is none.

    ``at`` (channels, steps) is the least integer s that reaches a level, ``below`` the greatest that does not; masked entries (of
    ``numpy.ma``) do not bind. ``aims`` are the sums wanted (:func:`targets`). Of the offsets possible, one with most trailing
    zeros is taken, which cost nothing.
    """
    least = np.max(np.ma.filled(aims - at, -_FREE), axis=1)
    most = np.min(np.ma.filled(aims - below, _FREE), axis=1) - 1
    if np.any(least > most):
        return None
    offset = np.where(least == -_FREE, most, least)
    for bit in range(1, MAX_SHIFT + 1):
        rounded = -(-least >> bit) << bit
        offset = np.where((least > -_FREE) & (rounded <= most), rounded, offset)
    return offset


def slopes(at: np.ndarray, below: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds (channels,) between which the slope of a line must lie to take every step in its place; ``levels`` rise by one."""
    # Where nothing binds, a run of infinite length bounds nothing.
    at, below = np.ma.filled(at.astype(np.float64), np.inf), np.ma.filled(below.astype(np.float64), -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        if len(at) <= _FEW_CHANNELS:
            run = at[:, :, None] - below[:, None, :]
            slope = (levels[:, None] - levels) / run
            return np.where(run > 0, slope, 0).max(axis=(1, 2)), np.where(run < 0, slope, np.inf).min(axis=(1, 2))
        lower, upper = np.zeros(len(at)), np.full(len(at), np.inf)
        for rise in range(1, len(levels)):
            shortest = (at[:, rise:] - below[:, :-rise]).min(axis=1)
            longest = (below[:, rise:] - at[:, :-rise]).max(axis=1)
            np.maximum(lower, rise / shortest, out=lower)
            np.minimum(upper, np.where(longest > 0, rise / longest, np.inf), out=upper)
    return lower, upper


def fit(at: np.ndarray, below: np.ndarray, levels: np.ndarray, bounds: tuple, half_even: bool, limit: int, first: int = 0):
    """(scale, shift) per channel, with which ``(x * scale + offset) >> shift`` takes every step where it must, for some offset.

    ``at`` and ``below`` are those of :func:`fit_offset` with x in place of s, ``levels`` (steps,) what the steps lead to, ``bounds``
    what :func:`slopes` gives. For one scale and shift the offsets that take a step rightly are an interval, so a scale serves where
    the intervals of all steps meet. The shift is the least possible from ``first`` to ``limit``, and -1 for a channel where there
    is none.
    """
    lower, upper = bounds
    least, most = np.ma.filled(at, 0), np.ma.filled(below, 0)
    unreached, always = np.ma.getmaskarray(at), np.ma.getmaskarray(below)
    scale, found = np.zeros(len(at), dtype=np.int64), np.full(len(at), -1)
    found[unreached.all(axis=1) | always.all(axis=1)] = 0  # no step at all: scale 0
    for shift in range(first, limit + 1):
        base = np.floor(np.ldexp(lower, shift))
        possible = (base + 1 <= np.ldexp(upper, shift)) | (base == np.ldexp(lower, shift))
        open_ = np.flatnonzero((found < 0) & (lower <= upper) & possible & (base < 1 << MAX_SCALE_BITS))
        aims = targets(levels, shift, half_even)
        for extra in (0, 1) if open_.size else ():
            candidate = base[open_].astype(np.int64) + extra
            begin = np.where(unreached[open_], -_FREE, aims - least[open_] * candidate[:, None]).max(axis=1)
            end = np.where(always[open_], _FREE, aims - most[open_] * candidate[:, None]).min(axis=1) - 1
            good = (candidate > 0) & (begin <= end) & (found[open_] < 0)
            scale[open_[good]], found[open_[good]] = candidate[good], shift
    return scale, found


def yielding(at: np.ndarray, below: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``at`` and ``below`` (steps,) of one channel with one step given way by one integer: the one that leaves most room for slopes."""
    run = np.ma.filled(at.astype(np.float64), np.inf)[:, None] - np.ma.filled(below.astype(np.float64), -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (levels[:, None] - levels) / run
    tightest = [np.unravel_index(np.argmax(np.where(run > 0, slope, 0)), run.shape),
                np.unravel_index(np.argmin(np.where(run < 0, slope, np.inf)), run.shape)]
    best = None
    for reached, missed in tightest:
        for which, place in ((0, reached), (1, missed)):
            steps = at.copy(), below.copy()
            steps[which][place] += 1 - 2 * which
            lower, upper = slopes(steps[0][None], steps[1][None], levels)
            if best is None or upper[0] - lower[0] > best[0]:
                best = upper[0] - lower[0], steps
    return best[1]
