"""Layers that compute nothing: they drop, repeat, move or insert pixels and channels."""

from dataclasses import dataclass

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, TERNARY, DataType, smallest
from finnr_rtl.network.layer import Layer, Window

__all__ = ["DepthToSpace", "Pad", "Slice", "SpaceToDepth", "Stuff", "Upsample"]


class _Moving(Layer):
    """A layer whose values are those of its input."""

    @property
    def output_type(self):
        return self.input_type


def _holding(dtype: DataType, value: int) -> DataType:
    """``dtype``, or the narrowest type that holds its values and ``value`` as well."""
    if dtype.allows([value]):
        return dtype
    return TERNARY if dtype == BIPOLAR and value == 0 else smallest(min(value, dtype.min), max(value, dtype.max))


@dataclass(frozen=True, eq=False)
class Slice(_Moving):
    """Channels ``start`` to ``stop - 1`` of every pixel."""

    start: int
    stop: int

    @property
    def output_shape(self):
        return *self.input_shape[:2], self.stop - self.start

    def reference(self, x):
        return x[..., self.start : self.stop]


@dataclass(frozen=True, eq=False)
class Upsample(_Moving):
    """Nearest neighbour: every pixel ``factors`` (vertical, horizontal) times."""

    factors: tuple[int, int]

    @property
    def output_shape(self):
        return self.input_shape[0] * self.factors[0], self.input_shape[1] * self.factors[1], self.input_shape[2]

    def reference(self, x):
        return x.repeat(self.factors[0], axis=1).repeat(self.factors[1], axis=2)


@dataclass(frozen=True, eq=False)
class DepthToSpace(_Moving):
    """Channels become a ``block`` x ``block`` square of pixels.

    In order "DCR" the square's place is the outer part of a channel's number, in order "CRD" (pixel shuffle) the inner.
    """

    block: int
    order: str = "DCR"

    @property
    def output_shape(self):
        height, width, channels = self.input_shape
        return height * self.block, width * self.block, channels // self.block**2

    def reference(self, x):
        height, width, channels = self.output_shape
        block = self.block
        if self.order == "DCR":
            x = x.reshape(-1, *self.input_shape[:2], block, block, channels).transpose(0, 1, 3, 2, 4, 5)
        else:
            x = x.reshape(-1, *self.input_shape[:2], channels, block, block).transpose(0, 1, 4, 2, 5, 3)
        return x.reshape(-1, height, width, channels)


@dataclass(frozen=True, eq=False)
class SpaceToDepth(_Moving):
    """A ``block`` x ``block`` square of pixels becomes channels: the inverse of :class:`DepthToSpace` of the same order."""

    block: int
    order: str = "DCR"

    @property
    def output_shape(self):
        height, width, channels = self.input_shape
        return height // self.block, width // self.block, channels * self.block**2

    def reference(self, x):
        height, width, channels = self.output_shape
        block = self.block
        x = x.reshape(-1, height, block, width, block, self.input_shape[2])
        x = x.transpose(0, 1, 3, 2, 4, 5) if self.order == "DCR" else x.transpose(0, 1, 3, 5, 2, 4)
        return x.reshape(-1, height, width, channels)


@dataclass(frozen=True, eq=False)
class Pad(Layer):
    """A frame of pixels that hold ``value`` in every channel; ``pads`` as (top, left, bottom, right)."""

    pads: tuple[int, int, int, int]
    value: int = 0

    @property
    def output_shape(self):
        return Window(pads=self.pads).padded(self.input_shape)

    @property
    def output_type(self):
        return _holding(self.input_type, self.value)

    def reference(self, x):
        return Window(pads=self.pads).pad(np.asarray(x, dtype=np.int64), self.value)


@dataclass(frozen=True, eq=False)
class Stuff(Layer):
    """``factors - 1`` rows (columns) of ``value`` between every two rows (columns): what a transposed convolution slides over."""

    factors: tuple[int, int]
    value: int = 0

    @property
    def output_shape(self):
        height, width, channels = self.input_shape
        return (height - 1) * self.factors[0] + 1, (width - 1) * self.factors[1] + 1, channels

    @property
    def output_type(self):
        return _holding(self.input_type, self.value)

    def reference(self, x):
        result = np.full((len(x), *self.output_shape), self.value, dtype=np.int64)
        result[:, :: self.factors[0], :: self.factors[1]] = x
        return result
