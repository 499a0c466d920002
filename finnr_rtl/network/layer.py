"""What all integer layers have in common, and the windows that some of them slide over a map."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, TERNARY, DataType, smallest

__all__ = ["Accumulating", "Layer", "Shape", "Window", "covering"]

Shape = tuple[int, int, int]


def covering(*types: DataType) -> DataType:
    """The narrowest type that holds all values of ``types``: one of them where that is enough."""
    widest = max(types, key=lambda dtype: dtype.bits)
    for dtype in (widest, *types):
        if all(other == dtype or (dtype != BIPOLAR and dtype.min <= other.min and other.max <= dtype.max) for other in types):
            return dtype
    low, high = min(dtype.min for dtype in types), max(dtype.max for dtype in types)
    return TERNARY if (low, high) == (-1, 1) else smallest(low, high)


@dataclass(frozen=True)
class Window:
    """How a kernel slides over a map: sizes as (vertical, horizontal); ``pads`` as (top, left, bottom, right)."""

    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)

    def padded(self, shape: Shape) -> Shape:
        """Shape of the map with its padding."""
        top, left, bottom, right = self.pads
        return shape[0] + top + bottom, shape[1] + left + right, shape[2]

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns from the first to the last tap."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def positions(self, shape: Shape) -> tuple[int, int]:
        """Rows and columns of windows over a map; zero or less where it does not fit."""
        padded = self.padded(shape)
        return tuple((padded[i] - self.span[i]) // self.stride[i] + 1 for i in (0, 1))

    def pad(self, x: np.ndarray, pad_value: int) -> np.ndarray:
        """``x`` (frames, height, width, channels) with its padding."""
        top, left, bottom, right = self.pads
        if not any(self.pads):
            return x
        return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=pad_value)

    def taps(self, padded: np.ndarray):
        """For each tap, row by row: the view (frames, rows, columns, channels) of a padded map that it meets."""
        rows, columns = ((padded.shape[i + 1] - self.span[i]) // self.stride[i] + 1 for i in (0, 1))
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                top, left = i * self.dilation[0], j * self.dilation[1]
                bottom, right = top + (rows - 1) * self.stride[0] + 1, left + (columns - 1) * self.stride[1] + 1
                yield padded[:, top : bottom : self.stride[0], left : right : self.stride[1]]

    @property
    def trivial(self) -> bool:
        """Whether windows are just the pixels."""
        return self == Window()


@dataclass(frozen=True, eq=False)
class Layer(ABC):
    """One integer layer. ``inputs`` names the layers (or network inputs) whose outputs it takes.

    A layer that several others name is a fork; nothing else tells of it. ``input_shape`` and ``input_type`` are those of the
    first input; ``input_shapes`` and ``input_types`` of all.
    """

    name: str
    inputs: tuple[str, ...]
    input_shape: Shape
    input_type: DataType

    @property
    def input_shapes(self) -> tuple[Shape, ...]:
        return (self.input_shape,) * len(self.inputs)

    @property
    def input_types(self) -> tuple[DataType, ...]:
        return (self.input_type,) * len(self.inputs)

    @property
    @abstractmethod
    def output_shape(self) -> Shape:
        """Shape of the result."""

    @property
    @abstractmethod
    def output_type(self) -> DataType:
        """Type of the result's values."""

    @abstractmethod
    def reference(self, *x: np.ndarray) -> np.ndarray:
        """Integers (batches, \\*input_shape), one array per input, to integers (batches, \\*output_shape)."""

    @property
    def operations(self) -> int:
        """Operations per batch: one multiply-accumulate is two, one comparison of a pool one."""
        return 0

    @property
    def parameters(self) -> int:
        """Weights, thresholds and other constants."""
        return 0


class Accumulating(Layer):
    """A layer that sums or multiplies: its result is the accumulator, or what its field ``thresholds`` makes of that.

    ``thresholds`` is a ``Thresholds``, a ``Requantiser`` or None.
    """

    @property
    @abstractmethod
    def accumulator_range(self) -> tuple[int, int]:
        """Least and greatest accumulator over all inputs of the declared types."""

    @abstractmethod
    def accumulate(self, *x: np.ndarray) -> np.ndarray:
        """Accumulators (frames, \\*output_shape), before any threshold: whole numbers, in any type that holds them exactly."""

    @property
    def output_type(self) -> DataType:
        return self.thresholds.output if self.thresholds else smallest(*self.accumulator_range)

    @property
    def parameters(self) -> int:
        return self.thresholds.parameters if self.thresholds else 0

    def reference(self, *x):
        acc = self.accumulate(*x)
        return self.thresholds(acc) if self.thresholds else acc.astype(np.int64, copy=False)
