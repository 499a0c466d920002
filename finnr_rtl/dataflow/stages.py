"""Lowering: each layer becomes a few cores in a row."""

from dataclasses import dataclass, replace
from math import prod

from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cores.dwc import WidthConverterConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.maxpool import PoolConfig
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.folding.folding import Fold, FoldedNetwork
from finnr_rtl.network.layers import ArgMax, Conv, Layer, MaxPool, Threshold

__all__ = ["Stage", "lower"]


@dataclass(frozen=True, eq=False)
class Stage:
    """One core of the accelerator: ``name`` is its instance and its output link; ``layer`` the layer it works for."""

    name: str
    layer: str
    config: CoreConfig

    def holding(self, beats: int) -> "Stage":
        """The same stage with room for ``beats`` beats in flight or waiting behind it."""
        key = "depth" if isinstance(self.config, FifoConfig) else "slots"
        return replace(self, config=replace(self.config, **{key: beats}))

    @property
    def decouples(self) -> bool:
        """Whether the stage has room for beats that wait, so that it need not move in step with the next one."""
        return isinstance(self.config, FifoConfig | MvtuConfig | ThresholdConfig)


def lower(folded: FoldedNetwork) -> list[Stage]:
    """The stages of a network in stream order, width converters where neighbours' beats differ, rooms still unsized."""
    stages: list[Stage] = []
    for layer in folded.network.layers:
        for name, config in _engine(layer, folded.folds[layer.name]):
            if stages and stages[-1].config.output.lanes != config.input.lanes:
                before = stages[-1].config.output
                shape = (prod(before.shape),)
                converter = WidthConverterConfig(before.dtype, shape, before.lanes, config.input.lanes)
                stages.append(Stage(f"{layer.name}_dwc", layer.name, converter))
                if converter.lanes_out > converter.lanes_in:
                    # Wide beats are collected slowly but may be taken in bursts: they wait here, in their final shape.
                    stages.append(Stage(f"{layer.name}_infifo", layer.name, FifoConfig(converter.output, 2)))
            stages.append(Stage(name, layer.name, config))
    return stages


def _engine(layer: Layer, fold: Fold) -> list[tuple[str, CoreConfig]]:
    """The cores of one layer with their names."""
    match layer:
        case Conv():
            matrix = MvtuConfig(
                input_type=layer.input_type,
                weight_type=layer.weight_type,
                weights=layer.weights.reshape(layer.outputs, -1),
                pe=fold.pe,
                simd=fold.simd,
                vectors=prod(layer.output_shape[:2]),
                thresholds=layer.thresholds,
                storage=fold.weights,
            )
            windows = [] if layer.window.trivial else [(f"{layer.name}_swu", _windows(layer, fold.simd, "window"))]
            return [*windows, (f"{layer.name}_mvtu", matrix)]
        case MaxPool():
            pool = PoolConfig(layer.input_type, layer.output_shape, prod(layer.window.kernel), fold.pe)
            return [
                (f"{layer.name}_swu", _windows(layer, fold.pe, "depthwise")),
                (f"{layer.name}_pool", pool),
                (f"{layer.name}_fifo", FifoConfig(pool.output, 2)),
            ]
        case Threshold():
            return [(f"{layer.name}_threshold", ThresholdConfig(layer.input_type, layer.input_shape, layer.thresholds, fold.pe))]
        case ArgMax():
            return [(f"{layer.name}_argmax", ArgMaxConfig(layer.input_type, layer.input_shape, fold.pe))]
    raise TypeError(f"layer {layer.name!r} of kind {type(layer).__name__} has no engine")


def _windows(layer: Conv | MaxPool, lanes: int, order: str) -> SwuConfig:
    window = layer.window
    # Padding of a pool never wins; a convolution without padding has no use for a value, but it must be of the type.
    pad_value = layer.pad_value if isinstance(layer, Conv) and any(window.pads) else layer.input_type.min
    return SwuConfig(
        dtype=layer.input_type,
        shape=layer.input_shape,
        kernel=window.kernel,
        stride=window.stride,
        dilation=window.dilation,
        pads=window.pads,
        pad_value=pad_value,
        simd=lanes,
        order=order,
    )
