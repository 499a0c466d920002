"""Quantisers of more than 8 bits: the line that a float graph of straight pieces follows, checked for every integer."""

import numpy as np

from finnr_rtl.frontend.fixed_point import MAX_SCALE_BITS, MAX_SHIFT
from finnr_rtl.frontend.quantisers import Grid, Levels, Whole
from finnr_rtl.frontend.requantise import MAX_EXCEPTIONS
from finnr_rtl.frontend.values import Stream
from finnr_rtl.requantiser import Requantiser

__all__ = ["widely_quantised"]

_TO_EVEN = ("ROUND", "HALF_EVEN", "LINEAR")


def widely_quantised(stream: Stream, quantiser: Grid | Levels | Whole, arguments: list[np.ndarray]) -> Requantiser | None:
    """The requantiser that gives what ``quantiser`` does for every integer of ``stream``.

    None where there is none, or too much to check.
    """
    line = _line(stream, quantiser, arguments)
    if line is None or not stream.countable:
        return None
    slope, offset = line
    exact = [s for s in range(MAX_SHIFT) if np.all(np.ldexp(slope, s) % 1 == 0) and np.all(np.ldexp(offset, s) % 1 == 0)]
    steepest = int(np.ceil(np.log2(np.abs(slope).max())))
    shift = exact[0] if exact else min(MAX_SCALE_BITS - 1 - steepest, MAX_SHIFT)
    if shift < 0:
        return None
    scale = np.rint(np.ldexp(slope, shift)).astype(np.int64)
    half = 1 << shift >> 1
    start = np.rint(np.ldexp(offset, shift)).astype(np.int64) + half
    if np.abs(scale).max() >= 1 << MAX_SCALE_BITS:
        return None
    ends = stream.evaluate(np.array([[stream.low], [stream.high]]) + np.zeros(stream.channels, dtype=np.int64))
    reached = quantiser.integers(ends, arguments).astype(np.int64)
    result = Requantiser(scale, start, shift, int(reached.min()), int(reached.max()), quantiser.dtype, half_even=half > 0)
    return _corrected(result, stream, quantiser, arguments)


def _line(stream: Stream, quantiser, arguments) -> tuple[np.ndarray, np.ndarray] | None:
    """(slope, offset) per channel, float64, of the quantiser's unrounded output where nothing is clipped; None where it bends."""
    if isinstance(quantiser, Levels) or isinstance(quantiser, Grid) and quantiser.rounding not in _TO_EVEN:
        return None
    # A sum whose unit only comes close to the scales of its terms is not exact enough for many steps.
    if any(np.any(term.affine[0] / stream.scale % 1) for term in stream.terms):
        return None
    slope, offset = np.float64(stream.scale), np.float64(stream.bias)
    for function in stream.chain:
        if function.affine is not None:
            factor, more = function.affine
        elif function.op == "QuantizeLinear":
            factor, more = 1 / np.float64(function.args["scale"]), np.float64(function.args["zero_point"])
        elif function.op in ("Relu", "Clip"):
            continue
        else:
            return None
        slope, offset = slope * factor, offset * factor + more
    unit, zero = quantiser.meaning(arguments)
    slope, offset = (np.broadcast_to(part, stream.channels) for part in (slope / unit, (offset - zero) / unit))
    return None if np.any(slope == 0) else (slope, offset)


def _corrected(result: Requantiser, stream: Stream, quantiser, arguments) -> Requantiser | None:
    """``result`` with an exception for every integer at which it is wrong; None where these are too many."""
    channels = stream.channels
    wrong: list[list[tuple[int, int]]] = [[] for _ in range(channels)]
    for q in stream.every_integer():
        difference = quantiser.integers(stream.evaluate(q), arguments).astype(np.int64) - result(q)
        places, owners = np.nonzero(difference)
        if len(places) > MAX_EXCEPTIONS * channels or np.any(np.abs(difference) > 1):
            return None
        for place, owner in zip(places, owners, strict=True):
            wrong[owner].append((int(q[place, owner]), int(difference[place, owner])))
    most = max(map(len, wrong))
    if most > MAX_EXCEPTIONS:
        return None
    exceptions = np.array([own + [(0, 0)] * (most - len(own)) for own in wrong], dtype=np.int64).reshape(channels, most, 2)
    return Requantiser(
        result.scale, result.offset, result.shift, result.low, result.high, result.output, result.half_even,
        exceptions[..., 0], exceptions[..., 1],
    )
