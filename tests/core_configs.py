"""Random legal configurations of every core; a core that is listed here is held to its contract."""

from dataclasses import replace
from math import gcd

import numpy as np
from networks import thresholds, values

from finnr_rtl.cores.add import AddConfig
from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.concat import ConcatConfig
from finnr_rtl.cores.contract import StreamSpec
from finnr_rtl.cores.depthwise import DepthwiseConfig
from finnr_rtl.cores.dwc import WidthConverterConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.fork import ForkConfig
from finnr_rtl.cores.globalpool import GlobalPoolConfig
from finnr_rtl.cores.line_buffer import LineBufferConfig
from finnr_rtl.cores.lookup import LookupConfig
from finnr_rtl.cores.maxpool import PoolConfig
from finnr_rtl.cores.multiply import MultiplyConfig
from finnr_rtl.cores.mvtu import SHALLOW_REPLAY, MvtuConfig
from finnr_rtl.cores.packed import PACKED
from finnr_rtl.cores.padding import PaddingConfig
from finnr_rtl.cores.product import ARITHMETICS
from finnr_rtl.cores.ram import STORAGES
from finnr_rtl.cores.rearrange import DepthToSpaceConfig, SpaceToDepthConfig, UpsampleConfig
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.datatypes import BIPOLAR, DataType, int_, uint
from finnr_rtl.divisors import divisors
from finnr_rtl.network.layer import covering
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


def fifo(rng):
    spec = StreamSpec(pick(rng, TYPES), (up_to(rng, 60, 20), 4), pick(rng, (1, 2, 4)))
    return FifoConfig(spec, pick(rng, (1, 2, 3, 4, 5, 16, 31, 33, 70)))


def deep_fifo(rng):
    """In block RAM."""
    spec = StreamSpec(DataType("UINT8"), (900,), 4)
    return FifoConfig(spec, up_to(rng, 300, 120))


