"""Sums of two streams of different scales: integer multipliers with which the quantised sum is that of the float graph for every pair."""

from dataclasses import dataclass, replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR
from finnr_rtl.frontend.fixed_point import fit_offset, targets
from finnr_rtl.frontend.requantise import FEW_STEPS, tightened
from finnr_rtl.frontend.values import Stream
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["common_unit", "quantised_sum", "ratios"]

# Pairs are looked at for every value of the narrower stream.
_MAX_VALUES = 1 << 10
_MAX_MULTIPLIER = 1 << 12
_MAX_SHIFT = 26
_MAX_RATIO = 1 << 20
# Quotients of float32 scales are this close to the quotient that was meant.
_TOLERANCE = 2.0**-22


def ratios(ratio: float) -> list[tuple[int, int]]:
    """Fractions (n, d) of positive integers near ``ratio``, each closer than all smaller ones, up to the closest."""
    small = np.arange(1, _MAX_MULTIPLIER + 1)
    n = np.concatenate([small, np.maximum(np.rint(small * ratio), 1)])
    d = np.concatenate([np.maximum(np.rint(small / ratio), 1), small])
    error = np.abs(n / d / ratio - 1)
    found, best = [], np.inf
    for i in np.lexsort((error, np.maximum(n, d))):
        if error[i] < best:
            best = error[i]
            found.append((int(n[i]), int(d[i])))
    return found


