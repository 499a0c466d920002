"""The form that an activation takes: thresholds where steps are few, a multiplication and a shift where they are many."""

from dataclasses import replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR
from finnr_rtl.frontend.fixed_point import MAX_SCALE_BITS, MAX_SHIFT, fit, fit_offset, slopes, targets, yielding
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["FEW_STEPS", "compact", "tightened"]

# Up to here a comparator per step (or a short search) is cheaper than a multiplier.
FEW_STEPS = 15
# Integers per channel at which a float graph may leave the straight line by its own rounding.
MAX_EXCEPTIONS = 8


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


def compact(thresholds: Thresholds, low: np.ndarray, high: np.ndarray) -> Thresholds | Requantiser:
    """A requantiser that gives the same as ``thresholds`` for every integer from ``low`` to ``high`` (each per channel).

    Gives ``thresholds`` where the steps are few, or where there is no requantiser of reasonable width with few exceptions.
    """
    if thresholds.steps <= FEW_STEPS or thresholds.output == BIPOLAR:
        return thresholds
    kinds = np.column_stack([thresholds.values, thresholds.flip, low, high])
    _, first, places = np.unique(kinds, axis=0, return_index=True, return_inverse=True)
    if len(first) < thresholds.channels:
        # Channels that are alike are looked at once.
        one = compact(thresholds.spread(first), low[first], high[first])
        return one.spread(places) if isinstance(one, Requantiser) else thresholds
    falls = thresholds.flip[:, None]
    # Falling channels rise with -x, from -high to -low.
    at = np.where(falls, 1 - thresholds.values[:, ::-1], thresholds.values)
    first, last = np.where(falls, -high[:, None], low[:, None]), np.where(falls, -low[:, None], high[:, None])
    at = np.clip(at, first, last + 1)
    steps = tightened(np.ma.array(at, mask=at > last), np.ma.array(at - 1, mask=at <= first), thresholds.base)
    if steps is None:
        return thresholds
    at, below, levels = steps
    line = _line(at, below, levels)
    if line is None:
        return thresholds
    at, below, scale, shift, half_even = line
    offset = fit_offset(at * scale[:, None], below * scale[:, None], targets(levels, shift, half_even))
    sign = np.where(thresholds.flip, -1, 1)
    result = Requantiser(scale * sign, offset, shift, int(levels[0]) - 1, int(levels[-1]), thresholds.output, half_even)
    return _corrected(result, thresholds, low, high)


def _line(at, below, levels):
    """Steps that a line takes, with the fewest of ``at`` and ``below`` moved, and the line: (at, below, scale, shift, half_even)."""
    half_even, bounds = False, slopes(at, below, levels)
    # One shift serves all channels: the steepest one must not need too wide a scale with it.
    limit = min(MAX_SHIFT, MAX_SCALE_BITS - 1 - int(np.ceil(np.log2(max(bounds[0].max(), 2.0**-30)))))
    scale, shift = fit(at, below, levels, bounds, half_even, limit)
    if np.any(shift < 0):
        other = fit(at, below, levels, bounds, True, limit)
        if np.count_nonzero(other[1] < 0) < np.count_nonzero(shift < 0):
            half_even, (scale, shift) = True, other
    at, below = at.copy(), below.copy()
    for channel in np.flatnonzero(shift < 0):
        one = slice(channel, channel + 1)
        for _ in range(MAX_EXCEPTIONS):
            at[channel], below[channel] = yielding(at[channel], below[channel], levels)
            scale[one], shift[one] = fit(at[one], below[one], levels, slopes(at[one], below[one], levels), half_even, limit)
            if shift[channel] >= 0:
                break
        else:
            return None
    common = int(shift.max())
    # With few steps many slopes serve: at the common shift the flattest takes fewer bits than the simplest.
    flattest, found = fit(at, below, levels, slopes(at, below, levels), half_even, common, first=common)
    shifted = scale << (common - shift)
    scale = np.where((found == common) & (flattest < shifted) & (shifted >= 1 << MAX_SCALE_BITS), flattest, shifted)
    if np.any(scale >= 1 << MAX_SCALE_BITS):
        return None
    return at, below, scale, common, half_even


def _corrected(result: Requantiser, thresholds: Thresholds, low: np.ndarray, high: np.ndarray) -> Requantiser | Thresholds:
    """``result`` with an exception for every integer at which it differs from ``thresholds``; those where they are too many."""
    ends = int(low.min()), int(high.max())
    found = result.as_thresholds(*ends)
    # A constant channel has no direction of its own: what is always reached is never lost.
    turned = (found.flip != thresholds.flip)[:, None]
    values = np.where(turned, np.where(found.values <= ends[0], ends[1] + 1, ends[0])[:, ::-1], found.values)
    found = replace(found, values=values, flip=thresholds.flip)
    first = result.low - thresholds.base
    # Column k is where level k + 1 above the least is reached, or lost in a falling channel.
    wanted, line = (
        np.clip(np.where(table.flip[:, None], table.values[:, ::-1], table.values)[:, start:][:, : result.steps],
                low[:, None], high[:, None] + 1)
        for table, start in ((thresholds, first), (found, 0))
    )
    wrong: list[dict[int, int]] = [{} for _ in low]
    for channel, step in np.argwhere(wanted != line):
        here, there = int(wanted[channel, step]), int(line[channel, step])
        correction = 1 if (here < there) != thresholds.flip[channel] else -1
        for x in range(min(here, there), max(here, there)):
            wrong[channel][x] = wrong[channel].get(x, 0) + correction
            if len(wrong[channel]) > MAX_EXCEPTIONS:
                return thresholds
    count = max(map(len, wrong))
    exceptions, corrections = (np.zeros((len(low), count), dtype=np.int64) for _ in range(2))
    for channel, entries in enumerate(wrong):
        exceptions[channel, : len(entries)], corrections[channel, : len(entries)] = list(entries), list(entries.values())
    return replace(result, exceptions=exceptions, corrections=corrections)
