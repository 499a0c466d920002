"""Cores that repeat or move pixels and channels: upsampling, depth to space, space to depth."""

from dataclasses import dataclass

import numpy as np

from finnr_rtl.cores.contract import StreamSpec, require_divisor
from finnr_rtl.cores.loops import Loop, merge
from finnr_rtl.cores.pad_sequence import PaddedMap
from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.datatypes import DataType

__all__ = ["DepthToSpaceConfig", "SpaceToDepthConfig", "UpsampleConfig"]


class _Rearrangement(WalkConfig):
    """What the configurations below share: an input of ``shape`` (height, width, channels), written to the ring as it comes."""

    @property
    def folds(self) -> int:
        """Beats per pixel of the input."""
        return self.shape[2] // self.lanes

    @property
    def map(self):
        return PaddedMap(self.shape[0], self.shape[1], self.folds, (0, 0, 0, 0))

    @property
    def _row(self) -> int:
        """Beats per row of the input."""
        return self.shape[1] * self.folds

    @property
    def input(self):
        return StreamSpec(self.dtype, self.shape, self.lanes)


@dataclass(frozen=True)
class UpsampleConfig(_Rearrangement):
    """Nearest neighbour: every pixel of a map ``shape`` (height, width, channels) ``factors`` (vertical, horizontal) times.

    ``lanes`` channels a beat. The ring holds a row of the map and a little more.

    Raises ``ValueError`` for lanes that do not divide the channels, factors below 1, or a depth that cannot hold a row.
    """

    dtype: DataType
    shape: tuple[int, int, int]
    factors: tuple[int, int]
    lanes: int
    depth: int | None = None

    def __post_init__(self):
        require_divisor("lanes", self.lanes, "channels", self.shape[2])
        if min(self.factors) < 1:
            raise ValueError(f"factors={self.factors} must be at least 1 both ways")
        self.check_depth()

    @property
    def output(self):
        height, width, channels = self.shape
        return StreamSpec(self.dtype, (height * self.factors[0], width * self.factors[1], channels), self.lanes)

    def reference(self, x):
        return np.asarray(x, dtype=np.int64).repeat(self.factors[0], axis=1).repeat(self.factors[1], axis=2)

    @property
    def window_loops(self):
        return merge([Loop(self.shape[0], self._row)])

    @property
    def tap_loops(self):
        rows, columns = self.factors
        return merge([Loop(rows, 0), Loop(self.shape[1], self.folds), Loop(columns, 0), Loop(self.folds, 1)])


def _check_order(config, lanes: int):
    """Raise ``ValueError`` where the order is unknown, or has the values of a beat of one stream apart in the other."""
    if config.block < 1:
        raise ValueError(f"block={config.block} must be at least 1")
    if config.order not in ("DCR", "CRD"):
        raise ValueError(f"order={config.order!r} must be 'DCR' or 'CRD'")
    if config.order == "CRD" and config.block > 1 and lanes != 1:
        raise ValueError(f"lanes={lanes} must be 1 for order 'CRD', in which neighbouring channels become different pixels")


@dataclass(frozen=True)
class DepthToSpaceConfig(_Rearrangement):
    """Channels of a map ``shape`` (height, width, channels) become squares of ``block`` x ``block`` pixels.

    In order "DCR" the place in the square is the outer part of a channel's number, in order "CRD" the inner. ``lanes`` channels a
    beat, which are 1 in order "CRD". The ring holds up to two rows of the map.

    Raises ``ValueError`` for channels that the square does not divide, lanes that do not divide the channels of a pixel of the
    output, or a depth that cannot hold a row.
    """

    dtype: DataType
    shape: tuple[int, int, int]
    block: int
    lanes: int
    order: str = "DCR"
    depth: int | None = None

    def __post_init__(self):
        _check_order(self, self.lanes)
        require_divisor("block * block", self.block**2, "channels", self.shape[2])
        require_divisor("lanes", self.lanes, "channels / block / block", self.output.shape[2])
        self.check_depth()

    @property
    def output(self):
        height, width, channels = self.shape
        return StreamSpec(self.dtype, (height * self.block, width * self.block, channels // self.block**2), self.lanes)

    def reference(self, x):
        block, channels = self.block, self.output.shape[2]
        x = np.asarray(x, dtype=np.int64)
        if self.order == "DCR":
            y = x.reshape(-1, *self.shape[:2], block, block, channels).transpose(0, 1, 3, 2, 4, 5)
        else:
            y = x.reshape(-1, *self.shape[:2], channels, block, block).transpose(0, 1, 4, 2, 5, 3)
        return y.reshape(-1, *self.output.shape)

    @property
    def window_loops(self):
        return merge([Loop(self.shape[0], self._row)])

    @property
    def tap_loops(self):
        block = self.block
        inner = self.output.shape[2] // self.lanes
        # Beats from one place in the square to the next, and from one group of channels to the next.
        place, group = (inner, 1) if self.order == "DCR" else (1, block * block)
        columns = Loop(self.shape[1], self.folds)
        return merge([Loop(block, block * place), columns, Loop(block, place), Loop(inner, group)])


@dataclass(frozen=True)
class SpaceToDepthConfig(_Rearrangement):
    """Squares of ``block`` x ``block`` pixels of a map ``shape`` (height, width, channels) become channels.

    The inverse of :class:`DepthToSpaceConfig` of the same order. ``lanes`` channels a beat, which are 1 in order "CRD". The ring
    holds about ``block`` rows of the map.

    Raises ``ValueError`` for a height or width that ``block`` does not divide, lanes that do not divide the channels, or a depth
    that cannot hold a square.
    """

    dtype: DataType
    shape: tuple[int, int, int]
    block: int
    lanes: int
    order: str = "DCR"
    depth: int | None = None

    def __post_init__(self):
        _check_order(self, self.lanes)
        require_divisor("block", self.block, "height", self.shape[0])
        require_divisor("block", self.block, "width", self.shape[1])
        require_divisor("lanes", self.lanes, "channels", self.shape[2])
        self.check_depth()

    @property
    def output(self):
        height, width, channels = self.shape
        return StreamSpec(self.dtype, (height // self.block, width // self.block, channels * self.block**2), self.lanes)

    def reference(self, x):
        height, width, _ = self.output.shape
        x = np.asarray(x, dtype=np.int64).reshape(-1, height, self.block, width, self.block, self.shape[2])
        y = x.transpose(0, 1, 3, 2, 4, 5) if self.order == "DCR" else x.transpose(0, 1, 3, 5, 2, 4)
        return y.reshape(-1, *self.output.shape)

    @property
    def window_loops(self):
        height, width, _ = self.output.shape
        return merge([Loop(height, self.block * self._row), Loop(width, self.block * self.folds)])

    @property
    def tap_loops(self):
        square = [Loop(self.block, self._row), Loop(self.block, self.folds)]
        channels = [Loop(self.folds, 1)]
        return merge([*square, *channels] if self.order == "DCR" else [*channels, *square])
