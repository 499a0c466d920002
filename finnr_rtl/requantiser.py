"""Requantisation by multiply, add, shift and clip: a uniform quantiser of many steps without a threshold for each."""

from dataclasses import dataclass

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.thresholds import Thresholds

__all__ = ["Requantiser"]


@dataclass(frozen=True, eq=False)
class Requantiser:
    """``y[c] = clip((x[c] * scale[c] + offset[c]) >> shift, low, high)``, the shift rounding downwards.

    ``scale`` and ``offset`` are int64 of shape (channels,); a channel of negative scale falls. 0 <= ``shift`` <= 62.
    Every integer from ``low`` to ``high`` is of type ``output``, which is not BIPOLAR. Callers keep ``x * scale + offset`` within 63 bits.

    Raises ``ValueError`` where one of these does not hold.
    """

    scale: np.ndarray
    offset: np.ndarray
    shift: int
    low: int
    high: int
    output: DataType

    def __post_init__(self):
        if self.scale.ndim != 1 or self.scale.shape != self.offset.shape:
            shapes = f"{self.scale.shape} and {self.offset.shape}"
            raise ValueError(f"scale and offset have shapes {shapes}: one of each per channel expected")
        if not 0 <= self.shift <= 62:
            raise ValueError(f"shift={self.shift}: 0 to 62 expected")
        if self.low > self.high or self.output == BIPOLAR or not self.output.allows([self.low, self.high]):
            raise ValueError(f"clips to {self.low}..{self.high}, which {self.output} does not hold")

    @property
    def channels(self) -> int:
        return len(self.scale)

    @property
    def steps(self) -> int:
        """Greatest number of steps that a channel can take."""
        return self.high - self.low

    @property
    def rising(self) -> bool:
        """Whether no channel falls."""
        return bool(np.all(self.scale >= 0))

    @property
    def parameters(self) -> int:
        """Constants kept: a scale and an offset per channel."""
        return self.scale.size + self.offset.size

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Apply to integers of shape (..., channels); int64 of the same shape."""
        y = np.asarray(x, dtype=np.int64) * self.scale
        y += self.offset
        y >>= self.shift
        return np.clip(y, self.low, self.high, out=y)

    def as_thresholds(self, low: int, high: int) -> Thresholds:
        """The thresholds that give the same for every x from ``low`` to ``high``. Raises ``ValueError`` above 255 steps."""
        target = (np.arange(self.low + 1, self.high + 1, dtype=np.int64) << self.shift) - self.offset[:, None]
        slope = np.abs(self.scale)[:, None]
        falls = self.scale < 0
        # Least x (of -x where the channel falls) that reaches each level.
        reached = np.where(slope > 0, -(-target // np.maximum(slope, 1)), np.where(target <= 0, -(1 << 62), 1 << 62))
        # A falling channel loses its highest level first, one above the last x that reaches it.
        values = np.where(falls[:, None], 1 - reached[:, ::-1], reached)
        return Thresholds(np.clip(values, low, high + 1), self.output, self.low, falls)
