"""Cores at the ends of what is legal, where paths are longest: very wide, very deep, or with all that a core can have at once."""

from dataclasses import replace

import numpy as np

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
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.padding import PaddingConfig
from finnr_rtl.cores.rearrange import DepthToSpaceConfig, SpaceToDepthConfig
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.datatypes import BIPOLAR, int_, uint
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["EXTREMES"]

_RNG = np.random.default_rng(0)
_ONE = (1, 1)


def _values(dtype, *shape):
    return _RNG.integers(dtype.min, dtype.max + 1, shape)


def _requantiser(channels, bits, shift, entries=0, half_even=False):
    """Scales of so many bits into UINT8; exceptions are small integers."""
    scale = _RNG.integers(1 << bits - 1, 1 << bits, channels)
    table = Requantiser(scale, _RNG.integers(0, 1 << shift, channels), shift, 1, 254, uint(8), half_even)
    exceptions = np.tile(np.arange(1, entries + 1), (channels, 1)) * 3
    return replace(table, exceptions=exceptions, corrections=_RNG.integers(-1, 2, exceptions.shape))


def _thresholds(channels, dtype):
    return Thresholds(np.sort(_values(dtype, channels, 255), axis=1), uint(8), 0, np.arange(channels) % 2 == 0)


def _depthwise(input_type, weight_type, taps, simd, arithmetic="lut"):
    weights = weight_type and weight_type.decode(_RNG.integers(0, 1 << weight_type.bits, (16, taps)))
    return DepthwiseConfig(input_type, (4, 4, 16), taps, 1, weights, weight_type, arithmetic=arithmetic, simd=simd)


def _matrix(dtype, arithmetic, pe=4, input_type=None):
    return MvtuConfig(input_type or dtype, dtype, _values(dtype, 8, 64), pe, 16, 4, arithmetic=arithmetic)


def _add(count, dtype, scaled, arithmetic="lut"):
    multipliers = _values(int_(14), count, 8) if scaled else np.ones((count, 8), dtype=np.int64)
    return AddConfig((dtype,) * count, (4, 8), 1, multipliers, _values(int_(16), 8), arithmetic=arithmetic)


