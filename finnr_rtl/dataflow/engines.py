"""The cores of each kind of layer."""

from functools import singledispatch
from math import prod

import numpy as np

from finnr_rtl.cores.add import AddConfig
from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.concat import ConcatConfig
from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cores.depthwise import DepthwiseConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.globalpool import GlobalPoolConfig
from finnr_rtl.cores.line_buffer import LineBufferConfig
from finnr_rtl.cores.lookup import LookupConfig
from finnr_rtl.cores.maxpool import PoolConfig
from finnr_rtl.cores.multiply import MultiplyConfig
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.padding import PaddingConfig
from finnr_rtl.cores.rearrange import DepthToSpaceConfig, SpaceToDepthConfig, UpsampleConfig
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.errors import UserError
from finnr_rtl.folding.folding import Fold
from finnr_rtl.folding.windows import by_channel, sliding, taken_channels, window_style
from finnr_rtl.network.layers import (
    Add,
    ArgMax,
    Concat,
    Conv,
    DepthToSpace,
    Layer,
    Lookup,
    MaxPool,
    Multiply,
    Pad,
    Requantise,
    Slice,
    SpaceToDepth,
    Stuff,
    SumPool,
    Threshold,
    Upsample,
)

__all__ = ["engine"]


@singledispatch
def engine(layer: Layer, fold: Fold) -> list[tuple[str, CoreConfig]]:
    """The cores of one layer in a row, with the names of their stages.

    Raises ``UserError`` for a layer that no core computes yet.
    """
    raise UserError(f"layer {layer.name!r} ({type(layer).__name__}) has no hardware yet; remove it from the model or run it on the host")


