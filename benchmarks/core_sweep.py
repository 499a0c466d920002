"""Core configurations as networks have them, drawn at random: what ``benchmarks/fit_costs.py`` synthesises.

``configuration(kind, number)`` is always the same configuration, so that measurements need to name no more than that.
"""

import zlib
from dataclasses import replace
from math import gcd

import numpy as np
from sweep_draws import PAIRS, STREAMS, draw_activation, draw_arithmetic, draw_requantiser, draw_thresholds, draw_values, pick, power
from sweep_matrix import UNITS
from sweep_parts import PARTS, Arithmetic, Words

from finnr_rtl.cores.add import AddConfig
from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.concat import ConcatConfig
from finnr_rtl.cores.contract import CoreConfig, StreamSpec
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
from finnr_rtl.cores.rearrange import DepthToSpaceConfig, SpaceToDepthConfig, UpsampleConfig
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.datatypes import BIPOLAR, DataType, int_, uint

__all__ = ["KINDS", "configuration"]


def threshold(rng):
    input_type, channels = pick(rng, (int_(8), int_(12), int_(16), uint(10))), power(rng, 256)
    pe = pick(rng, [n for n in (1, 2, 4, 8, 16) if channels % n == 0])
    kind = pick(rng, (draw_thresholds, draw_requantiser))
    table = kind(rng, channels, input_type.min, input_type.max)
    return ThresholdConfig(input_type, (16, channels), table, pe, arithmetic=draw_arithmetic(rng))


def rounding(rng):
    """Requantisers that round ties to even, or have exceptions."""
    input_type, channels = pick(rng, (int_(8), int_(12), int_(16))), power(rng, 32)
    pe = pick(rng, [n for n in (1, 2, 4, 8) if channels % n == 0])
    table = draw_requantiser(rng, channels, input_type.min, input_type.max)
    if rng.random() < 0.5:
        table = replace(table, half_even=True)
    else:
        places = (channels, int(rng.integers(1, 3)))
        table = replace(table, exceptions=rng.integers(input_type.min, input_type.max + 1, places), corrections=rng.integers(-1, 2, places))
    return ThresholdConfig(input_type, (16, channels), table, pe, arithmetic=draw_arithmetic(rng))


def depthwise(rng):
    weight_type, input_type = (DataType(name) for name in pick(rng, PAIRS[2:]))
    channels, taps = power(rng, 512, 4), pick(rng, (4, 9, 9, 9, 25))
    pe = pick(rng, [n for n in (1, 2, 3, 4, 8, 16, 32) if channels % n == 0])
    weights = draw_values(rng, weight_type, (channels, taps))
    config = DepthwiseConfig(input_type, (8, 8, channels), taps, pe, weights, weight_type)
    table = draw_activation(rng, channels, *config.accumulator_range)
    storage = pick(rng, ("auto", "auto", "lut", "block"))
    return DepthwiseConfig(input_type, (8, 8, channels), taps, pe, weights, weight_type, table, storage, arithmetic=draw_arithmetic(rng))


def sum_pool(rng):
    input_type, channels, taps = pick(rng, STREAMS[1:]), power(rng, 256), pick(rng, (4, 9, 16))
    pe = pick(rng, [n for n in (1, 2, 3, 4, 8) if channels % n == 0])
    config = DepthwiseConfig(input_type, (8, 8, channels), taps, pe)
    return DepthwiseConfig(input_type, (8, 8, channels), taps, pe, thresholds=draw_activation(rng, channels, *config.accumulator_range),
                           arithmetic=draw_arithmetic(rng))


def global_pool(rng):
    input_type, channels = pick(rng, STREAMS), power(rng, 512)
    pe = pick(rng, [n for n in (1, 2, 3, 4, 8, 16) if channels % n == 0])
    size, function = power(rng, 12), pick(rng, ("sum", "sum", "max"))
    config = GlobalPoolConfig(input_type, (size, size, channels), pe, function)
    return GlobalPoolConfig(input_type, (size, size, channels), pe, function, draw_activation(rng, channels, *config.accumulator_range),
                            arithmetic=draw_arithmetic(rng))


