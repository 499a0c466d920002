"""Exact thresholds: for each step of a quantiser, the integer at which the float graph takes it."""

import numpy as np

from finnr_rtl.frontend.quantisers import Grid, Levels
from finnr_rtl.frontend.values import Stream
from finnr_rtl.thresholds import Thresholds

__all__ = ["extract"]


def extract(stream: Stream, quantiser: Grid | Levels, arguments: list[np.ndarray]) -> Thresholds:
    """Thresholds over the integers of ``stream`` that give what ``quantiser`` gives for its values.

    Every function on the way is monotone in float32, so the quantiser's output is monotone in the integer, and bisection over
    [low, high] finds each step exactly. Steps that no integer reaches lie at ``high + 1``, steps that all reach at ``low``. The
    quantiser must have at most 255 steps and no channel may lack a direction.
    """
    falls = stream.direction < 0
    shape = quantiser.steps, stream.channels
    lower = np.full(shape, stream.low, dtype=np.int64)
    upper = np.full(shape, stream.high + 1, dtype=np.int64)
    # Functions far outside their useful range may overflow to infinity, which compares as it should.
    with np.errstate(over="ignore", under="ignore"):
        for _ in range((stream.high + 1 - stream.low).bit_length()):
            middle = (lower + upper) // 2
            beyond = quantiser.reaches(stream.evaluate(middle), arguments) ^ falls
            searching = lower < upper
            upper = np.where(searching & beyond, middle, upper)
            lower = np.where(searching & ~beyond, middle + 1, lower)
    # Row k of a falling channel is where level k + 1 is lost: the highest level is lost first.
    values = np.where(falls, lower[::-1], lower).T
    return Thresholds(np.ascontiguousarray(values), quantiser.dtype, quantiser.low, np.array(falls))