@engine.register
def _(layer: Conv, fold):
    if by_channel(layer):
        swu, simd = _channel_windows(layer, fold, layer.pad_value)
        matrix = DepthwiseConfig(
            input_type=layer.input_type,
            shape=layer.output_shape,
            taps=prod(layer.window.kernel),
            pe=fold.pe,
            weights=layer.matrix,
            weight_type=layer.weight_type,
            thresholds=layer.thresholds,
            storage=fold.weights,
            simd=simd,
            **_activation(fold),
        )
        return [(f"{layer.name}_swu", swu), (f"{layer.name}_dwu", matrix)]
    style = window_style(layer, fold)
    if style == "lines":
        return _lines_and_matrix(layer, fold)
    matrix = _matrix(layer, fold, layer.matrix)
    if style is None:
        return [(f"{layer.name}_mvtu", matrix)]
    # Beats of a whole group bring all taps of one group together, which is how the matrix unit takes them.
    lanes, order = (fold.simd, "window") if layer.groups == 1 else (layer.input_shape[2] // layer.groups, "depthwise")
    return [(f"{layer.name}_swu", _windows(layer, lanes, order, layer.pad_value)), (f"{layer.name}_mvtu", matrix)]


def _lines_and_matrix(layer: Conv, fold: Fold) -> list[tuple[str, CoreConfig]]:
    """The cores of a convolution whose windows come from line buffers."""
    channels = taken_channels(layer, fold)
    lines = _lines(layer, channels, layer.pad_value, fold.mmv)
    # Columns in the order in which the windows come: all taps of the first channels, then of the next.
    matrix = _matrix(layer, fold, layer.matrix_by(channels))
    cores = [(f"{layer.name}_swu", lines), (f"{layer.name}_mvtu", matrix)]
    if fold.mmv > 1 and matrix.nf > 1:
        cores.append((f"{layer.name}_transpose", TransposeConfig(matrix.output.dtype, matrix.output.shape)))
    return cores


def _matrix(layer: Conv, fold: Fold, weights: np.ndarray) -> MvtuConfig:
    """The matrix unit of a convolution, with ``weights`` (outputs, fan-in) in the order in which it takes its columns."""
    return MvtuConfig(
        input_type=layer.input_type,
        weight_type=layer.weight_type,
        weights=weights,
        pe=fold.pe,
        simd=fold.simd,
        vectors=prod(layer.output_shape[:2]),
        thresholds=layer.thresholds,
        storage=fold.weights,
        groups=layer.groups,
        mmv=fold.mmv,
        **_activation(fold),
    )


@engine.register
def _(layer: MaxPool, fold):
    if not sliding(layer):
        return [(f"{layer.name}_pool", GlobalPoolConfig(layer.input_type, layer.input_shape, fold.pe, "max"))]
    swu, simd = _channel_windows(layer, fold, layer.input_type.min)
    pool = PoolConfig(layer.input_type, layer.output_shape, prod(layer.window.kernel), fold.pe, simd)
    return [
        (f"{layer.name}_swu", swu),
        (f"{layer.name}_pool", pool),
        (f"{layer.name}_fifo", FifoConfig(pool.output, 2)),
    ]


@engine.register
def _(layer: SumPool, fold):
    if not sliding(layer):
        pool = GlobalPoolConfig(layer.input_type, layer.input_shape, fold.pe, "sum", layer.thresholds, **_activation(fold))
        return [(f"{layer.name}_pool", pool)]
    swu, simd = _channel_windows(layer, fold, layer.pad_value)
    taps = prod(layer.window.kernel)
    pool = DepthwiseConfig(
        layer.input_type, layer.output_shape, taps, fold.pe, thresholds=layer.thresholds, simd=simd, **_activation(fold)
    )
    return [(f"{layer.name}_swu", swu), (f"{layer.name}_pool", pool)]


@engine.register
def _(layer: Threshold, fold):
    activation = ThresholdConfig(layer.input_type, layer.input_shape, layer.thresholds, fold.pe, **_activation(fold))
    return [(f"{layer.name}_threshold", activation)]


@engine.register
def _(layer: Requantise, fold):
    activation = ThresholdConfig(layer.input_type, layer.input_shape, layer.requantiser, fold.pe, **_activation(fold))
    return [(f"{layer.name}_requantise", activation)]


@engine.register
def _(layer: Add, fold):
    parameters = layer.multipliers, layer.offsets, layer.thresholds
    total = AddConfig(layer.input_types, layer.input_shape, fold.pe, *parameters, **_activation(fold))
    return [(f"{layer.name}_add", total)]


@engine.register
def _(layer: ArgMax, fold):
    return [(f"{layer.name}_argmax", ArgMaxConfig(layer.input_type, layer.input_shape, fold.pe))]


@engine.register
def _(layer: Pad, fold):
    pad = PaddingConfig(layer.input_type, layer.input_shape, layer.pads, layer.value, fold.pe, layer.output_type)
    return [(f"{layer.name}_pad", pad)]


@engine.register
def _(layer: Stuff, fold):
    stuff = StuffingConfig(layer.input_type, layer.input_shape, layer.factors, layer.value, fold.pe, layer.output_type)
    return [(f"{layer.name}_stuff", stuff)]


@engine.register
def _(layer: Multiply, fold):
    product = MultiplyConfig(layer.input_types, layer.input_shape, fold.pe, layer.zeros, layer.thresholds, **_activation(fold))
    return [(f"{layer.name}_multiply", product)]


@engine.register
def _(layer: Upsample, fold):
    return [(f"{layer.name}_upsample", UpsampleConfig(layer.input_type, layer.input_shape, layer.factors, fold.pe))]


@engine.register
def _(layer: DepthToSpace, fold):
    return [(f"{layer.name}_d2s", DepthToSpaceConfig(layer.input_type, layer.input_shape, layer.block, fold.pe, layer.order))]


@engine.register
def _(layer: SpaceToDepth, fold):
    return [(f"{layer.name}_s2d", SpaceToDepthConfig(layer.input_type, layer.input_shape, layer.block, fold.pe, layer.order))]


@engine.register
def _(layer: Concat, fold):
    channels = tuple(shape[2] for shape in layer.input_shapes)
    whole = ConcatConfig(layer.input_types, layer.input_shape[:2], channels, layer.output_type, fold.pe)
    return [(f"{layer.name}_concat", whole)]


@engine.register
def _(layer: Slice, fold):
    return [(f"{layer.name}_slice", SplitConfig(layer.input_type, layer.input_shape, ((layer.start, layer.stop),), fold.pe))]


@engine.register
def _(layer: Lookup, fold):
    table = LookupConfig(layer.input_type, layer.input_shape, layer.table, layer.low, layer.output_type, fold.pe, fold.weights)
    return [(f"{layer.name}_lookup", table)]


def _activation(fold: Fold) -> dict[str, str]:
    """What a fold says of thresholds and products, in the words of the configurations."""
    return {"threshold_storage": fold.thresholds, "arithmetic": fold.arithmetic}


def _windows(layer: Conv | MaxPool | SumPool, lanes: int, order: str, pad_value: int) -> SwuConfig:
    return SwuConfig(**_sliding(layer, lanes, pad_value), order=order)


def _lines(layer: Conv | MaxPool | SumPool, lanes: int, pad_value: int, mmv: int = 1) -> LineBufferConfig:
    return LineBufferConfig(**_sliding(layer, lanes, pad_value), mmv=mmv)


def _channel_windows(layer: Conv | MaxPool | SumPool, fold: Fold, pad_value: int) -> tuple[CoreConfig, int]:
    """The windows of a layer that takes each channel alone, and how many taps of a channel a beat has."""
    if window_style(layer, fold) == "lines":
        return _lines(layer, fold.pe, pad_value), prod(layer.window.kernel)
    return _windows(layer, fold.pe, "depthwise", pad_value), 1


def _sliding(layer: Conv | MaxPool | SumPool, lanes: int, pad_value: int) -> dict:
    """The parameters that both sliding-window units have."""
    window = layer.window
    return {
        "dtype": layer.input_type,
        "shape": layer.input_shape,
        "kernel": window.kernel,
        "stride": window.stride,
        "dilation": window.dilation,
        "pads": window.pads,
        # Without padding there is no use for a value, but it must be one of the type.
        "pad_value": pad_value if any(window.pads) else layer.input_type.min,
        "simd": lanes,
    }