def windows(rng):
    dtype, channels = pick(rng, STREAMS), power(rng, 256)
    simd = pick(rng, [n for n in (1, 2, 3, 4, 6, 8, 16, 32, 64, 128) if channels % n == 0])
    kernel, stride = pick(rng, ((3, 1), (3, 1), (3, 2), (2, 2), (5, 1), (1, 2), (7, 2)))
    size = pick(rng, (7, 8, 12, 14, 16, 28, 32, 48))
    order = pick(rng, ("window", "depthwise"))
    pads = (kernel // 2,) * 4 if rng.random() < 0.5 else (0, 0, 0, 0)
    shape = (size, size, channels) if rng.random() < 0.85 else (1, 8 * size, channels)
    kernel = (min(kernel, shape[0]), kernel)
    if kernel[0] == 1:
        pads = (0, pads[1], 0, pads[3])
    return SwuConfig(dtype, shape, kernel, (stride, stride), (1, 1), pads, dtype.max if dtype == BIPOLAR else 0, simd, order)


def line_buffer(rng):
    dtype, channels = pick(rng, STREAMS), power(rng, 64)
    simd = pick(rng, [n for n in (1, 2, 3, 4, 8) if channels % n == 0])
    kernel, stride = pick(rng, ((3, 1), (3, 1), (3, 2), (2, 2), (5, 1)))
    size, pads = pick(rng, (8, 12, 16, 28)), (kernel // 2,) * 4 if rng.random() < 0.5 else (0, 0, 0, 0)
    config = LineBufferConfig(dtype, (size, size, channels), (kernel, kernel), (stride, stride), (1, 1), pads,
                              dtype.max if dtype == BIPOLAR else 0, simd)
    return replace(config, mmv=pick(rng, [n for n in (1, 1, 2) if config.windows[1] % n == 0]))


def pool(rng):
    channels = power(rng, 256)
    lanes = pick(rng, [n for n in (1, 2, 3, 4, 8, 16, 32, 64) if channels % n == 0])
    return PoolConfig(pick(rng, STREAMS), (8, 8, channels), pick(rng, (4, 9)), lanes)


def argmax(rng):
    channels = pick(rng, (2, 4, 10, 12, 16, 100, 128))
    lanes = pick(rng, [n for n in (1, 2, 4, 5, 10, 16) if channels % n == 0])
    return ArgMaxConfig(pick(rng, (int_(6), int_(9), int_(12), int_(16), int_(20))), (1, 1, channels), lanes)


def fifo(rng):
    spec = StreamSpec(pick(rng, STREAMS), (64, 192), pick(rng, (1, 2, 3, 4, 8, 16, 32, 64)))
    return FifoConfig(spec, pick(rng, (1, 2, 2, 2, 3, 4, 6, 9, 16, 24, 33, 50, 64, 100, 200, 500, 900, 2000)))


def width_converter(rng):
    lanes = [pick(rng, (1, 2, 3, 4, 5, 6, 8, 10, 16, 24, 32, 64, 128)) for _ in range(2)]
    if lanes[0] == lanes[1]:
        lanes[1] *= 4
    if lanes[0] * lanes[1] // gcd(*lanes) > 1000:
        lanes[1] = lanes[0] * 4
    return WidthConverterConfig(pick(rng, STREAMS), (64 * lanes[0] * lanes[1] // gcd(*lanes),), *lanes)


def fork(rng):
    return ForkConfig(StreamSpec(pick(rng, STREAMS), (64, 64), pick(rng, (1, 2, 4, 8, 16))), pick(rng, (2, 2, 3, 4)))


def _addends(rng):
    return tuple(pick(rng, STREAMS[1:]) for _ in range(pick(rng, (2, 2, 2, 3))))


def add(rng):
    types, channels = _addends(rng), power(rng, 256)
    pe = pick(rng, [n for n in (1, 2, 3, 4, 8, 16) if channels % n == 0])
    multipliers = np.ones((len(types), channels), dtype=np.int64)
    if rng.random() < 0.6:
        multipliers[:] = rng.integers(1, 200, (len(types), 1)) if rng.random() < 0.7 else rng.integers(1, 200, multipliers.shape)
    offsets = rng.integers(-200, 200, channels) if rng.random() < 0.5 else np.zeros(channels, dtype=np.int64)
    config = AddConfig(types, (8, 8, channels), pe, multipliers, offsets)
    table = draw_activation(rng, channels, *config.accumulator_range)
    return AddConfig(types, (8, 8, channels), pe, multipliers, offsets, table, arithmetic=draw_arithmetic(rng))


def multiply(rng):
    types, channels = tuple(pick(rng, STREAMS[1:]) for _ in range(2)), power(rng, 128)
    pe = pick(rng, [n for n in (1, 2, 3, 4, 8) if channels % n == 0])
    zeros = tuple(int(rng.integers(dtype.min, dtype.max + 1)) for dtype in types) if rng.random() < 0.5 else (0, 0)
    config = MultiplyConfig(types, (8, 8, channels), pe, zeros)
    return MultiplyConfig(types, (8, 8, channels), pe, zeros, draw_activation(rng, channels, *config.accumulator_range),
                          arithmetic=draw_arithmetic(rng))


def concat(rng):
    lanes = pick(rng, (1, 2, 4, 8, 16))
    channels = tuple(lanes * power(rng, 8) for _ in range(pick(rng, (2, 2, 3))))
    dtype = pick(rng, STREAMS)
    return ConcatConfig((dtype,) * len(channels), (8, 8), channels, dtype, lanes)


def split(rng):
    lanes, folds = pick(rng, (1, 2, 4, 8, 16)), power(rng, 16, 2)
    parts = [sorted(rng.choice(folds + 1, 2, replace=False).tolist()) for _ in range(pick(rng, (1, 1, 2)))]
    return SplitConfig(pick(rng, STREAMS), (8, 8, lanes * folds), tuple((lanes * a, lanes * b) for a, b in parts), lanes)


def lookup(rng):
    input_type, output_type = pick(rng, (uint(4), int_(6), int_(8), uint(8), int_(10))), pick(rng, (uint(4), int_(8), uint(8)))
    channels = power(rng, 16)
    entries = 1 << input_type.bits
    curve = np.rint(output_type.max / (1 + np.exp(-np.linspace(-6, 6, entries)))).astype(np.int64)
    pe, storage = pick(rng, [n for n in (1, 2, 4) if channels % n == 0]), pick(rng, ("auto", "lut", "block"))
    return LookupConfig(input_type, (8, channels), curve[None], input_type.min, output_type, pe, storage)


def padding(rng):
    dtype, simd = pick(rng, STREAMS), pick(rng, (1, 2, 4, 8, 16))
    pads = pick(rng, ((1, 1, 1, 1), (0, 0, 1, 1), (2, 2, 2, 2), (0, 1, 0, 1)))
    return PaddingConfig(dtype, (pick(rng, (7, 16, 32)), pick(rng, (7, 16, 32)), simd * power(rng, 8)), pads, dtype.max, simd)


def stuffing(rng):
    dtype, lanes = pick(rng, STREAMS), pick(rng, (1, 2, 4, 8, 16))
    return StuffingConfig(dtype, (pick(rng, (7, 16)), pick(rng, (7, 16)), lanes * power(rng, 8)), (2, 2), dtype.max, lanes)


def upsample(rng):
    lanes = pick(rng, (1, 2, 4, 8))
    return UpsampleConfig(pick(rng, STREAMS), (pick(rng, (7, 16)), pick(rng, (7, 16, 28)), lanes * power(rng, 8)), (2, 2), lanes)


def depth_to_space(rng):
    block, lanes = pick(rng, (2, 2, 3)), pick(rng, (1, 2, 4))
    return DepthToSpaceConfig(pick(rng, STREAMS), (8, pick(rng, (8, 14)), lanes * block**2 * power(rng, 4)), block, lanes)


def space_to_depth(rng):
    lanes = pick(rng, (1, 2, 4))
    return SpaceToDepthConfig(pick(rng, STREAMS), (8, pick(rng, (8, 14)), lanes * power(rng, 4)), 2, lanes)


def transpose(rng):
    rows, columns = pick(rng, ((2, 3), (3, 4), (4, 2), (4, 4), (8, 4), (12, 3), (16, 4), (9, 3), (5, 3), (8, 3), (16, 8), (25, 5)))
    return TransposeConfig(pick(rng, STREAMS), (8, rows, columns, pick(rng, (1, 2, 4))))


KINDS = {maker.__name__: maker for maker in (
    *PARTS, *UNITS, threshold, rounding, depthwise, sum_pool, global_pool, windows, line_buffer, pool, argmax, fifo, width_converter, fork,
    add, multiply, concat, split, lookup, padding, stuffing, upsample, depth_to_space, space_to_depth, transpose,
)}


def configuration(kind: str, number: int) -> CoreConfig | Words | Arithmetic:
    """Configuration ``number`` (from 0) of a kind, which is a key of ``KINDS``: a core's, or a part that many cores have."""
    return KINDS[kind](np.random.default_rng([zlib.crc32(kind.encode()), number]))
