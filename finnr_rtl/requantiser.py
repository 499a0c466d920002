"""Requantisation by multiply, add, shift and clip: a uniform quantiser of many steps without a threshold for each."""

from dataclasses import dataclass, replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.thresholds import Thresholds

__all__ = ["Requantiser"]


@dataclass(frozen=True, eq=False)
class Requantiser:
    """``y[c] = clip((x[c] * scale[c] + offset[c]) >> shift, low, high)``, the shift rounding downwards.

    With ``half_even``, a sum that the shift leaves whole (all bits shifted out are 0) and makes odd gives one less: the offset holding
    a half, that is rounding of ties to even. Where x[c] is one of ``exceptions[c]``, the ``corrections[c]`` of the same place are
    added: the few integers at which a float graph's own rounding leaves the straight line.

    ``scale`` and ``offset`` are int64 of shape (channels,); a channel of negative scale falls. 0 <= ``shift`` <= 62. Every integer
    from ``low`` to ``high`` is of type ``output``, which is not BIPOLAR. ``exceptions`` and ``corrections`` are int64 (channels,
    entries), by default without entries; an entry not needed has correction 0. Callers keep ``x * scale + offset`` within 63 bits.

    Raises ``ValueError`` where one of these does not hold.
    """

    scale: np.ndarray
    offset: np.ndarray
    shift: int
    low: int
    high: int
    output: DataType
    half_even: bool = False
    exceptions: np.ndarray | None = None
    corrections: np.ndarray | None = None

    def __post_init__(self):
        if self.scale.ndim != 1 or self.scale.shape != self.offset.shape:
            shapes = f"{self.scale.shape} and {self.offset.shape}"
            raise ValueError(f"scale and offset have shapes {shapes}: one of each per channel expected")
        if not 0 <= self.shift <= 62:
            raise ValueError(f"shift={self.shift}: 0 to 62 expected")
        if self.low > self.high or self.output == BIPOLAR or not self.output.allows([self.low, self.high]):
            raise ValueError(f"clips to {self.low}..{self.high}, which {self.output} does not hold")
        for name in ("exceptions", "corrections"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, np.zeros((self.channels, 0), dtype=np.int64))
        if self.exceptions.shape != self.corrections.shape or len(self.exceptions) != self.channels:
            shapes = f"{self.exceptions.shape} and {self.corrections.shape}"
            raise ValueError(f"exceptions and corrections have shapes {shapes}: (channels, entries) expected of both")

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
        """Constants kept: a scale and an offset per channel, and the exceptions."""
        return self.scale.size + self.offset.size + self.exceptions.size

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Apply to integers of shape (..., channels); int64 of the same shape."""
        x = np.asarray(x, dtype=np.int64)
        y = x * self.scale
        y += self.offset
        ties = (y & ((1 << self.shift) - 1)) == 0 if self.half_even else None
        y >>= self.shift
        if ties is not None:
            y -= ties & (y & 1).astype(bool)
        np.clip(y, self.low, self.high, out=y)
        for value, correction in zip(self.exceptions.T, self.corrections.T, strict=True):
            y += (x == value) * correction
        return y

    def spread(self, places: np.ndarray) -> "Requantiser":
        """A requantiser whose channel c does what channel ``places[c]`` of this one does."""
        parts = {name: getattr(self, name)[places] for name in ("scale", "offset", "exceptions", "corrections")}
        return replace(self, **parts)

    def after(self, offsets: np.ndarray) -> "Requantiser":
        """A requantiser that makes of x[c] what this one makes of ``x[c] + offsets[c]``."""
        return replace(self, offset=self.offset + self.scale * offsets, exceptions=self.exceptions - offsets[:, None])

    def as_thresholds(self, low: int, high: int) -> Thresholds:
        """The thresholds that give the same for every x from ``low`` to ``high``. Raises ``ValueError`` above 255 steps."""
        falls = self.scale < 0
        levels = np.arange(self.low + 1, self.high + 1)[:, None]
        lower = np.full((len(levels), self.channels), low, dtype=np.int64)
        upper = np.full(lower.shape, high + 1, dtype=np.int64)
        for _ in range((high + 1 - low).bit_length()):
            middle = (lower + upper) // 2
            beyond = (self(middle) >= levels) ^ falls
            searching = lower < upper
            upper, lower = np.where(searching & beyond, middle, upper), np.where(searching & ~beyond, middle + 1, lower)
        return Thresholds(np.where(falls, lower[::-1], lower).T.copy(), self.output, self.low, falls)
