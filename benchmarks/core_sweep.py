"""Core configurations as networks have them, drawn at random: what ``benchmarks/fit_costs.py`` synthesises.

``configuration(kind, number)`` is always the same configuration, so that measurements need to name no more than that.
"""

import zlib
from dataclasses import dataclass, replace
from math import gcd
from types import SimpleNamespace

import numpy as np
from amaranth.back import verilog
from amaranth.hdl import Module, Shape, Signal, Value

from finnr_rtl.cores.add import AddConfig
from finnr_rtl.cores.adder_tree import total
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
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.padding import PaddingConfig
from finnr_rtl.cores.product import product
from finnr_rtl.cores.rearrange import DepthToSpaceConfig, SpaceToDepthConfig, UpsampleConfig
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.datatypes import BIPOLAR, TERNARY, DataType, int_, uint
from finnr_rtl.families import SLICES
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["KINDS", "Arithmetic", "Words", "configuration"]

# Types of weights and inputs that go together in trained networks.
PAIRS = (("BIPOLAR", "BIPOLAR"), ("BIPOLAR", "BIPOLAR"), ("BIPOLAR", "INT2"), ("INT2", "INT2"), ("BIPOLAR", "UINT8"), ("INT2", "UINT2"),
         ("TERNARY", "UINT3"), ("INT3", "UINT3"), ("BIPOLAR", "UINT3"), ("INT4", "UINT4"), ("INT4", "UINT8"), ("INT6", "UINT6"),
         ("INT8", "INT8"), ("INT8", "UINT8"))
OUTPUTS = tuple(DataType(name) for name in ("BIPOLAR", "BIPOLAR", "INT2", "UINT2", "UINT3", "UINT4"))
STREAMS = tuple(DataType(name) for name in ("BIPOLAR", "INT2", "UINT2", "UINT3", "UINT4", "UINT4", "INT8", "UINT8"))
# Most products (times weight bits times input bits) of an engine here: larger ones take Yosys minutes each.
MOST_WORK = 1500


