"""The integer layers a network is made of.

Each layer is a frozen dataclass that knows its shapes, its types, its work, and how to compute itself in NumPy (``reference``).
A feature map is (height, width, channels), channels innermost; a vector is a map of height and width 1.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np

from finnr_rtl.datatypes import DataType, smallest, uint
from finnr_rtl.thresholds import Thresholds

__all__ = ["ArgMax", "Conv", "Layer", "MaxPool", "Shape", "Threshold", "Window"]

Shape = tuple[int, int, int]


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

    def slide(self, x: np.ndarray, pad_value: int) -> np.ndarray:
        """View of ``x`` (frames, height, width, channels) as (frames, rows, columns, kernel rows, kernel columns, channels)."""
        top, left, bottom, right = self.pads
        if any(self.pads):
            x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=pad_value)
        view = np.lib.stride_tricks.sliding_window_view(x, self.span, axis=(1, 2))
        view = view[:, :: self.stride[0], :: self.stride[1], :, :: self.dilation[0], :: self.dilation[1]]
        return view.transpose(0, 1, 2, 4, 5, 3)

    @property
    def trivial(self) -> bool:
        """Whether windows are just the pixels."""
        return self == Window()


@dataclass(frozen=True, eq=False)
class Layer(ABC):
    """One integer layer. ``inputs`` names the layers (or the network input) whose outputs it takes."""

    name: str
    inputs: tuple[str, ...]
    input_shape: Shape
    input_type: DataType

    @property
    @abstractmethod
    def output_shape(self) -> Shape:
        """Shape of the result."""

    @property
    @abstractmethod
    def output_type(self) -> DataType:
        """Type of the result's values."""

    @abstractmethod
    def reference(self, x: np.ndarray) -> np.ndarray:
        """Integers (frames, \\*input_shape) to int64 (frames, \\*output_shape)."""

    @property
    def operations(self) -> int:
        """Operations per frame: one multiply-accumulate is two, one comparison of a pool one."""
        return 0

    @property
    def parameters(self) -> int:
        """Weights and thresholds."""
        return 0


@dataclass(frozen=True, eq=False)
class Conv(Layer):
    """Matrix layer: convolution, or a fully connected layer where the map is one pixel and the kernel 1x1.

    ``weights`` is int64 (outputs, kernel rows, kernel columns, channels). Without ``thresholds`` the result is the accumulator.
    Padding pixels hold ``pad_value`` in every channel.
    """

    weights: np.ndarray
    weight_type: DataType
    window: Window = field(default_factory=Window)
    pad_value: int = 0
    thresholds: Thresholds | None = None

    @property
    def outputs(self) -> int:
        return self.weights.shape[0]

    @property
    def fan_in(self) -> int:
        return prod(self.weights.shape[1:])

    @property
    def fully_connected(self) -> bool:
        return self.input_shape[:2] == (1, 1) and self.window.trivial

    @property
    def output_shape(self) -> Shape:
        return *self.window.positions(self.input_shape), self.outputs

    @cached_property
    def accumulator_range(self) -> tuple[int, int]:
        """Least and greatest accumulator over all inputs of ``input_type``: interval analysis over the actual weights."""
        flat = self.weights.reshape(self.outputs, -1)
        up, down = np.maximum(flat, 0).sum(axis=1), np.minimum(flat, 0).sum(axis=1)
        low, high = self.input_type.min, self.input_type.max
        return int((up * low + down * high).min()), int((up * high + down * low).max())

    @property
    def output_type(self) -> DataType:
        return self.thresholds.output if self.thresholds else smallest(*self.accumulator_range)

    @property
    def operations(self) -> int:
        return 2 * self.weights.size * prod(self.output_shape[:2])

    @property
    def parameters(self) -> int:
        return self.weights.size + (self.thresholds.values.size if self.thresholds else 0)

    def accumulate(self, x: np.ndarray) -> np.ndarray:
        """Accumulators (frames, rows, columns, outputs), before any threshold."""
        # Sums of integers below 2^24 (2^53) are exact in float32 (float64), whatever the order: so BLAS may add them.
        bound = np.abs(self.weights.reshape(self.outputs, -1)).sum(axis=1).max() * max(-self.input_type.min, self.input_type.max, 1)
        kind = np.float32 if bound < 1 << 24 else np.float64 if bound < 1 << 53 else np.int64
        windows = self.window.slide(x.astype(kind), self.pad_value)
        columns = windows.reshape(-1, self.fan_in)
        result = columns @ self.weights.reshape(self.outputs, -1).T.astype(kind)
        return result.reshape(len(x), *self.output_shape).astype(np.int64)

    def reference(self, x):
        acc = self.accumulate(x)
        return self.thresholds(acc) if self.thresholds else acc


@dataclass(frozen=True, eq=False)
class Threshold(Layer):
    """A multi-threshold activation on its own, per channel of the map."""

    thresholds: Thresholds

    @property
    def output_shape(self) -> Shape:
        return self.input_shape

    @property
    def output_type(self) -> DataType:
        return self.thresholds.output

    @property
    def parameters(self) -> int:
        return self.thresholds.values.size

    def reference(self, x):
        return self.thresholds(np.asarray(x, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class MaxPool(Layer):
    """Greatest value of each window, per channel. Padding never wins: it holds the least value of the type."""

    window: Window

    @property
    def output_shape(self) -> Shape:
        return *self.window.positions(self.input_shape), self.input_shape[2]

    @property
    def output_type(self) -> DataType:
        return self.input_type

    @property
    def operations(self) -> int:
        return prod(self.output_shape) * prod(self.window.kernel)

    def reference(self, x):
        return self.window.slide(np.asarray(x, dtype=np.int64), self.input_type.min).max(axis=(3, 4))


@dataclass(frozen=True, eq=False)
class ArgMax(Layer):
    """Index of the greatest channel; the first of equals."""

    @property
    def output_shape(self) -> Shape:
        return *self.input_shape[:2], 1

    @property
    def output_type(self) -> DataType:
        return uint(max(1, (self.input_shape[2] - 1).bit_length()))

    @property
    def operations(self) -> int:
        return prod(self.input_shape)

    def reference(self, x):
        return x.argmax(axis=-1)[..., None].astype(np.int64)
