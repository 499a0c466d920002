"""Quantisers at work: on constants they give integers, on streams thresholds."""

from dataclasses import replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR
from finnr_rtl.frontend.builder import MAX_TABLE, Builder
from finnr_rtl.frontend.chain import applied
from finnr_rtl.frontend.extract import extract
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.quantisers import Grid, Levels, Whole, read_grid, read_levels
from finnr_rtl.frontend.requantise import FEW_STEPS, compact
from finnr_rtl.frontend.segments import as_table, as_thresholds, runs
from finnr_rtl.frontend.sums import quantised_sum
from finnr_rtl.frontend.values import Constant, Stream
from finnr_rtl.frontend.wide import widely_quantised
from finnr_rtl.thresholds import Thresholds

__all__ = ["quantised"]

_MAX_STEPS = 255
_SMALL_RANGE = 1 << 10
_LIMITS = "every rounding mode; on streams, more than 8 bits where a multiplication and shift is exact (rounding to even)"


def _changes_nothing(builder: Builder, stream: Stream, thresholds: Thresholds) -> bool:
    """Whether the thresholds give back every integer that the stream may hold, as of the same type."""
    if thresholds.output != builder.type_of(stream.producer) or stream.high - stream.low > _SMALL_RANGE:
        return False
    q = np.arange(stream.low, stream.high + 1, 2 if thresholds.output == BIPOLAR else 1)[:, None]
    q = np.broadcast_to(q, (len(q), stream.channels))
    return np.array_equal(thresholds(q), q)


def quantised(node: Node, value, quantiser: Grid | Levels | Whole, builder: Builder) -> Stream:
    """The stream of integers that ``quantiser`` makes of ``value``."""
    stream = builder.placed(builder.stream(node, value))
    try:
        stream, arguments = stream.aligned(quantiser.arguments)
    except ValueError:
        raise node.error(f"a parameter's shape does not fit a stream of shape {value.order.shape}") from None
    scale, bias = quantiser.meaning(arguments)
    result = replace(stream, scale=scale, bias=bias, low=quantiser.low, high=quantiser.high, chain=(), terms=())
    if quantiser.steps > _MAX_STEPS:
        return _wide(node, stream, quantiser, arguments, builder, result)
    if np.any(np.isnan(stream.direction)):
        return replace(result, producer=_table(node, stream, quantiser, arguments, builder), sole=True)
    if stream.terms:
        producer = _sum(node, stream, quantiser, arguments, builder)
        if producer:
            return replace(result, producer=producer, sole=True)
    stream = builder.risen(stream)
    thresholds = extract(stream, quantiser, arguments)
    if _changes_nothing(builder, stream, thresholds):
        return replace(result, producer=stream.producer)
    activation = thresholds
    if thresholds.steps > FEW_STEPS:
        activation = compact(thresholds, *builder.ranges(stream))
    return replace(result, producer=builder.attach(node, stream, activation), sole=True)


def _wide(node: Node, stream: Stream, quantiser, arguments, builder: Builder, result: Stream) -> Stream:
    """The integers of a quantiser of more than 8 bits: multiplied and shifted, never searched."""
    activation = widely_quantised(stream, quantiser, arguments)
    if activation is None:
        raise node.error(
            f"has {quantiser.steps + 1} output values; more than {_MAX_STEPS + 1} (8 bits) are supported where one multiplication and "
            "shift gives the same for every integer, as scales that are powers of two allow; use such scales, or 8 bits"
        )
    low, high = activation.low, activation.high
    unmoved = activation.shift == 0 and not np.any(activation.offset) and np.all(activation.scale == 1)
    if unmoved and low <= stream.low and stream.high <= high and not activation.exceptions.size:
        return replace(result, producer=stream.producer, low=stream.low, high=stream.high)
    return replace(result, producer=builder.attach(node, stream, activation), low=low, high=high, sole=True)


