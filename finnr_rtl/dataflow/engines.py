"""The cores of each kind of layer."""

from functools import singledispatch
from math import prod

from finnr_rtl.cores.add import AddConfig
from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.concat import ConcatConfig
from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cores.depthwise import DepthwiseConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.globalpool import GlobalPoolConfig
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
from finnr_rtl.errors import UserError
from finnr_rtl.folding.folding import Fold
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
    if layer.depthwise and layer.outputs == layer.groups:
        matrix = DepthwiseConfig(
            input_type=layer.input_type,
            shape=layer.output_shape,
            taps=prod(layer.window.kernel),
            pe=fold.pe,
            weights=layer.matrix,
            weight_type=layer.weight_type,
            thresholds=layer.thresholds,
            storage=fold.weights,
        )
        return [(f"{layer.name}_swu", _windows(layer, fold.pe, "depthwise", layer.pad_value)), (f"{layer.name}_dwu", matrix)]
    matrix = MvtuConfig(
        input_type=layer.input_type,
        weight_type=layer.weight_type,
        weights=layer.matrix,
        pe=fold.pe,
        simd=fold.simd,
        vectors=prod(layer.output_shape[:2]),
        thresholds=layer.thresholds,
        storage=fold.weights,
        groups=layer.groups,
    )
    if layer.window.trivial:
        return [(f"{layer.name}_mvtu", matrix)]
    # Beats of a whole group bring all taps of one group together, which is how the matrix unit takes them.
    lanes, order = (fold.simd, "window") if layer.groups == 1 else (layer.input_shape[2] // layer.groups, "depthwise")
    return [(f"{layer.name}_swu", _windows(layer, lanes, order, layer.pad_value)), (f"{layer.name}_mvtu", matrix)]


@engine.register
def _(layer: MaxPool, fold):
    if _whole_map(layer):
        return [(f"{layer.name}_pool", GlobalPoolConfig(layer.input_type, layer.input_shape, fold.pe, "max"))]
    pool = PoolConfig(layer.input_type, layer.output_shape, prod(layer.window.kernel), fold.pe)
    return [
        (f"{layer.name}_swu", _windows(layer, fold.pe, "depthwise", layer.input_type.min)),
        (f"{layer.name}_pool", pool),
        (f"{layer.name}_fifo", FifoConfig(pool.output, 2)),
    ]


@engine.register
def _(layer: SumPool, fold):
    if _whole_map(layer):
        pool = GlobalPoolConfig(layer.input_type, layer.input_shape, fold.pe, "sum", layer.thresholds)
        return [(f"{layer.name}_pool", pool)]
    pool = DepthwiseConfig(layer.input_type, layer.output_shape, prod(layer.window.kernel), fold.pe, thresholds=layer.thresholds)
    return [(f"{layer.name}_swu", _windows(layer, fold.pe, "depthwise", layer.pad_value)), (f"{layer.name}_pool", pool)]


@engine.register
def _(layer: Threshold, fold):
    return [(f"{layer.name}_threshold", ThresholdConfig(layer.input_type, layer.input_shape, layer.thresholds, fold.pe))]


@engine.register
def _(layer: Requantise, fold):
    return [(f"{layer.name}_requantise", ThresholdConfig(layer.input_type, layer.input_shape, layer.requantiser, fold.pe))]


@engine.register
def _(layer: Add, fold):
    total = AddConfig(layer.input_types, layer.input_shape, fold.pe, layer.multipliers, layer.offsets, layer.thresholds)
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
    product = MultiplyConfig(layer.input_types, layer.input_shape, fold.pe, layer.zeros, layer.thresholds)
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
    table = LookupConfig(layer.input_type, layer.input_shape, layer.table, layer.low, layer.output_type, fold.pe)
    return [(f"{layer.name}_lookup", table)]


def _whole_map(layer: MaxPool | SumPool) -> bool:
    """Whether a pool has one window, the map."""
    return layer.window.kernel == layer.input_shape[:2] and not any(layer.window.pads)


def _windows(layer: Conv | MaxPool | SumPool, lanes: int, order: str, pad_value: int) -> SwuConfig:
    window = layer.window
    return SwuConfig(
        dtype=layer.input_type,
        shape=layer.input_shape,
        kernel=window.kernel,
        stride=window.stride,
        dilation=window.dilation,
        pads=window.pads,
        # Without padding there is no use for a value, but it must be one of the type.
        pad_value=pad_value if any(window.pads) else layer.input_type.min,
        simd=lanes,
        order=order,
    )