def width_converter(rng):
    dtype = pick(rng, TYPES)
    lanes_in, lanes_out = up_to(rng, 24), up_to(rng, 24)
    period = lanes_in * lanes_out // gcd(lanes_in, lanes_out)
    return WidthConverterConfig(dtype, (period, up_to(rng, max(1, 600 // period))), lanes_in, lanes_out)


def wide_converter(rng):
    """From more places than one is chosen of within a cycle."""
    lanes_in, lanes_out = 65 + up_to(rng, 60), pick(rng, (1, 2, 3, 64, 97))
    return WidthConverterConfig(pick(rng, (uint(1), uint(2))), (lanes_in * lanes_out,), lanes_in, lanes_out)


def pads(rng, most):
    return tuple(up_to(rng, most, 0) for _ in range(4))


def padding(rng):
    dtype = pick(rng, TYPES)
    channels = pick(rng, (1, 2, 3, 4, 6))
    shape = (up_to(rng, 5), up_to(rng, 5), channels)
    wider = pick(rng, (None, covering(dtype, pick(rng, TYPES))))
    return PaddingConfig(dtype, shape, pads(rng, 2), any_value(rng, wider or dtype), pick(rng, divisors(channels)), wider)


def windows(rng):
    dtype = pick(rng, TYPES)
    channels = pick(rng, (1, 1, 2, 3, 4, 6))
    while True:
        shape = (up_to(rng, 9), up_to(rng, 9), channels)
        kernel = (up_to(rng, 4), up_to(rng, 4))
        stride = (up_to(rng, 3), up_to(rng, 3))
        dilation = (up_to(rng, 2), up_to(rng, 2))
        around = pads(rng, 2) if rng.random() < 0.5 else (0, 0, 0, 0)
        try:
            simd, order = pick(rng, divisors(channels)), pick(rng, ("window", "depthwise"))
            config = SwuConfig(dtype, shape, kernel, stride, dilation, around, any_value(rng, dtype), simd, order)
        except ValueError:
            continue
        if config.output.beats <= 600:
            return config


def tight_windows(rng):
    """With a ring of the user's choice, down to the smallest that works at all."""
    config = windows(rng)
    return replace(config, depth=config.footprint + up_to(rng, 6, 0))


def line_buffer(rng):
    """With its own choice of rows to hold, or down to the fewest that work at all; windows one by one or several at a time."""
    ring = windows(rng)
    mmv = pick(rng, (1, pick(rng, divisors(ring.windows[1]))))
    config = LineBufferConfig(
        ring.dtype, ring.shape, ring.kernel, ring.stride, ring.dilation, ring.pads, ring.pad_value, ring.simd, mmv,
        slots=pick(rng, (0, 0, 1, 2, 7)),
    )
    return replace(config, depth=config.span[0] + up_to(rng, 2, 0)) if rng.random() < 0.4 else config


def pool(rng):
    channels = pick(rng, (1, 2, 3, 4, 8))
    shape = (up_to(rng, 4), up_to(rng, 4), channels)
    taps = pick(rng, (1, 2, 4, 6, 9))
    return PoolConfig(pick(rng, TYPES), shape, taps, pick(rng, divisors(channels)), pick(rng, (1, pick(rng, divisors(taps)))))


def argmax(rng):
    channels = pick(rng, (1, 2, 3, 7, 10, 12, 16))
    shape = (up_to(rng, 3), up_to(rng, 5), channels)
    return ArgMaxConfig(pick(rng, TYPES), shape, pick(rng, divisors(channels)))


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


def requantise(rng):
    input_type = pick(rng, [*TYPES, int_(20), uint(13)])
    channels = pick(rng, (1, 2, 3, 4, 6))
    table = requantiser(rng, channels, input_type.min, input_type.max)
    pe = pick(rng, divisors(channels))
    return ThresholdConfig(input_type, (up_to(rng, 9), channels), table, pe, slots=pick(rng, (0, 0, 1, 3)), **choices(rng))


def requantising_mvtu(rng):
    config = pick(rng, (mvtu, bitwise_mvtu, grouped_mvtu))(rng)
    table = requantiser(rng, config.mh, *config.accumulator_range)
    return replace(config, thresholds=table, slots=pick(rng, (0, 0, 1, 2, 9)), **choices(rng))


def grouped_mvtu(rng):
    groups, pe, simd = up_to(rng, 4, 2), up_to(rng, 3), pick(rng, (1, 2, 3))
    mh, mw = groups * pe * up_to(rng, 3), simd * pick(rng, (1, 2, 5))
    input_type, weight_type = pick(rng, TYPES), pick(rng, TYPES)
    config = MvtuConfig(input_type, weight_type, values(rng, weight_type, (mh, mw)), pe, simd, vectors=up_to(rng, 5), groups=groups)
    return replace(config, thresholds=either(rng, mh, *config.accumulator_range))


def fork(rng):
    spec = StreamSpec(pick(rng, TYPES), (up_to(rng, 60, 20), 4), pick(rng, (1, 2, 4)))
    return ForkConfig(spec, up_to(rng, 4, 2))


def add(rng):
    count, channels = pick(rng, (2, 2, 3, 4)), pick(rng, (1, 2, 3, 4, 6))
    input_types = tuple(pick(rng, TYPES) for _ in range(count))
    multipliers = rng.integers(-20, 300, (count, channels)) if rng.random() < 0.7 else np.ones((count, channels), dtype=np.int64)
    offsets = rng.integers(-100, 100, channels)
    pe = pick(rng, divisors(channels))
    config = AddConfig(input_types, (up_to(rng, 5), up_to(rng, 5), channels), pe, multipliers, offsets, **choices(rng))
    return replace(config, thresholds=either(rng, channels, *config.accumulator_range), slots=pick(rng, (0, 0, 1, 3)))


def mvtu(rng):
    pe, simd = pick(rng, (1, 2, 3, 4)), pick(rng, (1, 2, 3, 5, 8))
    mh, mw = pe * pick(rng, (1, 1, 2, 3)), simd * pick(rng, (1, 1, 2, 3, 7))
    input_type, weight_type = pick(rng, TYPES), pick(rng, TYPES)
    weights = values(rng, weight_type, (mh, mw))
    storage = pick(rng, STORAGES)
    config = MvtuConfig(input_type, weight_type, weights, pe, simd, vectors=up_to(rng, 12), storage=storage, **choices(rng))
    if rng.random() < 0.3:
        return config
    return replace(config, thresholds=activation(rng, mh, *config.accumulator_range), slots=pick(rng, (0, 0, 1, 2, 9)))


def bitwise_mvtu(rng):
    """Whose products are in LUTs, few and many at a time, with weights in memories and not."""
    pe, simd = pick(rng, (1, 2, 3, 5)), pick(rng, (1, 2, 3, 4, 8, 13, 30, 61))
    mh, mw = pe * pick(rng, (1, 2, 3, 8)), simd * pick(rng, (1, 1, 2, 3, 7))
    input_type, weight_type = pick(rng, (BIPOLAR, BIPOLAR, *TYPES)), pick(rng, (BIPOLAR, BIPOLAR, *TYPES))
    weights, storage = values(rng, weight_type, (mh, mw)), pick(rng, STORAGES)
    given = choices(rng) | {"arithmetic": "lut"}
    config = MvtuConfig(input_type, weight_type, weights, pe, simd, vectors=up_to(rng, 6), storage=storage, **given)
    if rng.random() < 0.3:
        return config
    return replace(config, thresholds=activation(rng, mh, *config.accumulator_range), slots=pick(rng, (0, 0, 1, 2, 9)))


def constant_mvtu(rng):
    """Whose weights never change, as all products are made at once."""
    pe, simd = up_to(rng, 9), pick(rng, (1, 2, 3, 5, 9, 17))
    input_type, weight_type = pick(rng, TYPES), pick(rng, [dtype for dtype in TYPES if dtype != BIPOLAR])
    weights = values(rng, weight_type, (pe, simd))
    if rng.random() < 0.3:
        weights[rng.random(weights.shape) < 0.7] = 0
    config = MvtuConfig(input_type, weight_type, weights, pe, simd, up_to(rng, 6), **choices(rng))
    return replace(config, thresholds=either(rng, pe, *config.accumulator_range), slots=pick(rng, (0, 0, 1, 2, 9)))


def packed_mvtu(rng):
    """With products that share DSP slices, most negative weights included."""
    bits, pe, simd = up_to(rng, 8, 2), up_to(rng, 9, 2), pick(rng, (1, 2, 3, 5))
    shape = pe * up_to(rng, 2), simd * up_to(rng, 3, 2)
    weights = rng.choice([-(1 << bits - 1), -1, 0, (1 << bits - 1) - 1, int(rng.integers(1 << bits - 1))], shape)
    input_type, arithmetic = pick(rng, (uint, int_))(up_to(rng, 8, 2)), pick(rng, PACKED)
    config = MvtuConfig(input_type, int_(bits), weights, pe, simd, up_to(rng, 4), storage=pick(rng, STORAGES), arithmetic=arithmetic)
    return replace(config, thresholds=either(rng, shape[0], *config.accumulator_range))


def several_vectors(rng):
    """A matrix unit that takes several vectors at once."""
    config = pick(rng, (mvtu, bitwise_mvtu, constant_mvtu, grouped_mvtu, requantising_mvtu, packed_mvtu))(rng)
    mmv = up_to(rng, 4, 2)
    return replace(config, mmv=mmv, vectors=mmv * up_to(rng, 4))


def transpose(rng):
    return TransposeConfig(pick(rng, TYPES), (up_to(rng, 6), up_to(rng, 12), up_to(rng, 5), up_to(rng, 4)))


def deep_mvtu(rng):
    """With a replay buffer that is read a cycle ahead."""
    groups = up_to(rng, 2)
    weights = values(rng, BIPOLAR, (2 * groups, 2 * SHALLOW_REPLAY + 2))
    return MvtuConfig(pick(rng, TYPES), BIPOLAR, weights, pe=1, simd=2, groups=groups)


def deep_wide_mvtu(rng):
    """With a replay buffer in block RAM that is read in the cycle of use."""
    weights = values(rng, BIPOLAR, (2, 4 * up_to(rng, 256, 200)))
    return MvtuConfig(DataType("UINT8"), BIPOLAR, weights, pe=1, simd=4, vectors=2)


def threshold(rng):
    input_type = pick(rng, TYPES)
    channels = pick(rng, (1, 2, 3, 4, 6))
    table = activation(rng, channels, input_type.min, input_type.max)
    pe = pick(rng, divisors(channels))
    return ThresholdConfig(input_type, (up_to(rng, 9), channels), table, pe, slots=pick(rng, (0, 0, 1, 3)), **choices(rng))


def depthwise(rng):
    channels, taps = pick(rng, (1, 2, 3, 4, 8)), pick(rng, (1, 2, 4, 9))
    shape = (up_to(rng, 4), up_to(rng, 4), channels)
    weight_type = pick(rng, TYPES)
    weights = values(rng, weight_type, (channels, taps))
    pe, storage = pick(rng, divisors(channels)), pick(rng, STORAGES)
    config = DepthwiseConfig(pick(rng, TYPES), shape, taps, pe, weights, weight_type, storage=storage, **choices(rng))
    config = replace(config, simd=pick(rng, (1, pick(rng, divisors(taps)))))
    return replace(config, thresholds=either(rng, channels, *config.accumulator_range), slots=pick(rng, (0, 0, 1, 3)))


def sum_pool(rng):
    config = replace(depthwise(rng), weights=None, weight_type=None, thresholds=None)
    return replace(config, thresholds=either(rng, config.channels, *config.accumulator_range))


def global_pool(rng):
    channels = pick(rng, (1, 2, 3, 4, 8))
    shape = (up_to(rng, 5), up_to(rng, 4), channels)
    config = GlobalPoolConfig(pick(rng, TYPES), shape, pick(rng, divisors(channels)), pick(rng, ("sum", "sum", "max")))
    return replace(config, thresholds=either(rng, channels, *config.accumulator_range), slots=pick(rng, (0, 0, 1, 3)))


def tight(rng, config):
    """With a ring of the user's choice in some, down to the smallest that works at all."""
    return replace(config, depth=config.footprint + up_to(rng, 6, 0)) if rng.random() < 0.5 else config


def upsample(rng):
    channels = pick(rng, (1, 2, 3, 4))
    shape, factors = (up_to(rng, 4), up_to(rng, 5), channels), (up_to(rng, 3), up_to(rng, 3))
    return tight(rng, UpsampleConfig(pick(rng, TYPES), shape, factors, pick(rng, divisors(channels))))


def depth_to_space(rng):
    block, channels, order = up_to(rng, 3), up_to(rng, 4), pick(rng, ("DCR", "CRD"))
    shape = (up_to(rng, 3), up_to(rng, 4), channels * block**2)
    lanes = pick(rng, divisors(channels)) if order == "DCR" else 1
    return tight(rng, DepthToSpaceConfig(pick(rng, TYPES), shape, block, lanes, order))


def space_to_depth(rng):
    block, channels, order = up_to(rng, 3), up_to(rng, 4), pick(rng, ("DCR", "CRD"))
    shape = (up_to(rng, 3) * block, up_to(rng, 3) * block, channels)
    lanes = pick(rng, divisors(channels)) if order == "DCR" else 1
    return tight(rng, SpaceToDepthConfig(pick(rng, TYPES), shape, block, lanes, order))


def multiply(rng):
    channels = pick(rng, (1, 2, 3, 4, 6))
    zeros = (up_to(rng, 9, -9), up_to(rng, 130, 0)) if rng.random() < 0.5 else (0, 0)
    shape, pe = (up_to(rng, 5), up_to(rng, 5), channels), pick(rng, divisors(channels))
    config = MultiplyConfig((pick(rng, TYPES), pick(rng, TYPES)), shape, pe, zeros, **choices(rng))
    return replace(config, thresholds=either(rng, channels, *config.accumulator_range), slots=pick(rng, (0, 0, 1, 3)))


def wide_products(rng):
    """Of factors too wide for a product in LUTs to be added up in a cycle."""
    wide = [int_(bits) for bits in (13, 16, 20)] + [uint(13), uint(25)]
    kind, channels = pick(rng, ("multiply", "add", "depthwise", "requantiser")), up_to(rng, 2)
    if kind == "multiply":
        return MultiplyConfig((pick(rng, wide), pick(rng, wide)), (9, channels), 1, thresholds=None, **choices(rng))
    if kind == "add":
        types = tuple(pick(rng, wide) for _ in range(up_to(rng, 6, 2)))
        return AddConfig(types, (9, channels), 1, rng.integers(-(1 << 14), 1 << 14, (len(types), channels)), rng.integers(-9, 9, channels),
                         **choices(rng))
    if kind == "depthwise":
        weight_type = pick(rng, wide[:4])
        return DepthwiseConfig(pick(rng, wide), (2, 2, channels), 4, 1, values(rng, weight_type, (channels, 4)), weight_type, simd=2)
    table = Requantiser(rng.integers(-(1 << 14), 1 << 14, channels), rng.integers(-9, 9, channels), 20, -100, 127, int_(8))
    return ThresholdConfig(pick(rng, wide), (9, channels), table, pick(rng, (1, channels)), **choices(rng))


def many_terms(rng):
    """Too many to be added up in a cycle."""
    kind, channels = pick(rng, ("add", "depthwise", "sum_pool")), up_to(rng, 3)
    if kind == "add":
        types = tuple(pick(rng, TYPES) for _ in range(up_to(rng, 16, 12)))
        return AddConfig(types, (9, channels), 1, rng.integers(0, 2, (len(types), channels)), rng.integers(-9, 9, channels))
    taps = pick(rng, (12, 25, 49, 150))
    config = DepthwiseConfig(pick(rng, TYPES), (2, 2, channels), taps, pick(rng, (1, channels)), simd=taps)
    if kind == "sum_pool":
        return replace(config, thresholds=either(rng, channels, *config.accumulator_range))
    weight_type = pick(rng, TYPES)
    return replace(config, taps=2 * taps, weights=values(rng, weight_type, (channels, 2 * taps)), weight_type=weight_type)


def concat(rng):
    lanes, count = up_to(rng, 3), pick(rng, (2, 2, 3, 4))
    input_types = tuple(pick(rng, TYPES) for _ in range(count)) if rng.random() < 0.5 else (pick(rng, TYPES),) * count
    channels = tuple(lanes * up_to(rng, 3) for _ in range(count))
    return ConcatConfig(input_types, (up_to(rng, 4), up_to(rng, 4)), channels, covering(*input_types), lanes)


def split(rng):
    lanes, folds = up_to(rng, 3), up_to(rng, 5, 2)
    parts = [sorted(rng.choice(folds + 1, 2, replace=False).tolist()) for _ in range(up_to(rng, 3))]
    parts = tuple((lanes * start, lanes * stop) for start, stop in parts)
    return SplitConfig(pick(rng, TYPES), (up_to(rng, 4), up_to(rng, 4), lanes * folds), parts, lanes)


def lookup(rng):
    input_type, output_type = pick(rng, TYPES), pick(rng, TYPES)
    channels = pick(rng, (1, 2, 3, 4, 6))
    low, high = sorted((any_value(rng, input_type), any_value(rng, input_type)))
    table = values(rng, output_type, (pick(rng, (1, channels)), high - low + 1))
    pe, storage = pick(rng, divisors(channels)), pick(rng, STORAGES)
    return LookupConfig(input_type, (up_to(rng, 9), channels), table, low, output_type, pe, storage, slots=pick(rng, (0, 0, 1)))


def stuffing(rng):
    dtype, channels = pick(rng, TYPES), pick(rng, (1, 2, 3, 4))
    shape, factors = (up_to(rng, 4), up_to(rng, 4), channels), (up_to(rng, 3), up_to(rng, 3))
    wider = pick(rng, (None, covering(dtype, pick(rng, TYPES))))
    return StuffingConfig(dtype, shape, factors, any_value(rng, wider or dtype), pick(rng, divisors(channels)), wider)


CORES = {
    "fifo": fifo,
    "deep_fifo": deep_fifo,
    "width_converter": width_converter,
    "wide_converter": wide_converter,
    "padding": padding,
    "windows": windows,
    "tight_windows": tight_windows,
    "line_buffer": line_buffer,
    "pool": pool,
    "argmax": argmax,
    "mvtu": mvtu,
    "bitwise_mvtu": bitwise_mvtu,
    "constant_mvtu": constant_mvtu,
    "deep_mvtu": deep_mvtu,
    "several_vectors": several_vectors,
    "transpose": transpose,
    "deep_wide_mvtu": deep_wide_mvtu,
    "threshold": threshold,
    "requantise": requantise,
    "grouped_mvtu": grouped_mvtu,
    "requantising_mvtu": requantising_mvtu,
    "packed_mvtu": packed_mvtu,
    "fork": fork,
    "add": add,
    "depthwise": depthwise,
    "sum_pool": sum_pool,
    "global_pool": global_pool,
    "upsample": upsample,
    "depth_to_space": depth_to_space,
    "space_to_depth": space_to_depth,
    "multiply": multiply,
    "wide_products": wide_products,
    "many_terms": many_terms,
    "concat": concat,
    "split": split,
    "lookup": lookup,
    "stuffing": stuffing,
}
