"""Functions that rise and fall over many integers: the runs of integers on which a quantiser's output stays the same."""

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, uint
from finnr_rtl.frontend.quantisers import Grid, Levels, Whole
from finnr_rtl.frontend.values import Stream
from finnr_rtl.thresholds import Thresholds

__all__ = ["as_table", "as_thresholds", "runs"]

Runs = list[tuple[np.ndarray, np.ndarray]]


def runs(stream: Stream, quantiser: Grid | Levels | Whole, arguments: list[np.ndarray]) -> Runs | None:
    """For each channel, (first integers, outputs), int64, of the runs of ``stream``'s integers that give the same output.

    Every integer is looked at; None where there are too many. Raises ``ValueError`` where the float graph gives no number.
    """
    if not stream.countable:
        return None
    channels, last, found = stream.channels, None, []
    for q in stream.every_integer():
        with np.errstate(all="ignore"):
            real = stream.evaluate(q)
        if np.any(np.isnan(real)):
            raise ValueError("gives values that are no numbers")
        y = quantiser.integers(real, arguments).astype(np.int64)
        begins = np.concatenate([np.ones((1, channels), dtype=bool) if last is None else y[:1] != last, y[1:] != y[:-1]])
        places, owners = np.nonzero(begins)
        found.append((owners, q[places, owners], y[places, owners]))
        last = y[-1:]
    owners, starts, outputs = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return [(starts[owners == channel], outputs[owners == channel]) for channel in range(channels)]


def as_thresholds(found: Runs, quantiser: Grid | Levels | Whole, high: int) -> Thresholds | None:
    """Thresholds over integers up to ``high`` with these runs; None where a channel rises and falls."""
    levels = np.arange(1, quantiser.steps + 1) * (2 if quantiser.dtype == BIPOLAR else 1) + quantiser.low
    values, flip = [], []
    for starts, outputs in found:
        change = np.diff(outputs)
        falls = bool(change.size and change[0] < 0)
        if np.any(change > 0 if falls else change < 0):
            return None
        # Where each level is reached, or lost from the highest on.
        place = np.searchsorted(-outputs, -levels[::-1], side="right") if falls else np.searchsorted(outputs, levels)
        values.append(np.append(starts, high + 1)[place])
        flip.append(falls)
    return Thresholds(np.array(values), quantiser.dtype, quantiser.low, np.array(flip))


def as_table(found: Runs, high: int) -> tuple[Thresholds, np.ndarray] | None:
    """Thresholds over integers up to ``high`` that number the runs, and the table (channels, runs) of their outputs; None for too many."""
    longest = max(len(starts) for starts, _ in found)
    if longest > 256:
        return None
    values = np.full((len(found), longest - 1), high + 1, dtype=np.int64)
    table = np.empty((len(found), longest), dtype=np.int64)
    for channel, (starts, outputs) in enumerate(found):
        values[channel, : len(starts) - 1] = starts[1:]
        table[channel] = outputs[-1]
        table[channel, : len(outputs)] = outputs
    return Thresholds(values, uint((longest - 1).bit_length()), 0, np.zeros(len(found), dtype=bool)), table
