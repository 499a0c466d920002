"""Sliding windows, line buffers and padding."""

from functools import cache
from math import gcd

from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.line_buffer import LineBufferConfig
from finnr_rtl.cores.loops import Loop
from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.pad_sequence import PaddedMap
from finnr_rtl.cores.padding import PaddingConfig
from finnr_rtl.cores.ram import free_words
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.cost.cores.dispatch import compose
from finnr_rtl.cost.parts import Parts
from finnr_rtl.datatypes import BIPOLAR

__all__ = ["ring_words"]


def _pad_sequence(pads: PaddedMap, p: Parts) -> None:
    if not any(pads.pads):
        return
    top, left, bottom, right = pads.pads
    between, before = (left + right) * pads.beats, (top * pads.padded[1] + left) * pads.beats
    after = (bottom * pads.padded[1] + right) * pads.beats
    runs = pads.rows if between else 1
    pixels = pads.columns * pads.beats * pads.rows // runs
    bits = address_bits(max(pixels, between, before + after, 2))
    p.ff += bits + 1
    p.lut("pad")
    p.lut("pad bit", bits)
    if before + after != between:
        p.counter(runs)


@compose.register
def _(c: PaddingConfig, p):
    _pad_sequence(c.map, p)
    p.ff += 1 + c.output.width
    p.lut("flag")
    p.lut("pad mux", c.output.width)


@compose.register
def _(c: StuffingConfig, p):
    rows, columns, channels = c.output.shape
    for count in (channels // c.lanes, columns, rows):
        p.counter(count)
    for factor in c.factors:
        if factor > 1:
            p.ff += address_bits(factor)
            p.lut("flag")
    p.output_place()
    p.ff += c.output.width
    p.lut("pad mux", c.output.width)


def ring_words(c: WalkConfig) -> int:
    """Beats the ring of a core holds, without a look at every beat of a frame where that can be helped.

    The least depth grows with the beats of a pixel in a straight line, so those of one and of two tell all others.
    """
    if c.depth is None and isinstance(c, SwuConfig):
        one, two = _ring_depths(c.shape[:2], c.kernel, c.stride, c.dilation, c.pads, c.order)
        return free_words(one + (c.folds - 1) * (two - one), c.input.width)
    return _ring_words(c)


@cache
def _ring_depths(pixels: tuple, kernel: tuple, stride: tuple, dilation: tuple, pads: tuple, order: str) -> tuple[int, int]:
    units = [SwuConfig(BIPOLAR, (*pixels, folds), kernel, stride, dilation, pads, -1, 1, order) for folds in (1, 2)]
    return tuple(unit.depth_for() for unit in units)


@cache
def _ring_words(c: WalkConfig) -> int:
    return c.words


def _turns(loops: list[Loop], p: Parts) -> None:
    """cores/loops.py: counters, and which of the loops goes on."""
    for loop in loops:
        p.counter(loop.count)
    rounds = sum(loop.count > 1 for loop in loops)
    p.ff += rounds.bit_length()


@compose.register
def _(c: WalkConfig, p):
    width, words = c.input.width, ring_words(c)
    windows = len(c.window_loops)
    loops = windows + len(c.tap_loops)
    p.ram(words, width)
    counted, moves, frees = c.turns
    _turns(counted, p)
    ahead = holding(min(-max(moves), -1), words - 1).width
    fill = holding(-words - max(0, max(frees) - c.footprint), 0).width
    p.ff += ahead + fill + 1
    p.lut("walk")
    p.lut("walk bit", ahead + fill)
    p.lut("walk move", ahead * loops + fill * windows)
    address = p.counter(words)
    p.ff += address
    p.lut("walk address", address)
    p.lut("walk move", address * loops)
    if words & (words - 1):
        p.lut("walk address", address)
    _pad_sequence(c.map, p)
    if any(c.map.pads):
        p.lut("ring pad bit", width)


@compose.register
def _(c: LineBufferConfig, p):
    width, held, places = c.input.width, c.rows_held, max(c.row, 2)
    column = c.kernel[0] * width
    taken = {(c.first - window * c.stride[1] - tap * c.dilation[1]) * c.folds for tap in range(c.kernel[1]) for window in range(c.mmv)}
    # Windows have columns in common, which registers are not told apart by.
    p.credit_fifo(c.output.width if p.lut_memory else column * len(taken), c.places)
    _turns(c.turns[0], p)
    left = max(c.first, c.mmv * c.stride[1] - 1).bit_length()
    p.ff += left + (left > 0)
    spare = holding(min(-c.ahead - 1, -max(c.turns[1])), held * c.row - c.ahead - 1).width
    p.ff += spare
    p.lut("walk")
    p.lut("walk bit", spare)
    _pad_sequence(c.map, p)
    if any(c.map.pads):
        p.lut("ring pad bit", width)
    p.counter(c.row)
    p.counter(held)
    p.ram(places, width, held)
    _, columns, beats = c.read_loops
    p.counter(columns.count * beats.count)
    # The number of the first row's memory, and its register, which has no bit that is always 0.
    first = address_bits(held) if held > 1 else 0
    even = gcd(held, *c.top_moves)
    p.ff += 2 * first - ((even & -even).bit_length() - 1) + 3
    p.multiplexer(held, c.kernel[0] * width)
    # Columns are kept as far as a tap takes them; between taps of several beats they are shift registers.
    before = -1
    for age in sorted(taken):
        p.chain(column, age - before)
        before = age