def common_unit(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multipliers (2, channels) and the unit (channels,) with ``multipliers * unit = (first, second)`` to float32 precision.

    ``first`` and ``second`` are scales per channel, not zero. Raises ``ValueError`` where their quotient is out of proportion.
    """
    multipliers = np.empty((2, len(first)), dtype=np.int64)
    quotients, places = np.unique(np.abs(first / second), return_inverse=True)
    for index, quotient in enumerate(quotients):
        if not 1 / _MAX_RATIO < quotient < _MAX_RATIO:
            raise ValueError(f"their quotient is {quotient:g}")
        found = ratios(float(quotient))
        close = [pair for pair in found if abs(pair[0] / pair[1] / quotient - 1) <= _TOLERANCE]
        multipliers[:, places == index] = np.array((close or found[-1:])[0])[:, None]
    multipliers = multipliers * np.sign([first, second]).astype(np.int64)
    return multipliers, first / multipliers[0]


@dataclass(frozen=True, eq=False)
class _Steps:
    """Where the sum of one channel takes its steps: for each level and value ``b`` of the second stream, the least value of the first
    that reaches it (``at``) and the greatest that does not (``below``), as masked arrays (levels, values). The first stream's values
    are counted in the direction in which the sum rises; ``signs`` are the directions of both, ``reach`` its greatest magnitude."""

    at: np.ma.MaskedArray
    below: np.ma.MaskedArray
    b: np.ndarray
    signs: tuple[int, int]
    reach: int

    def sums(self, m: int, n: int) -> tuple[np.ma.MaskedArray, np.ma.MaskedArray]:
        """(least sum that reaches, greatest that does not) of ``m * a + n * b``, per level, both multipliers positive."""
        term = n * self.signs[1] * self.b
        return np.ma.min(self.at * m + term, axis=1), np.ma.max(self.below * m + term, axis=1)


@dataclass(frozen=True, eq=False)
class _Channel:
    """The steps of one kind of channel, and how many steps one integer of each term is worth."""

    steps: _Steps
    worth: tuple[float, float]


def _values(stream: Stream) -> np.ndarray:
    return np.arange(stream.low, stream.high + 1)


def _steps(first: Stream, second: Stream, chain, quantiser, arguments, bipolar: tuple[bool, bool]) -> _Steps:
    """Steps of one channel, all arguments of which are scalars."""
    falls = np.prod([function.direction for function in chain]) < 0
    a, b = ((np.array([-1, 1]) if one else _values(term)) for term, one in zip((first, second), bipolar, strict=True))
    signs = tuple(-1 if term.direction[0] < 0 else 1 for term in (first, second))
    if signs[0] < 0:
        a = a[::-1]
    real = second.evaluate(b)
    lower = np.zeros((quantiser.steps, len(b)), dtype=np.int64)
    upper = np.full(lower.shape, len(a), dtype=np.int64)
    with np.errstate(over="ignore", under="ignore"):
        for _ in range(len(a).bit_length()):
            middle = (lower + upper) // 2
            x = first.evaluate(a[np.minimum(middle, len(a) - 1)]) + real
            for function in chain:
                x = function(x)
            beyond = quantiser.reaches(x, arguments) ^ falls
            searching = lower < upper
            upper, lower = np.where(searching & beyond, middle, upper), np.where(searching & ~beyond, middle + 1, lower)
    rising = a * signs[0]
    at = np.ma.array(rising[np.minimum(lower, len(a) - 1)], mask=lower == len(a))
    below = np.ma.array(rising[np.maximum(lower - 1, 0)], mask=lower == 0)
    if not falls:
        return _Steps(at, below, b, signs, int(np.abs(a).max()))
    # Seen from above, a falling function rises: what is lost at one value is reached at the negative of the one before.
    return _Steps(-below, -at, b, (-signs[0], -signs[1]), int(np.abs(a).max()))


def quantised_sum(stream: Stream, quantiser, arguments: list[np.ndarray], bipolar: tuple[bool, bool]):
    """(multipliers (2, channels), activation) of a layer that gives what ``quantiser`` makes of ``stream``, a sum of two terms.

    All pairs of values are checked. ``bipolar`` tells which terms hold only -1 and 1. None where no multipliers of reasonable width
    exist, or both terms have many values.
    """
    first, second = (term.viewed(stream.shape) for term in stream.terms)
    if first is None or second is None:
        return None
    swapped = second.high - second.low > first.high - first.low
    if swapped:
        first, second, bipolar = second, first, bipolar[::-1]
    if second.high - second.low >= _MAX_VALUES:
        return None
    channels = stream.channels
    every = [first.scale, first.bias, second.scale, second.bias, *arguments]
    every += [argument for part in (first, second, stream) for f in part.chain for argument in f.arguments]
    table = np.stack([np.broadcast_to(np.asarray(argument, dtype=np.float64), channels) for argument in every])
    _, kinds, places = np.unique(table, axis=1, return_index=True, return_inverse=True)
    found = []
    for channel in kinds:
        own = [argument[channel] if np.ndim(argument) else argument for argument in arguments]
        parts = [part.channel(channel) for part in (first, second)]
        parts = [replace(part, shape=(1, 1, 1)) for part in parts]
        chain = stream.channel(channel).chain
        found.append(_Channel(_steps(*parts, chain, quantiser, own, bipolar), _per_step(parts, chain, quantiser, own)))
    places = places.reshape(-1)
    result = None
    if quantiser.steps > FEW_STEPS and quantiser.dtype != BIPOLAR:
        result = _shifted(found, quantiser)
    result = result or _thresholds(found, quantiser)
    if result is None:
        return None
    multipliers, activation = result
    multipliers = multipliers[:, places]
    activation = activation.spread(places)
    return (multipliers[::-1] if swapped else multipliers), activation


def _per_step(parts: list[Stream], chain, quantiser, arguments) -> tuple[float, float]:
    """How many steps of the quantiser one integer of each term is worth, where nothing bends (positive)."""
    slope = np.prod([f.affine[0] for f in chain if f.affine is not None]) / quantiser.meaning(arguments)[0]
    return tuple(abs(float(part.affine[0][0] * slope)) for part in parts)


def _shifted(found: list, quantiser) -> tuple[np.ndarray, Requantiser] | None:
    """Multipliers that already hold the scale of the quantiser: only an offset, a shift and clipping are left."""
    at, below = (np.ma.stack(rows) for rows in zip(*(channel.steps.sums(1, 1) for channel in found), strict=True))
    useful = tightened(at, below, quantiser.low)
    if useful is None:
        return None
    levels = useful[2]
    part = slice(levels[0] - quantiser.low - 1, levels[-1] - quantiser.low)
    chosen = []
    for channel in found:
        for shift in range(_MAX_SHIFT + 1):
            near = [int(np.ldexp(worth, shift)) for worth in channel.worth]
            pairs = [(near[0] + i, near[1] + j) for i in (0, 1) for j in (0, 1)]
            good = next((p for p in pairs if min(p) > 0 and _offset(channel.steps, p, part, levels, shift) is not None), None)
            if good:
                chosen.append((good, shift))
                break
        else:
            return None
    shift = max(own for _, own in chosen)
    multipliers = np.array([[m << shift - own for m in pair] for pair, own in chosen]).T
    offsets = [_offset(own.steps, pair, part, levels, shift)[0] for own, pair in zip(found, multipliers.T, strict=True)]
    signs = np.array([channel.steps.signs for channel in found]).T
    ones = np.ones(len(found), dtype=np.int64)
    activation = Requantiser(ones, np.array(offsets), shift, int(levels[0]) - 1, int(levels[-1]), quantiser.dtype)
    return multipliers * signs, activation


def _offset(steps: _Steps, pair, part: slice, levels: np.ndarray, shift: int) -> np.ndarray | None:
    at, below = steps.sums(*pair)
    return fit_offset(at[None, part], below[None, part], targets(levels, shift, False))


def _thresholds(found: list, quantiser) -> tuple[np.ndarray, Thresholds] | None:
    """Multipliers as small as the thresholds allow."""
    multipliers, rows = [], []
    for channel in found:
        steps = channel.steps
        for pair in ratios(channel.worth[0] / channel.worth[1]):
            at, below = steps.sums(*pair)
            if np.all(np.ma.filled(below < at, True)):
                break
        else:
            return None
        ends = pair[0] * steps.reach + pair[1] * int(np.abs(steps.b).max()) + 1
        rows.append(np.maximum.accumulate(np.ma.where(np.ma.getmaskarray(below), -ends, at).filled(ends)))
        multipliers.append([m * sign for m, sign in zip(pair, steps.signs, strict=True)])
    flip = np.zeros(len(rows), dtype=bool)
    return np.array(multipliers).T, Thresholds(np.array(rows), quantiser.dtype, quantiser.low, flip)
