"""The matrix layer: convolutions of any grouping, and fully connected layers."""

from dataclasses import dataclass, field
from functools import cached_property
from math import prod

import numpy as np

from finnr_rtl.constant_arrays import constant
from finnr_rtl.datatypes import DataType
from finnr_rtl.network.layer import Accumulating, Window
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["Conv"]


@dataclass(frozen=True, eq=False)
class Conv(Accumulating):
    """Matrix layer: convolution, or a fully connected layer where the map is one pixel and the kernel 1x1.

    ``weights`` is int64 (outputs, kernel rows, kernel columns, channels / groups). Input and output channels are cut into
    ``groups`` equal runs, and each run of outputs sees only its run of inputs: one group is the ordinary case, as many as
    channels a depthwise convolution. Without ``thresholds`` the result is the accumulator. Padding pixels hold ``pad_value``
    in every channel.

    Raises ``ValueError`` where channels, outputs, groups and weights disagree.
    """

    weights: np.ndarray
    weight_type: DataType
    window: Window = field(default_factory=Window)
    pad_value: int = 0
    thresholds: Thresholds | Requantiser | None = None
    groups: int = 1

    def __post_init__(self):
        if self.outputs % self.groups or self.weights.shape[3] * self.groups != self.input_shape[2]:
            raise ValueError(
                f"weights of shape {self.weights.shape} in {self.groups} groups do not fit {self.input_shape[2]} input channels"
            )

    @property
    def outputs(self) -> int:
        return self.weights.shape[0]

    @property
    def fan_in(self) -> int:
        return prod(self.weights.shape[1:])

    @cached_property
    def matrix(self) -> np.ndarray:
        """The weights as (outputs, fan-in), in one piece: cores are made of it again and again while foldings are compared."""
        return constant(self.weights.reshape(self.outputs, -1))

    def matrix_by(self, channels: int) -> np.ndarray:
        """The same with other columns: all taps of the first ``channels`` channels of a group, then of the next, and so on."""
        if channels not in self._matrices_by:
            parts = self.weights.reshape(*self.weights.shape[:3], -1, channels).transpose(0, 3, 1, 2, 4)
            self._matrices_by[channels] = constant(parts.reshape(self.outputs, -1))
        return self._matrices_by[channels]

    @cached_property
    def _matrices_by(self) -> dict[int, np.ndarray]:
        return {self.weights.shape[3]: self.matrix}

    @property
    def fully_connected(self) -> bool:
        return self.input_shape[:2] == (1, 1) and self.window.trivial and self.groups == 1

    @property
    def depthwise(self) -> bool:
        """Whether every output sees one channel of several."""
        return self.groups == self.input_shape[2] > 1

    @property
    def output_shape(self):
        return *self.window.positions(self.input_shape), self.outputs

    @cached_property
    def accumulator_ranges(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest accumulator of each output over all inputs of ``input_type``: intervals over the actual weights."""
        flat = self.matrix
        up, down = np.maximum(flat, 0).sum(axis=1), np.minimum(flat, 0).sum(axis=1)
        low, high = self.input_type.min, self.input_type.max
        return up * low + down * high, up * high + down * low

    @cached_property
    def accumulator_range(self) -> tuple[int, int]:
        low, high = self.accumulator_ranges
        return int(low.min()), int(high.max())

    @property
    def operations(self) -> int:
        return 2 * self.weights.size * prod(self.output_shape[:2])

    @property
    def parameters(self) -> int:
        return self.weights.size + super().parameters

    @cached_property
    def _arithmetic(self) -> type:
        """The fastest type in which sums are exact: integers below 2^24 (2^53) are, in float32 (float64), in whatever order."""
        largest = max(-self.input_type.min, self.input_type.max, 1)
        bound = np.abs(self.weights.reshape(self.outputs, -1)).sum(axis=1).max() * largest
        return np.float32 if bound < 1 << 24 else np.float64 if bound < 1 << 53 else np.int64

    @cached_property
    def _matrices(self) -> np.ndarray:
        """Weights as (groups, fan-in, outputs of a group), ready to multiply with."""
        shaped = self.weights.reshape(self.groups, self.outputs // self.groups, self.fan_in)
        return np.ascontiguousarray(shaped.transpose(0, 2, 1).astype(self._arithmetic))

    def accumulate(self, x: np.ndarray) -> np.ndarray:
        padded = self.window.pad(x.astype(self._arithmetic), self.pad_value)
        if self.depthwise:
            return self._by_tap(padded)
        frames, taps = len(x), prod(self.window.kernel)
        rows, columns, outputs = self.output_shape
        if self.window.trivial and self.groups == 1:
            result = padded.reshape(-1, self.fan_in) @ self._matrices[0]
        else:
            # One contiguous patch per window and group: (groups, windows, taps, channels of a group).
            share = self.weights.shape[3]
            patches = np.empty((self.groups, frames, rows, columns, taps, share), dtype=self._arithmetic)
            for tap, view in enumerate(self.window.taps(padded)):
                for group in range(self.groups):
                    patches[group, ..., tap, :] = view[..., group * share : (group + 1) * share]
            result = patches.reshape(self.groups, -1, self.fan_in) @ self._matrices
            result = result.transpose(1, 0, 2)
        return result.reshape(frames, rows, columns, outputs)

    def _by_tap(self, padded: np.ndarray) -> np.ndarray:
        """Depthwise accumulators: tap by tap, all pixels and channels at once."""
        multiplier = self.outputs // self.groups
        weights = self._matrices.transpose(1, 0, 2)  # (taps, channels, outputs of a channel)
        result = np.zeros((len(padded), *self.output_shape[:2], self.groups, multiplier), dtype=self._arithmetic)
        for view, tap in zip(self.window.taps(padded), weights, strict=True):
            result += view[..., None] * tap
        return result.reshape(len(padded), *self.output_shape)
