"""Functions that no quantiser follows, on integers: clipping and tables whose results have a common unit."""

import numpy as np

from finnr_rtl.datatypes import smallest
from finnr_rtl.frontend.values import Stream
from finnr_rtl.requantiser import Requantiser

__all__ = ["clipping", "on_grid"]

# Quotients of float32 values are this close to the whole number that was meant.
_TOLERANCE = 2.0**-18
_CLIPPING = ("Relu", "Clip")
_CHECKED = 1 << 10


def clipping(stream: Stream) -> tuple[np.ndarray, np.ndarray, Requantiser] | None:
    """(scale, bias, clipping of the integers) of a stream whose chain is affine but for Relu and Clip, all on its own grid; or None."""
    if any(f.affine is None and f.op not in _CLIPPING for f in stream.chain):
        return None
    scale, bias = np.float64(stream.scale), np.float64(stream.bias)
    for function in stream.chain:
        if function.affine is not None:
            slope, offset = function.affine
            scale, bias = scale * slope, bias * slope + offset
    scale, bias = (np.broadcast_to(part, stream.channels) for part in (scale, bias))
    if np.any(scale == 0):
        return None
    sign, unit = np.sign(scale).astype(np.int64), np.abs(scale)
    ends = stream.evaluate(np.array([[stream.low], [stream.high]]) + np.zeros(stream.channels, dtype=np.int64))
    places = (np.sort(ends, axis=0) - bias) / unit
    whole = np.round(places)
    if np.any(np.abs(places - whole) > _TOLERANCE * np.maximum(np.abs(places), 1)):
        return None
    low, high = int(whole[0].min()), int(whole[1].max())
    result = Requantiser(sign, np.zeros_like(sign), 0, low, high, smallest(low, high))
    q = np.unique(np.linspace(stream.low, stream.high, _CHECKED).astype(np.int64))[:, None] + np.zeros_like(sign)
    meant, found = stream.evaluate(q), result(q) * unit + bias
    close = np.abs(meant - found) <= _TOLERANCE * np.maximum(np.abs(meant), unit)
    return (unit, bias, result) if np.all(close) else None


def on_grid(stream: Stream) -> tuple[np.ndarray, np.ndarray] | None:
    """(unit, integers (channels, values)) of the results for every integer of ``stream``, in the largest unit they share; or None."""
    q = np.arange(stream.low, stream.high + 1)[:, None] + np.zeros(stream.channels, dtype=np.int64)
    real = stream.evaluate(q).astype(np.float64).T
    magnitude = np.sort(np.concatenate([real, np.zeros((len(real), 1))], axis=1), axis=1)
    gaps = np.diff(magnitude, axis=1)
    gaps = np.where(gaps > _TOLERANCE * np.abs(real).max(axis=1, keepdims=True), gaps, np.inf)
    unit = gaps.min(axis=1)
    if not np.all(np.isfinite(unit)):
        return None
    places = real / unit[:, None]
    whole = np.round(places)
    if np.any(np.abs(places - whole) > _TOLERANCE * np.maximum(np.abs(places), 1)) or np.abs(whole).max() > 1 << 15:
        return None
    return (unit[0] if np.all(unit == unit[0]) else unit), whole.astype(np.int64)
