"""Layers that make one value of many: pools over windows, and the index of the greatest channel."""

from dataclasses import dataclass
from math import prod

import numpy as np

from finnr_rtl.datatypes import uint
from finnr_rtl.network.layer import Accumulating, Layer, Window
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["ArgMax", "MaxPool", "SumPool"]


@dataclass(frozen=True, eq=False)
class MaxPool(Layer):
    """Greatest value of each window, per channel. Padding never wins: it holds the least value of the type.

    A global pool is one whose kernel is the whole map.
    """

    window: Window

    @property
    def output_shape(self):
        return *self.window.positions(self.input_shape), self.input_shape[2]

    @property
    def output_type(self):
        return self.input_type

    @property
    def operations(self) -> int:
        return prod(self.output_shape) * prod(self.window.kernel)

    def reference(self, x):
        taps = self.window.taps(self.window.pad(x, self.input_type.min))
        result = next(taps).copy()
        for view in taps:
            np.maximum(result, view, out=result)
        return result


@dataclass(frozen=True, eq=False)
class SumPool(Accumulating):
    """Sum of each window, per channel: an average pool without its division, which ``thresholds`` or later layers do.

    Padding pixels hold ``pad_value``. A global pool is one whose kernel is the whole map.
    """

    window: Window
    pad_value: int = 0
    thresholds: Thresholds | Requantiser | None = None

    @property
    def output_shape(self):
        return *self.window.positions(self.input_shape), self.input_shape[2]

    @property
    def accumulator_range(self):
        taps = prod(self.window.kernel)
        low, high = self.input_type.min, self.input_type.max
        if any(self.window.pads):
            low, high = min(low, self.pad_value), max(high, self.pad_value)
        return taps * low, taps * high

    @property
    def operations(self) -> int:
        return prod(self.output_shape) * prod(self.window.kernel)

    def accumulate(self, x):
        result = np.zeros((len(x), *self.output_shape), dtype=np.int64)
        for view in self.window.taps(self.window.pad(np.asarray(x, dtype=np.int64), self.pad_value)):
            result += view
        return result


@dataclass(frozen=True, eq=False)
class ArgMax(Layer):
    """Index of the greatest channel; the first of equals."""

    @property
    def output_shape(self):
        return *self.input_shape[:2], 1

    @property
    def output_type(self):
        return uint(max(1, (self.input_shape[2] - 1).bit_length()))

    @property
    def operations(self) -> int:
        return prod(self.input_shape)

    def reference(self, x):
        return x.argmax(axis=-1)[..., None].astype(np.int64)
