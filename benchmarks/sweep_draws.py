"""What random configurations of cores are made of: sizes, types, weights and activations as networks have them."""

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, TERNARY, DataType, int_, uint
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = [
    "PAIRS", "STREAMS", "draw_activation", "draw_arithmetic", "draw_requantiser", "draw_thresholds", "draw_values", "pick", "power",
]

# Types of weights and inputs that go together in trained networks.
PAIRS = (("BIPOLAR", "BIPOLAR"), ("BIPOLAR", "BIPOLAR"), ("BIPOLAR", "INT2"), ("INT2", "INT2"), ("BIPOLAR", "UINT8"), ("INT2", "UINT2"),
         ("TERNARY", "UINT3"), ("INT3", "UINT3"), ("BIPOLAR", "UINT3"), ("INT4", "UINT4"), ("INT4", "UINT8"), ("INT6", "UINT6"),
         ("INT8", "INT8"), ("INT8", "UINT8"))
OUTPUTS = tuple(DataType(name) for name in ("BIPOLAR", "BIPOLAR", "INT2", "UINT2", "UINT3", "UINT4"))
STREAMS = tuple(DataType(name) for name in ("BIPOLAR", "INT2", "UINT2", "UINT3", "UINT4", "UINT4", "INT8", "UINT8"))


def pick(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def power(rng, most, least=1):
    """About log-uniform: 1, 2, 3, 4, 6, 8, 12 .. from ``least`` to ``most``."""
    sizes = [n for k in range(16) for n in (1 << k, 3 << k) if least <= n <= most]
    return pick(rng, sorted(sizes))


def draw_values(rng, dtype, shape):
    """Weights as trained ones are spread: bell-shaped, with the extremes rare."""
    if dtype == BIPOLAR:
        return rng.choice([-1, 1], shape)
    if dtype == TERNARY:
        return rng.integers(-1, 2, shape)
    return np.clip(np.rint(rng.normal(0, max(dtype.max, 1) / 2.5, shape)), dtype.min, dtype.max).astype(np.int64)


def draw_thresholds(rng, channels, low, high):
    output = pick(rng, OUTPUTS)
    steps = 1 if output == BIPOLAR else output.max - output.min
    centre, spread = (low + high) / 2, (high - low) / 8
    table = np.sort(np.clip(np.rint(rng.normal(centre, spread + 1, (channels, steps))), low, high + 1).astype(np.int64), axis=1)
    flips = rng.random(channels) < (0.2 if rng.random() < 0.5 else 0.0)
    return Thresholds(table, output, output.min, flips)


def draw_requantiser(rng, channels, low, high):
    output = pick(rng, (uint(4), uint(6), uint(8), int_(8)))
    bits = int(rng.integers(4, 13))
    shift = max(0, int(np.log2(max(high - low, 1))) + bits - output.bits - 1)
    scale = rng.integers(1 << (bits - 1), 1 << bits, channels)
    if rng.random() < 0.2:
        scale[:] = scale[0]
    offset = np.rint(rng.normal(0, 0.2, channels) * (output.max << shift)).astype(np.int64)
    return Requantiser(scale, offset, shift, output.min, output.max, output)


def draw_activation(rng, channels, low, high):
    kind = pick(rng, (draw_thresholds, draw_thresholds, draw_requantiser, None))
    return kind and kind(rng, channels, low, high)


def draw_arithmetic(rng):
    return pick(rng, ("auto", "lut", "dsp"))
