"""The order of pixels and padding in a padded map."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.counter import counter

__all__ = ["PadSequence", "PaddedMap"]


@dataclass(frozen=True)
class PaddedMap:
    """A map of ``rows`` by ``columns`` pixels of ``beats`` beats, with ``pads`` (top, left, bottom, right) pixels around it.

    Raises ``ValueError`` for an empty map or negative pads.
    """

    rows: int
    columns: int
    beats: int
    pads: tuple[int, int, int, int]

    def __post_init__(self):
        if min(self.rows, self.columns, self.beats) < 1:
            raise ValueError(f"map of {self.rows} x {self.columns} pixels must not be empty")
        if len(self.pads) != 4 or min(self.pads) < 0:
            raise ValueError(f"pads={self.pads} must be four numbers from 0: top, left, bottom, right")

    @property
    def padded(self) -> tuple[int, int]:
        """Rows and columns with the padding."""
        top, left, bottom, right = self.pads
        return self.rows + top + bottom, self.columns + left + right

    @property
    def total(self) -> int:
        """Beats per frame, padding included."""
        return self.padded[0] * self.padded[1] * self.beats

    @property
    def inside(self) -> np.ndarray:
        """Places of the map's own beats among all beats of a frame, in order (int64)."""
        top, left, _, _ = self.pads
        rows, columns = np.arange(top, top + self.rows), np.arange(left, left + self.columns)
        pixels = (rows[:, None] * self.padded[1] + columns).reshape(-1)
        return (pixels[:, None] * self.beats + np.arange(self.beats)).reshape(-1)


class PadSequence(wiring.Component):
    """Tells padding from pixels: ``padding`` is high while the next beat of the padded map is padding.

    Runs of padding and of pixels alternate, the padding after one frame and before the next being one run; one counter measures
    them.

    Members: ``advance`` In(1), ``padding`` Out(1).
    """

    def __init__(self, padded_map: PaddedMap):
        self._map = padded_map
        super().__init__({"advance": In(1), "padding": Out(1)})

    def elaborate(self, platform):
        m = Module()
        top, left, bottom, right = self._map.pads
        if not any(self._map.pads):
            m.d.comb += self.padding.eq(0)
            return m
        width, beats = self._map.padded[1], self._map.beats
        between = (left + right) * beats
        before = (top * width + left) * beats
        after = (bottom * width + right) * beats
        runs = self._map.rows if between else 1
        pixels = self._map.columns * beats * self._map.rows // runs

        first = before or pixels
        remaining = Signal(range(max(pixels, between, before + after, 2)), init=first - 1)
        padding = Signal(init=before > 0)
        run_ends = Signal()
        m.d.comb += run_ends.eq(self.advance & (remaining == 0))
        _, last_run = counter(m, "run", runs, run_ends & ~padding)
        with m.If(run_ends):
            m.d.sync += padding.eq(~padding)
            with m.If(padding):
                m.d.sync += remaining.eq(pixels - 1)
            with m.Elif(last_run):
                m.d.sync += remaining.eq(before + after - 1)
            with m.Else():
                m.d.sync += remaining.eq(max(between, 1) - 1)
        with m.Elif(self.advance):
            m.d.sync += remaining.eq(remaining - 1)
        m.d.comb += self.padding.eq(padding)
        return m
