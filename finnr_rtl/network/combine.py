"""Layers that join several streams: sums, products, concatenation."""

from dataclasses import dataclass
from math import prod

import numpy as np

from finnr_rtl.datatypes import DataType
from finnr_rtl.network.layer import Accumulating, Layer, covering
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["Add", "Concat", "Multiply"]


@dataclass(frozen=True, eq=False)
class Add(Accumulating):
    """``sum_i multipliers[i, c] * x_i[c] + offsets[c]`` of two or more streams of one shape, then ``thresholds`` if there are.

    ``multipliers`` is int64 (inputs, channels), ``offsets`` int64 (channels,). ``other_types`` are the types of the
    inputs behind the first.

    Raises ``ValueError`` where the numbers of inputs, types and multipliers disagree.
    """

    other_types: tuple[DataType, ...]
    multipliers: np.ndarray
    offsets: np.ndarray
    thresholds: Thresholds | Requantiser | None = None

    def __post_init__(self):
        wanted = (len(self.inputs), self.input_shape[2])
        if self.multipliers.shape != wanted or len(self.other_types) != wanted[0] - 1 or self.offsets.shape != wanted[1:]:
            raise ValueError(f"multipliers of shape {self.multipliers.shape}: (inputs, channels) = {wanted} expected")

    @property
    def input_types(self):
        return (self.input_type, *self.other_types)

    @property
    def output_shape(self):
        return self.input_shape

    @property
    def accumulator_range(self):
        low, high = np.array(self.offsets), np.array(self.offsets)
        for row, dtype in zip(self.multipliers, self.input_types, strict=True):
            low += np.minimum(row * dtype.min, row * dtype.max)
            high += np.maximum(row * dtype.min, row * dtype.max)
        return int(low.min()), int(high.max())

    @property
    def operations(self) -> int:
        return 2 * prod(self.input_shape) * len(self.inputs)

    @property
    def parameters(self) -> int:
        return self.multipliers.size + self.offsets.size + super().parameters

    def accumulate(self, *x):
        total = np.zeros((len(x[0]), *self.input_shape), dtype=np.int64) + self.offsets
        for row, term in zip(self.multipliers, x, strict=True):
            total += np.asarray(term, dtype=np.int64) * row
        return total


@dataclass(frozen=True, eq=False)
class Multiply(Accumulating):
    """``(a - zeros[0]) * (b - zeros[1])`` of two streams of one shape, then ``thresholds`` if there are.

    ``other_types`` holds the type of the second input.
    """

    other_types: tuple[DataType, ...]
    zeros: tuple[int, int] = (0, 0)
    thresholds: Thresholds | Requantiser | None = None

    @property
    def input_types(self):
        return (self.input_type, *self.other_types)

    @property
    def output_shape(self):
        return self.input_shape

    @property
    def accumulator_range(self):
        a, b = ((dtype.min - zero, dtype.max - zero) for dtype, zero in zip(self.input_types, self.zeros, strict=True))
        corners = [x * y for x in a for y in b]
        return min(corners), max(corners)

    @property
    def operations(self) -> int:
        return 2 * prod(self.input_shape)

    def accumulate(self, a, b):
        return (np.asarray(a, dtype=np.int64) - self.zeros[0]) * (np.asarray(b, dtype=np.int64) - self.zeros[1])


@dataclass(frozen=True, eq=False)
class Concat(Layer):
    """Streams of the same height and width one behind the other, channel-wise.

    ``other_channels`` and ``other_types`` are those of the inputs behind the first; the result is of the narrowest type
    that holds all.
    """

    other_channels: tuple[int, ...]
    other_types: tuple[DataType, ...]

    @property
    def input_shapes(self):
        return self.input_shape, *((*self.input_shape[:2], channels) for channels in self.other_channels)

    @property
    def input_types(self):
        return (self.input_type, *self.other_types)

    @property
    def output_shape(self):
        return *self.input_shape[:2], self.input_shape[2] + sum(self.other_channels)

    @property
    def output_type(self):
        return covering(*self.input_types)

    def reference(self, *x):
        return np.concatenate(x, axis=3)
