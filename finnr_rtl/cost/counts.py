"""Simple counts of what an engine takes: enough to fill a board sensibly, not a synthesis result."""

from dataclasses import dataclass
from math import ceil, prod

import numpy as np

from finnr_rtl.datatypes import BIPOLAR
from finnr_rtl.folding.folding import Fold
from finnr_rtl.folding.windows import by_channel, taken_channels, window_style
from finnr_rtl.network.layers import Add, Conv, Layer, MaxPool, Multiply, Requantise, SumPool, Threshold
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["Resources", "block_rams", "count", "cycles"]

# Widths of a RAMB18 by depth (7-series and UltraScale+).
ASPECTS = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
LUT_WORDS = 64
CONTROL_LUT = 80
PRODUCT_LUT = 1.3


@dataclass(frozen=True)
class Resources:
    """LUT (LUTRAM included) and 18 kbit block RAMs."""

    lut: int = 0
    bram18: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(self.lut + other.lut, self.bram18 + other.bram18)


def block_rams(words: int, width: int) -> int:
    """RAMB18 for a memory of ``words`` x ``width`` bits, in the aspect ratio that takes fewest."""
    return min(ceil(words / depth) * ceil(width / bits) for depth, bits in ASPECTS)


def cycles(layer: Layer, fold: Fold) -> int:
    """Cycles per frame of a layer's slowest core."""
    channels = layer.input_shape[2]
    through = max(prod(shape) for shape in (*layer.input_shapes, layer.output_shape))
    window = getattr(layer, "window", None)
    if window is not None:
        padded = window.padded(layer.input_shape)
        through = max(through, padded[0] * padded[1] * channels)
    if isinstance(layer, Conv) and not by_channel(layer):
        vectors = layer.output_shape[0] * layer.output_shape[1]
        steps = vectors // fold.mmv * (layer.fan_in // fold.simd) * (layer.outputs // fold.pe)
        if window_style(layer, fold) == "lines":
            return max(steps, padded[0] * padded[1] * channels // taken_channels(layer, fold))
        lanes = fold.simd if layer.groups == 1 else channels // layer.groups
        windows = vectors * layer.fan_in * layer.groups if layer.groups > 1 else 0
        stream = max(windows, padded[0] * padded[1] * channels) // lanes
        return max(steps, stream)
    if window is not None and window_style(layer, fold) != "lines":
        through = max(through, prod(layer.output_shape) * prod(window.kernel))
    return through // fold.pe


def count(layer: Layer, fold: Fold) -> Resources:
    """Resources of a layer's cores at a fold."""
    bits = max(dtype.bits for dtype in layer.input_types)
    total = Resources(CONTROL_LUT // 2)
    match layer:
        case Conv() if not by_channel(layer):
            total = _matrix(layer, fold)
            if window_style(layer, fold) == "lines":
                total += _line_buffers(layer, taken_channels(layer, fold), fold.mmv)
            elif not layer.window.trivial:
                total += _ring(layer, fold.simd if layer.groups == 1 else layer.input_shape[2] // layer.groups)
        case Conv():
            lanes = fold.pe * _taps(layer, fold)
            total += _windows(layer, fold) + Resources(int(PRODUCT_LUT * lanes * layer.weight_type.bits * bits))
            total += _words(layer.weights.size // lanes, lanes * layer.weight_type.bits, fold.weights) + _activation(layer, fold.pe)
        case MaxPool() | SumPool():
            total += _windows(layer, fold) + Resources(2 * fold.pe * _taps(layer, fold) * bits)
            if isinstance(layer, SumPool):
                total += _activation(layer, fold.pe)
        case Add() | Multiply():
            total += Resources(fold.pe * len(layer.inputs) * bits * 4) + _activation(layer, fold.pe)
        case Threshold():
            total += _thresholds(layer.thresholds, fold.pe, bits)
        case Requantise():
            total += _thresholds(layer.requantiser, fold.pe, bits)
        case _:
            total += Resources(4 * fold.pe * bits)
    return total


def _taps(layer: Conv | MaxPool | SumPool, fold: Fold) -> int:
    """Taps of a channel at a time."""
    return prod(layer.window.kernel) if window_style(layer, fold) == "lines" else 1


def _windows(layer: Conv | MaxPool | SumPool, fold: Fold) -> Resources:
    """The windows of a layer that takes each channel alone."""
    return _line_buffers(layer, fold.pe, 1) if window_style(layer, fold) == "lines" else _ring(layer, fold.pe)


def _activation(layer, pe: int) -> Resources:
    low, high = layer.accumulator_range
    return _thresholds(layer.thresholds, pe, (high - low).bit_length()) if layer.thresholds else Resources()


def _words(words: int, width: int, storage: str) -> Resources:
    """A read-only memory where ``storage`` puts it."""
    if storage == "block" or (storage == "auto" and words > LUT_WORDS):
        return Resources(0, block_rams(words, width))
    return Resources(width * ceil(words / LUT_WORDS)) if words > 1 else Resources()


def _matrix(layer: Conv, fold: Fold) -> Resources:
    products = fold.pe * fold.simd * fold.mmv
    bits = layer.weight_type.bits * layer.input_type.bits
    # XNOR and popcount in one stage take 1.8 LUT per product; wider products grow with the bit product, as in FINN-R (Fig. 9).
    per_product = 1.8 if layer.weight_type == layer.input_type == BIPOLAR else 1.5 + PRODUCT_LUT * bits
    low, high = layer.accumulator_range
    words = (layer.fan_in // fold.simd) * (layer.outputs // fold.pe)
    total = Resources(int(CONTROL_LUT + per_product * products + (high - low).bit_length() * fold.pe * fold.mmv))
    total += _words(words, fold.pe * fold.simd * layer.weight_type.bits, fold.weights) + _activation(layer, fold.pe * fold.mmv)
    if layer.outputs > fold.pe:
        total += Resources(fold.mmv * fold.simd * layer.input_type.bits * ceil(layer.fan_in / fold.simd / LUT_WORDS))
    return total


def _thresholds(table: Thresholds | Requantiser, pe: int, bits: int) -> Resources:
    if isinstance(table, Requantiser):
        width = max(1, int(np.abs(table.scale).max())).bit_length()
        return Resources(int(pe * (PRODUCT_LUT * width * bits / 2 + 3 * bits + width)))
    folds = table.channels // pe
    return Resources(pe * (bits * table.steps.bit_length() + bits * table.steps * ceil(folds / LUT_WORDS)))


def _ring(layer: Conv | MaxPool | SumPool, lanes: int) -> Resources:
    height, width, channels = layer.window.padded(layer.input_shape)
    words = (layer.window.span[0] + 1) * width * channels // lanes
    bits = lanes * layer.input_type.bits
    if words > 8 * LUT_WORDS:
        return Resources(2 * CONTROL_LUT, block_rams(words, bits))
    return Resources(2 * CONTROL_LUT + ceil(4 * bits / 3) * ceil(words / LUT_WORDS))


def _line_buffers(layer: Conv | MaxPool | SumPool, channels: int, mmv: int) -> Resources:
    """Twice the rows of a window, the multiplexers between them, and the columns of the windows of a beat."""
    _, width, all_channels = layer.window.padded(layer.input_shape)
    rows, bits = 2 * layer.window.span[0] - 1, channels * layer.input_type.bits
    words = width * all_channels // channels
    columns = layer.window.span[1] + (mmv - 1) * layer.window.stride[1]
    total = Resources(2 * CONTROL_LUT + bits * layer.window.kernel[0] * (ceil(rows / 4) + columns))
    if words > 8 * LUT_WORDS:
        return total + Resources(0, rows * block_rams(words, bits))
    return total + Resources(rows * ceil(4 * bits / 3) * ceil(words / LUT_WORDS))
