"""Quantisers at work: on constants they give integers, on streams thresholds."""

from dataclasses import replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR
from finnr_rtl.frontend.builder import Builder
from finnr_rtl.frontend.extract import extract
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.quantisers import Grid, Levels, read_grid, read_levels
from finnr_rtl.frontend.requantise import compact
from finnr_rtl.frontend.values import Constant, Stream
from finnr_rtl.thresholds import Thresholds

_MAX_STEPS = 255
_SMALL_RANGE = 1 << 10


def _changes_nothing(builder: Builder, stream: Stream, thresholds: Thresholds) -> bool:
    """Whether the thresholds give back every integer that the stream may hold, as of the same type."""
    if thresholds.output != builder.type_of(stream.producer) or stream.high - stream.low > _SMALL_RANGE:
        return False
    q = np.arange(stream.low, stream.high + 1, 2 if thresholds.output == BIPOLAR else 1)[:, None]
    q = np.broadcast_to(q, (len(q), stream.channels))
    return np.array_equal(thresholds(q), q)


def _quantised(node: Node, value, quantiser: Grid | Levels, builder: Builder) -> Stream:
    if not isinstance(value, Stream):
        raise node.error("its input is not a stream of integers: a layer cannot follow what only the host computes")
    if quantiser.steps > _MAX_STEPS:
        raise node.error(f"has {quantiser.steps + 1} output values; at most {_MAX_STEPS + 1} (8 bits) are supported on streams")
    stream = builder.placed(value)
    try:
        stream, arguments = stream.aligned(quantiser.arguments)
    except ValueError:
        raise node.error(f"a parameter's shape does not fit a stream of shape {value.order.shape}") from None
    stream = builder.risen(stream)
    thresholds = extract(stream, quantiser, arguments)
    scale, bias = quantiser.meaning(arguments)
    result = replace(stream, scale=scale, bias=bias, low=quantiser.low, high=quantiser.high, chain=())
    if _changes_nothing(builder, stream, thresholds):
        return result
    return replace(result, producer=builder.attach(node, stream, compact(thresholds, stream.low, stream.high)), sole=True)


@operator("Quant", "IntQuant", "BipolarQuant", limits="at most 8 bits on streams; every rounding mode", constants=True)
def _quant(node, inputs, builder):
    if builder is not None and node.name in builder.quantisers:
        return inputs[0]  # done by whoever feeds the accelerator
    grid = read_grid(node, inputs[1:])
    if isinstance(inputs[0], Constant):
        try:
            return grid.constant(inputs[0])
        except ValueError:
            raise node.error(f"a parameter's shape does not fit a tensor of shape {inputs[0].value.shape}") from None
    if np.any(grid.scale < 0):
        raise node.error("its scale is negative; a positive scale expected")
    return _quantised(node, inputs[0], grid, builder)


@operator("MultiThreshold", limits="at most 255 steps")
def _multi_threshold(node, inputs, builder):
    if not isinstance(inputs[0], Stream):
        raise node.error("its input is not a stream of integers: a layer cannot follow what only the host computes")
    return _quantised(node, inputs[0], read_levels(node, inputs[1], inputs[0].order.ndim), builder)
