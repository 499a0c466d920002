"""Random legal configurations of every core; a core that is listed here is held to its contract."""

from dataclasses import replace
from math import gcd

import numpy as np
from draws import TYPES, activation, any_value, choices, either, pick, requantiser, up_to
from matrix_configs import MATRIX_UNITS
from networks import values

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
from finnr_rtl.cores.padding import PaddingConfig
from finnr_rtl.cores.ram import STORAGES
from finnr_rtl.cores.rearrange import DepthToSpaceConfig, SpaceToDepthConfig, UpsampleConfig
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.datatypes import DataType, int_, uint
from finnr_rtl.divisors import divisors
from finnr_rtl.network.layer import covering
from finnr_rtl.requantiser import Requantiser


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


def requantise(rng):
    input_type = pick(rng, [*TYPES, int_(20), uint(13)])
    channels = pick(rng, (1, 2, 3, 4, 6))
    table = requantiser(rng, channels, input_type.min, input_type.max)
    pe = pick(rng, divisors(channels))
    return ThresholdConfig(input_type, (up_to(rng, 9), channels), table, pe, slots=pick(rng, (0, 0, 1, 3)), **choices(rng))


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


def transpose(rng):
    return TransposeConfig(pick(rng, TYPES), (up_to(rng, 6), up_to(rng, 12), up_to(rng, 5), up_to(rng, 4)))


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


CORES = {unit.__name__: unit for unit in MATRIX_UNITS} | {
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
    "transpose": transpose,
    "threshold": threshold,
    "requantise": requantise,
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
