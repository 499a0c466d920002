"""What random configurations are drawn from: types, values, activations."""

from dataclasses import replace

import numpy as np
from networks import thresholds

from finnr_rtl.cores.product import ARITHMETICS
from finnr_rtl.cores.ram import STORAGES
from finnr_rtl.datatypes import DataType
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

TYPES = [DataType(name) for name in ("BIPOLAR", "TERNARY", "UINT1", "UINT2", "INT2", "INT3", "UINT4", "INT8", "UINT8")]


def pick(rng, choices):
    """One of ``choices``."""
    return choices[int(rng.integers(len(choices)))]


def up_to(rng, most, least=1):
    """An integer from ``least`` to ``most``."""
    return int(rng.integers(least, most + 1))


def any_value(rng, dtype):
    """A random value of a type."""
    return int(dtype.decode([up_to(rng, (1 << dtype.bits) - 1, 0)])[0]) if dtype.name != "TERNARY" else up_to(rng, 1, -1)


def activation(rng, channels, low, high):
    """Thresholds into a random type: full or with fewer steps than the type has values; falling channels in some."""
    output = pick(rng, TYPES)
    table = thresholds(rng, channels, low, high, output, flips=rng.random() < 0.5)
    if output.name != "BIPOLAR" and table.steps > 1 and rng.random() < 0.3:
        table = Thresholds(table.values[:, 1:], output, table.base, table.flip)
    return table


def requantiser(rng, channels, low, high):
    """Multipliers and a shift that bring the range to a random type, or beyond it; falling channels in some."""
    output = pick(rng, [DataType(name) for name in ("UINT1", "UINT2", "INT2", "INT3", "UINT4", "INT8", "UINT8")])
    shift = up_to(rng, 20, 0)
    factor = (output.max - output.min) * 2.0**shift / max(1, high - low)
    scale = np.rint(factor * rng.uniform(0.5, 2, channels)).astype(np.int64)
    if rng.random() < 0.3:
        scale *= rng.choice([-1, 1], channels)
    if rng.random() < 0.3:
        scale[:] = scale[0]
    offset = rng.integers(output.min, output.max + 1, channels) * 2**shift - scale * rng.integers(low, high + 1, channels)
    narrow = int(output.min < output.max - 1 and rng.random() < 0.3)
    table = Requantiser(scale, offset, shift, output.min + narrow, output.max, output)
    if rng.random() < 0.5:
        half = 1 << max(0, shift - 1)  # so that ties are frequent
        table = replace(table, scale=scale // half * half, offset=offset // half * half, half_even=True)
    if rng.random() < 0.5:
        count = up_to(rng, min(3, high - low + 1))
        exceptions = np.stack([rng.choice(min(high - low + 1, 1000), count, replace=False) + low for _ in range(channels)])
        corrections = rng.integers(output.min, output.max + 1, exceptions.shape) - table(exceptions.T).T
        table = replace(table, exceptions=exceptions, corrections=corrections)
    return table


def either(rng, channels, low, high):
    """Thresholds, a requantiser or nothing."""
    kind = pick(rng, (activation, requantiser, requantiser, None))
    return kind and kind(rng, channels, low, high)


def choices(rng):
    """How products are computed, and where the words of thresholds are kept."""
    return {"threshold_storage": pick(rng, STORAGES), "arithmetic": pick(rng, ARITHMETICS)}
