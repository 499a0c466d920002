"""Layers that turn each value into another, by itself: thresholds, requantisation, tables."""

from dataclasses import dataclass
from math import prod

import numpy as np

from finnr_rtl.datatypes import DataType
from finnr_rtl.network.layer import Layer
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["Lookup", "Requantise", "Threshold"]


@dataclass(frozen=True, eq=False)
class Threshold(Layer):
    """A multi-threshold activation on its own, per channel of the map."""

    thresholds: Thresholds

    @property
    def output_shape(self):
        return self.input_shape

    @property
    def output_type(self):
        return self.thresholds.output

    @property
    def parameters(self) -> int:
        return self.thresholds.parameters

    def reference(self, x):
        return self.thresholds(x)


@dataclass(frozen=True, eq=False)
class Requantise(Layer):
    """A requantiser on its own, per channel of the map."""

    requantiser: Requantiser

    @property
    def output_shape(self):
        return self.input_shape

    @property
    def output_type(self):
        return self.requantiser.output

    @property
    def operations(self) -> int:
        return 2 * prod(self.input_shape)

    @property
    def parameters(self) -> int:
        return self.requantiser.parameters

    def reference(self, x):
        return self.requantiser(x)


@dataclass(frozen=True, eq=False)
class Lookup(Layer):
    """A table over a small range of integers: ``y = table[c, x - low]``.

    ``table`` is int64 (channels, entries), or (1, entries) where all channels share it; every entry is of type ``output``.
    Inputs are ``low`` to ``low + entries - 1``; others do not occur.

    Raises ``ValueError`` where the table does not fit.
    """

    table: np.ndarray
    low: int
    output: DataType

    def __post_init__(self):
        if self.table.ndim != 2 or self.table.shape[0] not in (1, self.input_shape[2]) or not self.table.shape[1]:
            raise ValueError(f"table of shape {self.table.shape}: ({self.input_shape[2]} channels or 1, entries) expected")
        if not self.output.allows(self.table):
            raise ValueError(f"the table holds values that are not of type {self.output}")

    @property
    def output_shape(self):
        return self.input_shape

    @property
    def output_type(self):
        return self.output

    @property
    def parameters(self) -> int:
        return self.table.size

    def reference(self, x):
        place = np.asarray(x, dtype=np.int64) - self.low
        return self.table[np.arange(len(self.table)) if len(self.table) > 1 else 0, place]
