"""Sliding-window unit."""

from dataclasses import dataclass

import numpy as np

from finnr_rtl.cores.contract import StreamSpec, require_divisor
from finnr_rtl.cores.loops import Loop, merge
from finnr_rtl.cores.pad_sequence import PaddedMap
from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.datatypes import DataType

__all__ = ["SwuConfig"]


@dataclass(frozen=True)
class SwuConfig(WalkConfig):
    """All windows of a map ``shape`` (height, width, channels), row by row, ``simd`` channels a beat.

    ``kernel``, ``stride`` and ``dilation`` are (vertical, horizontal), ``pads`` (top, left, bottom, right) pixels of value
    ``pad_value``. The output of order "window" is a tensor (rows, columns, kernel rows, kernel columns, channels); of order
    "depthwise" (rows, columns, channels / simd, kernel rows, kernel columns, simd), with the taps of each group of channels
    together.

    One beat out a cycle and, at the same time, one beat of the padded map in; a beat is offered two cycles after it was taken at
    the earliest. ``depth`` is the ring's, in beats; ``None`` takes the smallest with which a frame takes no more cycles than the
    greater of the two has beats, or more where they cost nothing.

    Raises ``ValueError`` for simd that does not divide the channels, a kernel that does not fit, a pad value outside the type, or
    a depth that cannot hold a window.
    """

    dtype: DataType
    shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pads: tuple[int, int, int, int]
    pad_value: int
    simd: int
    order: str = "window"
    depth: int | None = None

    def __post_init__(self):
        require_divisor("simd", self.simd, "channels", self.shape[2])
        if not self.dtype.allows(self.pad_value):
            raise ValueError(f"pad_value={self.pad_value} must be a value of type {self.dtype}")
        for name in ("kernel", "stride", "dilation"):
            if min(getattr(self, name)) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1 both ways")
        if min(self.windows) < 1:
            raise ValueError(f"kernel={self.kernel} with dilation={self.dilation} must fit the padded map {self.map.padded}")
        if self.order not in ("window", "depthwise"):
            raise ValueError(f"order={self.order!r} must be 'window' or 'depthwise'")
        self.check_depth()

    @property
    def folds(self) -> int:
        """Beats per pixel."""
        return self.shape[2] // self.simd

    @property
    def map(self) -> PaddedMap:
        """The order of beats written to the ring."""
        return PaddedMap(self.shape[0], self.shape[1], self.folds, self.pads)

    @property
    def windows(self) -> tuple[int, int]:
        """Rows and columns of windows."""
        sizes = zip(self.map.padded, self.kernel, self.stride, self.dilation, strict=True)
        return tuple((size - (k - 1) * d - 1) // s + 1 for size, k, s, d in sizes)

    @property
    def input(self):
        return StreamSpec(self.dtype, self.shape, self.simd)

    @property
    def output(self):
        if self.order == "window":
            return StreamSpec(self.dtype, (*self.windows, *self.kernel, self.shape[2]), self.simd)
        return StreamSpec(self.dtype, (*self.windows, self.folds, *self.kernel, self.simd), self.simd)

    def reference(self, x):
        top, left, bottom, right = self.pads
        x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=self.pad_value)
        span = tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        y = np.lib.stride_tricks.sliding_window_view(x, span, axis=(1, 2))
        y = y[:, :: self.stride[0], :: self.stride[1], :, :: self.dilation[0], :: self.dilation[1]]
        y = y.transpose(0, 1, 2, 4, 5, 3)
        if self.order == "depthwise":
            y = y.reshape(*y.shape[:5], self.folds, self.simd).transpose(0, 1, 2, 5, 3, 4, 6)
        return np.ascontiguousarray(y, dtype=np.int64)

    @property
    def _row(self) -> int:
        return self.map.padded[1] * self.folds

    @property
    def window_loops(self) -> list[Loop]:
        # The first beats of all windows.
        return merge([
            Loop(self.windows[0], self.stride[0] * self._row),
            Loop(self.windows[1], self.stride[1] * self.folds),
        ])

    @property
    def tap_loops(self) -> list[Loop]:
        # The beats of a window.
        rows = Loop(self.kernel[0], self.dilation[0] * self._row)
        columns = Loop(self.kernel[1], self.dilation[1] * self.folds)
        folds = Loop(self.folds, 1)
        return merge([rows, columns, folds] if self.order == "window" else [folds, rows, columns])
