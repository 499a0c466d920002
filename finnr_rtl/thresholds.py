"""Multi-threshold activation: what remains of every float operation between an accumulator and a quantiser."""

from dataclasses import dataclass, replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, DataType

__all__ = ["Thresholds"]

# Beyond so many steps, searching is faster than counting.
_MANY = 31


@dataclass(frozen=True, eq=False)
class Thresholds:
    """``y[c] = base + count[c]`` with ``count[c] = #{i : x[c] >= values[c, i]}``.

    A channel with ``flip`` set falls instead of rising: ``y[c] = base + steps - count[c]``. For output type BIPOLAR
    there is one step, and ``y`` is -1 or +1 (``base`` is -1).

    ``values`` is int64 of shape (channels, steps), 1 <= steps <= 255, non-decreasing along each row. ``flip`` is bool
    of shape (channels,).

    Raises ``ValueError`` where the rows decrease, or a result would not be of type ``output``.
    """

    values: np.ndarray
    output: DataType
    base: int
    flip: np.ndarray

    def __post_init__(self):
        if self.values.ndim != 2 or not 1 <= self.values.shape[1] <= 255:
            raise ValueError(f"thresholds of shape {self.values.shape}: (channels, 1 to 255 steps) expected")
        if np.any(np.diff(self.values, axis=1) < 0):
            raise ValueError("thresholds of a channel must not decrease")
        if self.flip.shape != self.values.shape[:1]:
            raise ValueError(f"flip has shape {self.flip.shape}, one flag per channel expected")
        top = self.base + (2 if self.output == BIPOLAR else 1) * self.steps
        if not self.output.allows([self.base, top]):
            raise ValueError(f"thresholds give {self.base} to {top}, which {self.output} does not hold")

    @property
    def channels(self) -> int:
        return self.values.shape[0]

    @property
    def steps(self) -> int:
        return self.values.shape[1]

    @property
    def rising(self) -> bool:
        """Whether no channel falls."""
        return not self.flip.any()

    @property
    def parameters(self) -> int:
        """Constants kept: one per step and channel."""
        return self.values.size

    def spread(self, places: np.ndarray) -> "Thresholds":
        """Thresholds whose channel c does what channel ``places[c]`` of these does."""
        return replace(self, values=self.values[places], flip=self.flip[places])

    def after(self, offsets: np.ndarray) -> "Thresholds":
        """Thresholds that make of x[c] what these make of ``x[c] + offsets[c]``."""
        return replace(self, values=self.values - offsets[:, None])

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Apply to integers of shape (..., channels); int64 of the same shape."""
        if self.steps > _MANY:
            x = np.asarray(x, dtype=np.int64)
            count = np.empty(x.shape, dtype=np.int64)
            for channel, row in enumerate(self.values):
                count[..., channel] = np.searchsorted(row, x[..., channel], side="right")
        else:
            count = np.zeros(x.shape, dtype=np.int64)
            for step in range(self.steps):
                count += x >= self.values[:, step]
        count = np.where(self.flip, self.steps - count, count)
        return 2 * count - 1 if self.output == BIPOLAR else self.base + count
