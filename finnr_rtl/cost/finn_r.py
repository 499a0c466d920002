"""The cost functions that FINN-R published, for comparison with our own.

Blott et al., "FINN-R", ACM TRETS 11(3), 2018, section 3.2: Eq. 1 with its constants (426 LUT for a sliding-window unit, 300 + 1.1 M P Q
W A for a matrix-vector unit, Fig. 9), Eq. 4 for the line buffer and Eq. 5 for the weights; max-pools take A C LUT (section 3.2.1) beside
a sliding-window unit.
They know neither flip-flops nor DSP slices, and nothing of FIFOs, width converters and thresholds.
"""

from math import ceil, prod

from finnr_rtl.cost.resources import Resources
from finnr_rtl.folding.folding import Fold
from finnr_rtl.network.layers import Conv, Layer, MaxPool

__all__ = ["layer_cost", "mvu_lut", "swu_bram", "swu_lut", "weight_bram"]


def swu_lut(mmv: int = 1) -> int:
    """LUT of a sliding-window unit with ``mmv`` copies of its buffer."""
    return 426 * mmv


def mvu_lut(pe: int, simd: int, weight_bits: int, input_bits: int, mmv: int = 1) -> float:
    """LUT of a matrix-vector unit of ``pe`` x ``simd`` products at a time for each of ``mmv`` windows."""
    return 300 + 1.1 * mmv * pe * simd * weight_bits * input_bits


def swu_bram(kernel: int, stride: int, size: int, channels: int, input_bits: int, mmv: int = 1) -> int:
    """BRAM18 of a sliding-window unit's lines of ``size`` pixels (Eq. 4)."""
    return mmv * (ceil(kernel / stride) + 1) * ceil(stride * size / 512) * ceil(channels * input_bits / 36)


def weight_bram(weights: int, pe: int, simd: int, weight_bits: int) -> int:
    """BRAM18 of ``weights`` weights, one memory for each of ``pe`` elements (Eq. 5)."""
    return pe * ceil(weights / (pe * simd) / 512) * ceil(simd * weight_bits / 36)


def layer_cost(layer: Layer, fold: Fold, family: str = "xc7") -> Resources:
    """LUT and BRAM18 of one layer; ``family`` makes no difference to these functions. Layers they do not know cost nothing."""
    bits = layer.input_type.bits
    if isinstance(layer, MaxPool):
        return Resources(lut=swu_lut() + bits * layer.input_shape[2])
    if not isinstance(layer, Conv):
        return Resources()
    weight_bits = layer.weight_type.bits
    lut = mvu_lut(fold.pe, fold.simd, weight_bits, bits, fold.mmv)
    bram = weight_bram(prod(layer.weights.shape), fold.pe, fold.simd, weight_bits)
    if not layer.window.trivial:
        lut += swu_lut(fold.mmv)
        size = layer.window.padded(layer.input_shape)[1]
        bram += swu_bram(layer.window.kernel[0], layer.window.stride[0], size, layer.input_shape[2], bits, fold.mmv)
    return Resources(lut=round(lut), bram18=bram)