def _sum(node: Node, stream: Stream, quantiser, arguments, builder: Builder) -> str | None:
    """A layer for the quantised sum of two terms, with multipliers of its own; None where the sum as it stands must serve."""
    types = [builder.type_of(term.producer) for term in stream.terms]
    found = quantised_sum(stream, quantiser, arguments, tuple(dtype == BIPOLAR for dtype in types))
    if found is None:
        return None
    multipliers, activation = found
    old = builder.layers[stream.producer]
    layer = replace(old, multipliers=multipliers, thresholds=activation)
    return builder.add(layer if stream.sole else replace(layer, name=builder.layer_name(node)))


def _table(node: Node, stream: Stream, quantiser, arguments, builder: Builder) -> str:
    """A table for functions that may rise and fall: of every integer where these are few, else of the runs that give the same."""
    culprit = next(f for f in stream.chain if np.any(np.isnan(f.direction)))
    source = f"its input comes through {culprit.op} (node {culprit.node})"
    try:
        found = runs(stream, quantiser, arguments)
    except ValueError as error:
        raise node.error(f"{source}, which {error} for some integers from {stream.low} to {stream.high}; clip before that node") from None
    if found and (thresholds := as_thresholds(found, quantiser, stream.high)):
        return builder.attach(node, stream, compact(thresholds, *builder.ranges(stream)))
    if found and stream.high - stream.low < MAX_TABLE:
        table = np.stack([np.repeat(outputs, np.diff(np.append(starts, stream.high + 1))) for starts, outputs in found])
        return builder.look_up(node, stream, table, quantiser.dtype)
    numbered = as_table(found, stream.high) if found else None
    if numbered is None:
        raise node.error(
            f"{source}, which rises and falls, from integers of {stream.low} to {stream.high}; that takes more than 256 runs of equal "
            "results, or more values than are looked at: quantise before that node"
        )
    thresholds, table = numbered
    producer = builder.attach(node, stream, thresholds)
    numbers = replace(stream, producer=producer, low=0, high=thresholds.steps)
    return builder.look_up(node, numbers, table, quantiser.dtype)


@operator("Quant", "IntQuant", "BipolarQuant", limits=_LIMITS, constants=True)
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
    return quantised(node, inputs[0], grid, builder)


@operator("Trunc", limits="versions 1 and 2, at most 8 bits left")
def _trunc(node, inputs, builder):
    parameters = inputs[1:]
    if len(parameters) not in (4, 5) or any(not isinstance(p, Constant) or p.value.size != 1 for p in parameters):
        raise node.error("its scale, zero point and bit widths must be constant, one of each")
    # Version 2 has an output scale before the output's bit width.
    scale, zero_point, bits_in, *out_scale, bits_out = (float(p.value.reshape(())) for p in parameters)
    factor = 2.0 ** (np.round(np.log2(out_scale[0] / scale)) if out_scale else bits_in - bits_out)
    mode = str(node.get("rounding_mode", "FLOOR")).upper()
    value = builder.stream(node, inputs[0])
    steps = [("Div", {"value": scale}), ("Add", {"value": zero_point}), ("Round", {}), ("Div", {"value": factor})]
    if out_scale:
        signed, narrow = bool(node.get("signed", 1)), bool(node.get("narrow", 0))
        low = narrow - 2.0 ** (bits_out - 1) if signed else 0.0
        high = 2.0 ** (bits_out - 1) - 1 if signed else 2.0**bits_out - 1 - narrow
        steps.append(("Clip", {"low": low, "high": high}))
    for op, args in (*steps, (mode, {})):
        value = applied(node, value, op, **args)
    ends = value.evaluate(np.array([[value.low], [value.high]]) + np.zeros(value.channels, dtype=np.int64))
    result = quantised(node, value, Whole(int(ends.min()), int(ends.max())), builder)
    final, zero = (out_scale[0], zero_point / factor) if out_scale else (scale, zero_point)
    return replace(result, scale=np.float64(final), bias=np.float64(0.0 - final * zero))


@operator("MultiThreshold", limits="at most 255 steps")
def _multi_threshold(node, inputs, builder):
    stream = builder.stream(node, inputs[0])
    return quantised(node, stream, read_levels(node, inputs[1], stream.order.ndim), builder)
