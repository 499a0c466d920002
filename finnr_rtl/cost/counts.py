"""Simple counts of what an engine takes: enough to fill a board sensibly, not a synthesis result."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from finnr_rtl.datatypes import BIPOLAR
from finnr_rtl.folding.folding import Fold
from finnr_rtl.network.layers import ArgMax, Conv, Layer, MaxPool, Threshold

__all__ = ["Resources", "block_rams", "count", "cycles"]

# Widths of a RAMB18 by depth (7-series and UltraScale+).
ASPECTS = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
LUT_WORDS = 64
CONTROL_LUT = 80


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
    height, width, channels = layer.input_shape
    match layer:
        case Conv():
            vectors = layer.output_shape[0] * layer.output_shape[1]
            matrix = vectors * (layer.fan_in // fold.simd) * (layer.outputs // fold.pe)
            padded = layer.window.padded(layer.input_shape)
            return max(matrix, padded[0] * padded[1] * channels // fold.simd)
        case MaxPool():
            padded = layer.window.padded(layer.input_shape)
            taps = layer.operations // channels
            return max(taps, padded[0] * padded[1]) * channels // fold.pe
    return height * width * channels // fold.pe


def count(layer: Layer, fold: Fold) -> Resources:
    """Resources of a layer's cores at a fold."""
    height, width, channels = layer.input_shape
    match layer:
        case Conv():
            total = _matrix(layer, fold)
            if not layer.window.trivial:
                total += _ring(layer, fold.simd)
            return total
        case MaxPool():
            return _ring(layer, fold.pe) + Resources(CONTROL_LUT // 2 + 2 * fold.pe * layer.input_type.bits)
        case Threshold():
            return _thresholds(layer.thresholds, fold.pe, layer.input_type.bits) + Resources(CONTROL_LUT // 2)
        case ArgMax():
            return Resources(CONTROL_LUT // 2 + 4 * fold.pe * layer.input_type.bits)
    raise TypeError(f"no count for layers of kind {type(layer).__name__}")


def _matrix(layer: Conv, fold: Fold) -> Resources:
    products = fold.pe * fold.simd
    bits = layer.weight_type.bits * layer.input_type.bits
    # XNOR and popcount in one stage take 1.8 LUT per product; wider products grow with the bit product, as in FINN-R (Fig. 9).
    per_product = 1.8 if layer.weight_type == layer.input_type == BIPOLAR else 1.5 + 1.3 * bits
    low, high = layer.accumulator_range
    accumulator = int(np.ceil(np.log2(high - low + 1)))
    words = (layer.fan_in // fold.simd) * (layer.outputs // fold.pe)
    width = products * layer.weight_type.bits
    total = Resources(int(CONTROL_LUT + per_product * products + accumulator * fold.pe))
    if fold.weights == "block" or (fold.weights == "auto" and words > LUT_WORDS):
        total += Resources(0, block_rams(words, width))
    elif words > 1:
        total += Resources(width * ceil(words / LUT_WORDS))
    if layer.thresholds:
        total += _thresholds(layer.thresholds, fold.pe, accumulator)
    if layer.outputs > fold.pe:
        total += Resources(fold.simd * layer.input_type.bits * ceil(layer.fan_in / fold.simd / LUT_WORDS))
    return total


def _thresholds(thresholds, pe: int, bits: int) -> Resources:
    folds = thresholds.channels // pe
    per_lane = bits * thresholds.steps.bit_length() + bits * thresholds.steps * ceil(folds / LUT_WORDS)
    return Resources(pe * per_lane)


def _ring(layer: Conv | MaxPool, lanes: int) -> Resources:
    height, width, channels = layer.window.padded(layer.input_shape)
    words = (layer.window.span[0] + 1) * width * channels // lanes
    bits = lanes * layer.input_type.bits
    if words > 8 * LUT_WORDS:
        return Resources(2 * CONTROL_LUT, block_rams(words, bits))
    return Resources(2 * CONTROL_LUT + ceil(4 * bits / 3) * ceil(words / LUT_WORDS))
