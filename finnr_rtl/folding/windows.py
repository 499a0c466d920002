"""Where the windows of a layer come from at a fold."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from finnr_rtl.divisors import divisors
from finnr_rtl.network.layers import Conv, Layer, MaxPool, SumPool

if TYPE_CHECKING:
    from finnr_rtl.folding.folding import Fold

__all__ = ["by_channel", "sliding", "taken_channels", "widest_word", "window_style"]


def by_channel(layer: Layer) -> bool:
    """Whether a layer is a convolution with one output per channel, which needs no matrix unit."""
    return isinstance(layer, Conv) and layer.depthwise and layer.outputs == layer.groups


def sliding(layer: Layer) -> bool:
    """Whether a layer takes windows that are neither single pixels nor the whole map."""
    if isinstance(layer, Conv):
        return not layer.window.trivial
    if isinstance(layer, MaxPool | SumPool):
        return layer.window.kernel != layer.input_shape[:2] or any(layer.window.pads)
    return False


def window_style(layer: Layer, fold: Fold) -> str | None:
    """"ring" or "lines"; None where a layer takes its stream as it comes.

    Where the fold leaves the choice open, it is a ring wherever that can bring ``simd`` values of one window at a time.
    """
    matrix = isinstance(layer, Conv) and not by_channel(layer)
    if not sliding(layer) and fold.mmv == 1:
        return None
    if fold.window != "auto":
        return fold.window
    return "lines" if matrix and (fold.mmv > 1 or layer.weights.shape[3] % fold.simd) else "ring"


def taken_channels(layer: Conv, fold: Fold) -> int:
    """Channels of a pixel that the line buffers of a matrix layer take a cycle: a divisor of those of a group.

    As many as bring ``simd`` values of a window at once, where that is possible and no slower than the matrix unit; otherwise the fewest
    that are no slower, or all, where even they are. What is left is a width converter's to do.
    """
    share, taps = layer.weights.shape[3], prod(layer.window.kernel)
    rows, columns, channels = layer.window.padded(layer.input_shape)
    steps = prod(layer.output_shape[:2]) // fold.mmv * (layer.outputs // fold.pe) * (layer.fan_in // fold.simd)
    fast = [taken for taken in divisors(share) if rows * columns * channels // taken <= steps] or [share]
    return fold.simd // taps if fold.simd % taps == 0 and fold.simd // taps in fast else fast[0]


def widest_word(layer: Layer, fold: Fold) -> int:
    """Bits of the widest word that the cores of a layer pass on in a cycle: of a window, of weights, or of results."""
    window = prod(layer.window.kernel) if window_style(layer, fold) == "lines" else 1
    bits = max(dtype.bits for dtype in layer.input_types)
    if not isinstance(layer, Conv) or by_channel(layer):
        weights = layer.weight_type.bits if isinstance(layer, Conv) else 0
        return fold.pe * max(window * max(bits, weights), layer.output_type.bits)
    taken = taken_channels(layer, fold) * window if window > 1 else 0
    weights, results = fold.pe * fold.simd * layer.weight_type.bits, fold.pe * fold.mmv * layer.output_type.bits
    return max(fold.mmv * max(fold.simd, taken) * bits, weights, results)