def _pick(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def _power(rng, most, least=1):
    """About log-uniform: 1, 2, 3, 4, 6, 8, 12 .. from ``least`` to ``most``."""
    sizes = [n for k in range(16) for n in (1 << k, 3 << k) if least <= n <= most]
    return _pick(rng, sorted(sizes))


def _values(rng, dtype, shape):
    """Weights as trained ones are spread: bell-shaped, with the extremes rare."""
    if dtype == BIPOLAR:
        return rng.choice([-1, 1], shape)
    if dtype == TERNARY:
        return rng.integers(-1, 2, shape)
    return np.clip(np.rint(rng.normal(0, max(dtype.max, 1) / 2.5, shape)), dtype.min, dtype.max).astype(np.int64)


def _thresholds(rng, channels, low, high):
    output = _pick(rng, OUTPUTS)
    steps = 1 if output == BIPOLAR else output.max - output.min
    centre, spread = (low + high) / 2, (high - low) / 8
    table = np.sort(np.clip(np.rint(rng.normal(centre, spread + 1, (channels, steps))), low, high + 1).astype(np.int64), axis=1)
    flips = rng.random(channels) < (0.2 if rng.random() < 0.5 else 0.0)
    return Thresholds(table, output, output.min, flips)


def _requantiser(rng, channels, low, high):
    output = _pick(rng, (uint(4), uint(6), uint(8), int_(8)))
    bits = int(rng.integers(4, 13))
    shift = max(0, int(np.log2(max(high - low, 1))) + bits - output.bits - 1)
    scale = rng.integers(1 << (bits - 1), 1 << bits, channels)
    if rng.random() < 0.2:
        scale[:] = scale[0]
    offset = np.rint(rng.normal(0, 0.2, channels) * (output.max << shift)).astype(np.int64)
    return Requantiser(scale, offset, shift, output.min, output.max, output)


def _activation(rng, channels, low, high):
    kind = _pick(rng, (_thresholds, _thresholds, _requantiser, None))
    return kind and kind(rng, channels, low, high)


def _arithmetic(rng):
    return _pick(rng, ("auto", "lut", "dsp"))


def _mvtu(rng, pairs=PAIRS, activation=_activation, storage=("auto", "auto", "lut", "block"), most=MOST_WORK):
    weight_type, input_type = (DataType(name) for name in _pick(rng, pairs))
    work = weight_type.bits * input_type.bits
    while True:
        pe, simd = _power(rng, 64), _power(rng, 96)
        if pe * simd * work <= most:
            break
    mh, mw = pe * _power(rng, max(1, min(16, 512 // pe))), simd * _power(rng, max(1, min(36, 1024 // simd)))
    config = MvtuConfig(input_type, weight_type, _values(rng, weight_type, (mh, mw)), pe, simd, vectors=_power(rng, 64),
                        storage=_pick(rng, storage), arithmetic=_arithmetic(rng))
    table = activation(rng, mh, *config.accumulator_range)
    return replace(config, thresholds=table)


def mvtu(rng):
    return _mvtu(rng)


@dataclass(frozen=True)
class Words:
    """A memory of ``rows``, each of ``width`` bits, alone and in LUTs."""

    rows: list[int]
    width: int


def words(rng):
    depth, width = _power(rng, 512, 3), _pick(rng, (4, 16, 48, 128))
    if depth * width > 9000:
        depth = 64
    depth = max(3, depth + int(rng.integers(-1, 2)))
    return Words([int.from_bytes(rng.bytes(width // 8 + 1), "little") % (1 << width) for _ in range(depth)], width)


@dataclass(frozen=True)
class Arithmetic:
    """The product of two registers of ``shapes`` in LUTs, if ``multiplied``, or the sum of all of them, in a register."""

    shapes: tuple[Shape, ...]
    multiplied: bool

    def verilog(self, name: str, family: str) -> str:
        """Its hardware on ``family``, as module ``name``."""
        m = Module()
        inputs = [Signal(shape, name=f"a{n}") for n, shape in enumerate(self.shapes)]
        terms = [Signal(shape, name=f"term{n}", reset_less=True) for n, shape in enumerate(self.shapes)]
        m.d.sync += [term.eq(given) for term, given in zip(terms, inputs, strict=True)]
        exact = self._exact(m, terms, family)
        y = Signal(exact.shape(), reset_less=True)
        m.d.sync += y.eq(exact)
        return verilog.convert(m, name=name, ports=[*inputs, y], emit_src=False)

    @property
    def width(self) -> int:
        """Bits of the result."""
        return len(self._exact(Module(), [Signal(shape) for shape in self.shapes], "xc7"))

    def _exact(self, m: Module, terms: list[Signal], family: str) -> Value:
        platform = SimpleNamespace(slices=family in SLICES)
        return product(m, "exact", *terms, "lut", platform) if self.multiplied else total(terms)


def products(rng):
    return Arithmetic(tuple(Shape(_pick(rng, (2, 3, 4, 6, 8, 10, 12)), signed=rng.random() < 0.5) for _ in range(2)), True)


def sums(rng):
    width = _pick(rng, (4, 6, 8, 10, 12))
    shapes = tuple(Shape(width + int(rng.integers(-1, 2)), signed=rng.random() < 0.5) for _ in range(_pick(rng, (2, 3, 3, 4, 5, 6))))
    return Arithmetic(shapes, False)


def lanes(rng):
    """Arithmetic and little else: few lanes, weights in block RAM, no activation."""
    weight_type, input_type = (DataType(name) for name in _pick(rng, PAIRS))
    work = weight_type.bits * input_type.bits
    pe, simd = _power(rng, 3), _power(rng, max(1, min(64, 300 // work)))
    weights = _values(rng, weight_type, (4 * pe, 4 * simd))
    return MvtuConfig(input_type, weight_type, weights, pe, simd, 4, storage="block", arithmetic=_pick(rng, ("lut", "lut", "dsp")))


def xnor_mvtu(rng):
    return _mvtu(rng, PAIRS[:1], lambda *given: _pick(rng, (_thresholds, _thresholds, lambda *_: None))(*given))


def narrow_mvtu(rng):
    """Of few bits, as most engines of FINN's networks."""
    return _mvtu(rng, PAIRS[2:9], lambda *given: _pick(rng, (_thresholds, _thresholds, lambda *_: None))(*given))


def bipolar_input_mvtu(rng):
    return _mvtu(rng, (("INT2", "BIPOLAR"), ("INT4", "BIPOLAR"), ("INT8", "BIPOLAR")), most=300)


def deep_mvtu(rng):
    """Folded far: large memories, little arithmetic."""
    weight_type, input_type = (DataType(name) for name in _pick(rng, PAIRS))
    pe, simd = _power(rng, 4), _power(rng, 8)
    mh, mw = pe * _power(rng, 64), simd * _power(rng, 300)
    weights = _values(rng, weight_type, (mh, mw))
    table = _activation(rng, mh, -300, 300)
    return MvtuConfig(input_type, weight_type, weights, pe, simd, 4, table, arithmetic=_arithmetic(rng))


def wide_mvtu(rng):
    """Of 4 to 8 bits, a few products at a time."""
    return _mvtu(rng, PAIRS[9:], lambda *given: _pick(rng, (_thresholds, _requantiser, lambda *_: None))(*given), most=300)


def unrolled(rng):
    """All products at once, so that weights are constants."""
    weight_type, input_type = (DataType(name) for name in _pick(rng, PAIRS[1:]))
    work = weight_type.bits * input_type.bits
    while True:
        mh, mw = _power(rng, 32), _pick(rng, (2, 4, 8, 9, 16, 18, 27, 36, 64))
        if mh * mw * work <= 2 * MOST_WORK:
            break
    config = MvtuConfig(input_type, weight_type, _values(rng, weight_type, (mh, mw)), mh, mw, 4)
    return replace(config, thresholds=_activation(rng, mh, *config.accumulator_range))


def several(rng):
    """Of several vectors at a time."""
    config = _mvtu(rng, most=400)
    return replace(config, vectors=12, mmv=_pick(rng, (2, 3, 4)))


def threshold(rng):
    input_type, channels = _pick(rng, (int_(8), int_(12), int_(16), uint(10))), _power(rng, 256)
    pe = _pick(rng, [n for n in (1, 2, 4, 8, 16) if channels % n == 0])
    kind = _pick(rng, (_thresholds, _requantiser))
    return ThresholdConfig(input_type, (16, channels), kind(rng, channels, input_type.min, input_type.max), pe, arithmetic=_arithmetic(rng))


def rounding(rng):
    """Requantisers that round ties to even, or have exceptions."""
    input_type, channels = _pick(rng, (int_(8), int_(12), int_(16))), _power(rng, 32)
    pe = _pick(rng, [n for n in (1, 2, 4, 8) if channels % n == 0])
    table = _requantiser(rng, channels, input_type.min, input_type.max)
    if rng.random() < 0.5:
        table = replace(table, half_even=True)
    else:
        places = (channels, int(rng.integers(1, 3)))
        table = replace(table, exceptions=rng.integers(input_type.min, input_type.max + 1, places), corrections=rng.integers(-1, 2, places))
    return ThresholdConfig(input_type, (16, channels), table, pe, arithmetic=_arithmetic(rng))


def depthwise(rng):
    weight_type, input_type = (DataType(name) for name in _pick(rng, PAIRS[2:]))
    channels, taps = _power(rng, 512, 4), _pick(rng, (4, 9, 9, 9, 25))
    pe = _pick(rng, [n for n in (1, 2, 3, 4, 8, 16, 32) if channels % n == 0])
    weights = _values(rng, weight_type, (channels, taps))
    config = DepthwiseConfig(input_type, (8, 8, channels), taps, pe, weights, weight_type)
    table = _activation(rng, channels, *config.accumulator_range)
    storage = _pick(rng, ("auto", "auto", "lut", "block"))
    return DepthwiseConfig(input_type, (8, 8, channels), taps, pe, weights, weight_type, table, storage, arithmetic=_arithmetic(rng))


def sum_pool(rng):
    input_type, channels, taps = _pick(rng, STREAMS[1:]), _power(rng, 256), _pick(rng, (4, 9, 16))
    pe = _pick(rng, [n for n in (1, 2, 3, 4, 8) if channels % n == 0])
    config = DepthwiseConfig(input_type, (8, 8, channels), taps, pe)
    return DepthwiseConfig(input_type, (8, 8, channels), taps, pe, thresholds=_activation(rng, channels, *config.accumulator_range),
                           arithmetic=_arithmetic(rng))


def global_pool(rng):
    input_type, channels = _pick(rng, STREAMS), _power(rng, 512)
    pe = _pick(rng, [n for n in (1, 2, 3, 4, 8, 16) if channels % n == 0])
    size, function = _power(rng, 12), _pick(rng, ("sum", "sum", "max"))
    config = GlobalPoolConfig(input_type, (size, size, channels), pe, function)
    return GlobalPoolConfig(input_type, (size, size, channels), pe, function, _activation(rng, channels, *config.accumulator_range),
                            arithmetic=_arithmetic(rng))


def windows(rng):
    dtype, channels = _pick(rng, STREAMS), _power(rng, 256)
    simd = _pick(rng, [n for n in (1, 2, 3, 4, 6, 8, 16, 32, 64, 128) if channels % n == 0])
    kernel, stride = _pick(rng, ((3, 1), (3, 1), (3, 2), (2, 2), (5, 1), (1, 2), (7, 2)))
    size = _pick(rng, (7, 8, 12, 14, 16, 28, 32, 48))
    order = _pick(rng, ("window", "depthwise"))
    pads = (kernel // 2,) * 4 if rng.random() < 0.5 else (0, 0, 0, 0)
    shape = (size, size, channels) if rng.random() < 0.85 else (1, 8 * size, channels)
    kernel = (min(kernel, shape[0]), kernel)
    if kernel[0] == 1:
        pads = (0, pads[1], 0, pads[3])
    return SwuConfig(dtype, shape, kernel, (stride, stride), (1, 1), pads, dtype.max if dtype == BIPOLAR else 0, simd, order)


def line_buffer(rng):
    dtype, channels = _pick(rng, STREAMS), _power(rng, 64)
    simd = _pick(rng, [n for n in (1, 2, 3, 4, 8) if channels % n == 0])
    kernel, stride = _pick(rng, ((3, 1), (3, 1), (3, 2), (2, 2), (5, 1)))
    size, pads = _pick(rng, (8, 12, 16, 28)), (kernel // 2,) * 4 if rng.random() < 0.5 else (0, 0, 0, 0)
    config = LineBufferConfig(dtype, (size, size, channels), (kernel, kernel), (stride, stride), (1, 1), pads,
                              dtype.max if dtype == BIPOLAR else 0, simd)
    return replace(config, mmv=_pick(rng, [n for n in (1, 1, 2) if config.windows[1] % n == 0]))


def pool(rng):
    channels = _power(rng, 256)
    lanes = _pick(rng, [n for n in (1, 2, 3, 4, 8, 16, 32, 64) if channels % n == 0])
    return PoolConfig(_pick(rng, STREAMS), (8, 8, channels), _pick(rng, (4, 9)), lanes)


def argmax(rng):
    channels = _pick(rng, (2, 4, 10, 12, 16, 100, 128))
    lanes = _pick(rng, [n for n in (1, 2, 4, 5, 10, 16) if channels % n == 0])
    return ArgMaxConfig(_pick(rng, (int_(6), int_(9), int_(12), int_(16), int_(20))), (1, 1, channels), lanes)


def fifo(rng):
    spec = StreamSpec(_pick(rng, STREAMS), (64, 192), _pick(rng, (1, 2, 3, 4, 8, 16, 32, 64)))
    return FifoConfig(spec, _pick(rng, (1, 2, 2, 2, 3, 4, 6, 9, 16, 24, 33, 50, 64, 100, 200, 500, 900, 2000)))


def width_converter(rng):
    lanes = [_pick(rng, (1, 2, 3, 4, 5, 6, 8, 10, 16, 24, 32, 64, 128)) for _ in range(2)]
    if lanes[0] == lanes[1]:
        lanes[1] *= 4
    if lanes[0] * lanes[1] // gcd(*lanes) > 1000:
        lanes[1] = lanes[0] * 4
    return WidthConverterConfig(_pick(rng, STREAMS), (64 * lanes[0] * lanes[1] // gcd(*lanes),), *lanes)


def fork(rng):
    return ForkConfig(StreamSpec(_pick(rng, STREAMS), (64, 64), _pick(rng, (1, 2, 4, 8, 16))), _pick(rng, (2, 2, 3, 4)))


def _addends(rng):
    return tuple(_pick(rng, STREAMS[1:]) for _ in range(_pick(rng, (2, 2, 2, 3))))


def add(rng):
    types, channels = _addends(rng), _power(rng, 256)
    pe = _pick(rng, [n for n in (1, 2, 3, 4, 8, 16) if channels % n == 0])
    multipliers = np.ones((len(types), channels), dtype=np.int64)
    if rng.random() < 0.6:
        multipliers[:] = rng.integers(1, 200, (len(types), 1)) if rng.random() < 0.7 else rng.integers(1, 200, multipliers.shape)
    offsets = rng.integers(-200, 200, channels) if rng.random() < 0.5 else np.zeros(channels, dtype=np.int64)
    config = AddConfig(types, (8, 8, channels), pe, multipliers, offsets)
    table = _activation(rng, channels, *config.accumulator_range)
    return AddConfig(types, (8, 8, channels), pe, multipliers, offsets, table, arithmetic=_arithmetic(rng))


def multiply(rng):
    types, channels = tuple(_pick(rng, STREAMS[1:]) for _ in range(2)), _power(rng, 128)
    pe = _pick(rng, [n for n in (1, 2, 3, 4, 8) if channels % n == 0])
    zeros = tuple(int(rng.integers(dtype.min, dtype.max + 1)) for dtype in types) if rng.random() < 0.5 else (0, 0)
    config = MultiplyConfig(types, (8, 8, channels), pe, zeros)
    return MultiplyConfig(types, (8, 8, channels), pe, zeros, _activation(rng, channels, *config.accumulator_range),
                          arithmetic=_arithmetic(rng))


def concat(rng):
    lanes = _pick(rng, (1, 2, 4, 8, 16))
    channels = tuple(lanes * _power(rng, 8) for _ in range(_pick(rng, (2, 2, 3))))
    dtype = _pick(rng, STREAMS)
    return ConcatConfig((dtype,) * len(channels), (8, 8), channels, dtype, lanes)


def split(rng):
    lanes, folds = _pick(rng, (1, 2, 4, 8, 16)), _power(rng, 16, 2)
    parts = [sorted(rng.choice(folds + 1, 2, replace=False).tolist()) for _ in range(_pick(rng, (1, 1, 2)))]
    return SplitConfig(_pick(rng, STREAMS), (8, 8, lanes * folds), tuple((lanes * a, lanes * b) for a, b in parts), lanes)


def lookup(rng):
    input_type, output_type = _pick(rng, (uint(4), int_(6), int_(8), uint(8), int_(10))), _pick(rng, (uint(4), int_(8), uint(8)))
    channels = _power(rng, 16)
    entries = 1 << input_type.bits
    curve = np.rint(output_type.max / (1 + np.exp(-np.linspace(-6, 6, entries)))).astype(np.int64)
    pe, storage = _pick(rng, [n for n in (1, 2, 4) if channels % n == 0]), _pick(rng, ("auto", "lut", "block"))
    return LookupConfig(input_type, (8, channels), curve[None], input_type.min, output_type, pe, storage)


def padding(rng):
    dtype, simd = _pick(rng, STREAMS), _pick(rng, (1, 2, 4, 8, 16))
    pads = _pick(rng, ((1, 1, 1, 1), (0, 0, 1, 1), (2, 2, 2, 2), (0, 1, 0, 1)))
    return PaddingConfig(dtype, (_pick(rng, (7, 16, 32)), _pick(rng, (7, 16, 32)), simd * _power(rng, 8)), pads, dtype.max, simd)


def stuffing(rng):
    dtype, lanes = _pick(rng, STREAMS), _pick(rng, (1, 2, 4, 8, 16))
    return StuffingConfig(dtype, (_pick(rng, (7, 16)), _pick(rng, (7, 16)), lanes * _power(rng, 8)), (2, 2), dtype.max, lanes)


def upsample(rng):
    lanes = _pick(rng, (1, 2, 4, 8))
    return UpsampleConfig(_pick(rng, STREAMS), (_pick(rng, (7, 16)), _pick(rng, (7, 16, 28)), lanes * _power(rng, 8)), (2, 2), lanes)


def depth_to_space(rng):
    block, lanes = _pick(rng, (2, 2, 3)), _pick(rng, (1, 2, 4))
    return DepthToSpaceConfig(_pick(rng, STREAMS), (8, _pick(rng, (8, 14)), lanes * block**2 * _power(rng, 4)), block, lanes)


def space_to_depth(rng):
    lanes = _pick(rng, (1, 2, 4))
    return SpaceToDepthConfig(_pick(rng, STREAMS), (8, _pick(rng, (8, 14)), lanes * _power(rng, 4)), 2, lanes)


def transpose(rng):
    rows, columns = _pick(rng, ((2, 3), (3, 4), (4, 2), (4, 4), (8, 4), (12, 3), (16, 4), (9, 3), (5, 3), (8, 3), (16, 8), (25, 5)))
    return TransposeConfig(_pick(rng, STREAMS), (8, rows, columns, _pick(rng, (1, 2, 4))))


KINDS = {maker.__name__: maker for maker in (
    words, products, sums, lanes, mvtu, unrolled, several, xnor_mvtu, narrow_mvtu, wide_mvtu, bipolar_input_mvtu,
    deep_mvtu, threshold, rounding, depthwise, sum_pool,
    global_pool, windows, line_buffer, pool, argmax, fifo, width_converter, fork, add, multiply, concat, split, lookup, padding,
    stuffing, upsample, depth_to_space, space_to_depth, transpose,
)}


def configuration(kind: str, number: int) -> CoreConfig | Words | Arithmetic:
    """Configuration ``number`` (from 0) of a kind, which is a key of ``KINDS``: a core's, or a part that many cores have."""
    return KINDS[kind](np.random.default_rng([zlib.crc32(kind.encode()), number]))