EXTREMES = {
    "fifo 2000 deep in LUTs": FifoConfig(StreamSpec(uint(1), (64,), 1), 2000),
    "fifo 9000 deep": FifoConfig(StreamSpec(uint(8), (64,), 1), 9000),
    "converter 1 to 1024": WidthConverterConfig(uint(2), (1024,), 1, 1024),
    "converter 64 to 1": WidthConverterConfig(uint(2), (64,), 64, 1),
    "converter 63 to 64": WidthConverterConfig(uint(1), (63 * 64,), 63, 64),
    "converter 100 to 96": WidthConverterConfig(uint(1), (4800,), 100, 96),
    "converter 127 to 128": WidthConverterConfig(uint(1), (127 * 128,), 127, 128),
    "padding of a large map": PaddingConfig(uint(8), (224, 223, 300), (3, 2, 3, 4), 0, 1),
    "windows of a large map": SwuConfig(uint(8), (112, 111, 10), (7, 7), (2, 2), (2, 2), (3, 2, 3, 4), 0, 1),
    "windows, depthwise": SwuConfig(uint(2), (113, 111, 30), (5, 3), (2, 3), (2, 2), (3, 2, 3, 4), 0, 1, "depthwise"),
    "line buffer of a large map": LineBufferConfig(uint(8), (224, 224, 3), (7, 7), (2, 2), _ONE, (3, 3, 3, 3), 0, 1),
    "line buffer, 4 windows": LineBufferConfig(BIPOLAR, (120, 120, 12), (3, 5), (2, 1), (1, 2), (1, 4, 1, 4), 1, 4, mmv=4),
    "pool of 49 taps": PoolConfig(int_(8), (4, 4, 8), 49, 1, 49),
    "pool of 9 taps of 64": PoolConfig(int_(16), (4, 4, 8), 36, 2, 9),
    "pool of 49 BIPOLAR taps": PoolConfig(BIPOLAR, (4, 4, 8), 98, 1, 49),
    "argmax of 1000": ArgMaxConfig(int_(24), (4, 1000), 25),
    "argmax one by one": ArgMaxConfig(int_(24), (4, 1000), 1),
    "thresholds, 255 steps": ThresholdConfig(int_(24), (4, 64), _thresholds(64, int_(24)), 2, threshold_storage="lut"),
    "thresholds in block RAM": ThresholdConfig(int_(24), (4, 64), _thresholds(64, int_(24)), 2, threshold_storage="block"),
    "requantiser 24 x 18 bits": ThresholdConfig(int_(24), (4, 16), _requantiser(16, 18, 30), 1, arithmetic="lut"),
    "requantiser 24 x 18, DSP": ThresholdConfig(int_(24), (4, 16), _requantiser(16, 18, 30), 1, arithmetic="dsp"),
    "requantiser 16 x 12 bits": ThresholdConfig(int_(16), (4, 16), _requantiser(16, 12, 20), 1, arithmetic="lut"),
    "requantiser, constants": ThresholdConfig(int_(24), (4, 4), _requantiser(4, 24, 40), 4, arithmetic="lut"),
    "requantiser, 8 exceptions": ThresholdConfig(int_(20), (4, 16), _requantiser(16, 8, 22, 8, True), 1, arithmetic="dsp"),
    "matrix of 8 bits, DSP": _matrix(int_(8), "dsp"),
    "matrix of 8 bits, packed": _matrix(int_(8), "packed"),
    "matrix of 4 bits, packed": _matrix(int_(4), "dense"),
    "matrix of 4 bits, 2 lanes": _matrix(int_(4), "packed", 2, uint(4)),
    "matrix of 3 bits, packed": _matrix(int_(3), "packed", 4, uint(3)),
    "matrix of 2 x 8 bits": _matrix(int_(2), "packed", 2, uint(8)),
    "matrix of 16 bits, DSP": _matrix(int_(16), "dsp"),
    "depthwise 25 taps": _depthwise(uint(8), int_(8), 25, 25),
    "depthwise 9 taps, DSP": _depthwise(uint(8), int_(8), 9, 9, "dsp"),
    "depthwise 1 tap of 9": _depthwise(uint(8), int_(8), 9, 1),
    "depthwise 49 BIPOLAR taps": _depthwise(uint(8), BIPOLAR, 49, 49),
    "depthwise 16 x 16 bits": _depthwise(int_(16), int_(16), 9, 1),
    "sum of 49 taps": _depthwise(uint(8), None, 49, 49),
    "global sum": GlobalPoolConfig(int_(16), (56, 56, 300), 1, "sum", _requantiser(300, 12, 28), arithmetic="dsp"),
    "global maximum": GlobalPoolConfig(int_(24), (56, 56, 300), 2, "max"),
    "sum of 8": _add(8, int_(16), False),
    "sum of 4 products": _add(4, uint(8), True),
    "sum of 4 products, DSP": _add(4, int_(16), True, "dsp"),
    "product of 16 bits": MultiplyConfig((int_(16), int_(16)), (4, 8), 1, (3, 5), arithmetic="lut"),
    "product of 8 bits": MultiplyConfig((int_(8), uint(8)), (4, 8), 1, (3, 5), arithmetic="lut"),
    "product of 24 bits, DSP": MultiplyConfig((int_(24), int_(24)), (4, 8), 1, arithmetic="dsp"),
    "concatenation of 6": ConcatConfig((int_(4),) * 6, (8, 8), (300, 301, 11, 500, 1, 7), int_(8), 1),
    "split into 6": SplitConfig(int_(8), (8, 1000), ((0, 300), (100, 999), (7, 77), (500, 501), (0, 1000), (9, 10)), 1),
    "fork into 8": ForkConfig(StreamSpec(uint(8), (64,), 8), 8),
    "lookup of 12 bits in LUTs": LookupConfig(int_(12), (4, 4), _values(int_(8), 1, 4096), -2048, int_(8), 1, "lut"),
    "lookup of 14 bits": LookupConfig(int_(14), (4, 4), _values(int_(8), 1, 1 << 14), -8192, int_(8), 1),
    "transposition": TransposeConfig(uint(1), (2, 96, 4, 1)),
    "depth to space": DepthToSpaceConfig(uint(8), (113, 111, 36), 3, 1, "CRD"),
    "space to depth": SpaceToDepthConfig(uint(8), (111, 114, 30), 3, 1),
    "stuffing": StuffingConfig(uint(8), (113, 111, 30), (3, 5), 7, 1),
}
