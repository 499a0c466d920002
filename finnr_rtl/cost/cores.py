"""What each core is made of."""

from functools import singledispatch

import numpy as np

from finnr_rtl.cores.add import AddConfig
from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.concat import ConcatConfig
from finnr_rtl.cores.contract import CoreConfig, address_bits
from finnr_rtl.cores.depthwise import DepthwiseConfig
from finnr_rtl.cores.dwc import WidthConverterConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.fork import ForkConfig
from finnr_rtl.cores.globalpool import GlobalPoolConfig
from finnr_rtl.cores.lookup import SHALLOW_TABLE, LookupConfig
from finnr_rtl.cores.maxpool import PoolConfig
from finnr_rtl.cores.multiply import MultiplyConfig
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.pad_sequence import PaddedMap
from finnr_rtl.cores.padding import PaddingConfig
from finnr_rtl.cores.ram import prefers_block
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.cost.parts import Parts
from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["compose"]


@singledispatch
def compose(config: CoreConfig, p: Parts) -> None:
    """Count the parts of a core into ``p``. Raises ``NotImplementedError`` for a core without a model."""
    raise NotImplementedError(f"no cost model of {type(config).__name__}")


@compose.register
def _(c: FifoConfig, p):
    p.credit_fifo(c.spec.width, c.depth)


@compose.register
def _(c: WidthConverterConfig, p):
    width_in, width_out = c.input.width, c.output.width
    p.counter(c.phases)
    p.lut("converter")
    p.ff += 1 + width_out
    if c.units_in == 1:
        # Collects: all but the last part come from the history.
        p.ff += (c.units_out - 1) * width_in
        return
    ways = c.units_in
    history = 0
    if c.units_out > 1:
        history = max(c.source(beat, unit)[0] for beat in range(c.units_in) for unit in range(c.units_out))
        if c.units_in < c.units_out:
            p.counter(c.units_in)
    p.ff += history * width_in
    p.lut("select", width_out * (ways - 1))


@compose.register
def _(c: ForkConfig, p):
    p.ff += c.spec.width
    for _ in range(c.count):
        p.output_place()


@compose.register
def _(c: SplitConfig, p):
    p.counter(c.folds)
    for _ in c.parts:
        p.output_place()
        p.ff += c.input.width
        p.lut("range")


@compose.register
def _(c: ConcatConfig, p):
    p.counter(c.folds)
    p.output_place()
    p.ff += c.output.width
    p.lut("range", len(c.inputs))
    p.lut("select", c.output.width * (len(c.inputs) - 1))


def _pad_sequence(pads: PaddedMap, p: Parts) -> None:
    if not any(pads.pads):
        return
    top, left, bottom, right = pads.pads
    between, before = (left + right) * pads.beats, (top * pads.padded[1] + left) * pads.beats
    after = (bottom * pads.padded[1] + right) * pads.beats
    runs = pads.rows if between else 1
    pixels = pads.columns * pads.beats * pads.rows // runs
    bits = address_bits(max(pixels, between, before + after, 2))
    p.ff += bits + 1
    p.lut("pad")
    p.lut("pad bit", bits)
    p.counter(runs)


@compose.register
def _(c: PaddingConfig, p):
    _pad_sequence(c.map, p)
    p.ff += 1 + c.output.width
    p.lut("flag")
    p.lut("pad mux", c.output.width)


@compose.register
def _(c: StuffingConfig, p):
    rows, columns, channels = c.output.shape
    for count in (channels // c.lanes, columns, rows):
        p.counter(count)
    for factor in c.factors:
        if factor > 1:
            p.ff += address_bits(factor)
            p.lut("flag")
    p.output_place()
    p.ff += c.output.width
    p.lut("pad mux", c.output.width)


@compose.register
def _(c: WalkConfig, p):
    width, words = c.input.width, c.words
    windows, taps = c.window_loops, c.tap_loops
    loops = windows + taps
    p.ram(words, width, prefers_block(words, width))
    for loop in loops:
        p.counter(loop.count)
    reaches = [loop.reach for loop in loops]
    moves = [loop.stride - sum(reaches[n + 1 :]) for n, loop in enumerate(loops)] + [c.map.total - sum(reaches)]
    frees = [loop.stride - sum(reaches[n + 1 : len(windows)]) for n, loop in enumerate(windows)]
    frees.append(c.map.total - sum(reaches[: len(windows)]))
    ahead = holding(min(-max(moves), -1), words - 1).width
    fill = holding(-words - max(0, max(frees) - c.footprint), 0).width
    p.ff += ahead + fill + 1
    p.lut("walk")
    p.lut("walk bit", ahead + fill)
    p.lut("walk move", ahead * len(loops) + fill * len(windows))
    address = p.counter(words)
    p.ff += address
    p.lut("walk address", address)
    p.lut("walk move", address * len(loops))
    if words & (words - 1):
        p.lut("walk address", address)
    _pad_sequence(c.map, p)
    if any(c.map.pads):
        p.lut("pad mux", width)


@compose.register
def _(c: PoolConfig, p):
    p.counter(c.taps)
    p.ff += 1 + c.output.width
    p.lut("flag")
    if c.taps > 1:
        p.ff += c.output.width
        p.lut("greatest bit" if c.dtype.bits > 1 else "or bit", c.output.width)


@compose.register
def _(c: ArgMaxConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.counter(c.folds)
    fold = address_bits(c.folds) if c.folds > 1 else 0
    lane_bits, values, level = address_bits(c.lanes), c.lanes, 0
    while values > 1:
        values = -(-values // 2)
        level += 1
        p.ff += values * (c.dtype.bits + min(level, lane_bits)) + 1 + fold + (c.folds > 1)
        p.lut("greatest bit", values * c.dtype.bits)
        p.lut("select", values * min(level, lane_bits))
    p.ff += c.dtype.bits + c.output.width + 1
    p.lut("greatest bit", c.dtype.bits)


def _parameters(values: np.ndarray, lanes: int, p: Parts, enabled: bool = True) -> int:
    """cores/parameters.py; returns the width of one value."""
    width = holding(int(values.min()), int(values.max())).width
    words = len(values) // lanes
    if words > 1 and (values.reshape(-1, lanes) != values[:lanes]).any():
        p.rom(words, lanes * width, False)
    return width


def _activation(table: Thresholds | Requantiser | None, lanes: int, x_bits: int, p: Parts, dsp: bool) -> None:
    if isinstance(table, Requantiser):
        _requantiser(table, lanes, x_bits, p, dsp)
    elif table is not None:
        _thresholds(table, lanes, x_bits, p)


def _thresholds(table: Thresholds, lanes: int, x_bits: int, p: Parts) -> None:
    folds = table.channels // lanes
    fold = address_bits(folds) if folds > 1 else 0
    bits = table.steps.bit_length()
    low, high = int(table.values.min()), int(table.values.max())
    width = holding(low, high).width
    for level in range(bits):
        p.rom(folds << level, lanes * width, False)
        p.lut("compare bit" if folds << level > 1 else "compare constant bit", lanes * x_bits)
        p.ff += lanes
        last = level == bits - 1
        if level:
            p.ff += 1 + lanes * (x_bits + level) + fold
        p.ff += 1 + lanes * (level + (0 if last else x_bits)) + (0 if last and not table.flip.any() else fold)
    if table.flip.any():
        p.lut("flip", lanes * table.output.bits)


def _requantiser(table: Requantiser, lanes: int, x_bits: int, p: Parts, dsp: bool) -> None:
    scale = _parameters(table.scale, lanes, p)
    offset = _parameters(table.offset, lanes, p)
    product = x_bits + scale
    total = max(product, offset) + 1
    p.ff += 3 + lanes * table.output.bits
    if dsp:
        p.dsp += lanes
    else:
        p.ff += lanes * (product + offset + total)
        p.lut("product", lanes * x_bits * scale)
        p.lut("add bit", lanes * total)
    p.lut("clip bit", lanes * (total - table.shift + table.output.bits))


def _dsp(use_dsp: str) -> bool:
    return use_dsp != "no"


def _lane(input_type: DataType, weight_type: DataType, simd: int, bits: int, pe: int, p: Parts) -> None:
    """DotLane of cores/dot.py, ``pe`` times."""
    a, w = input_type.bits, weight_type.bits
    p.ff += pe * bits
    if input_type == weight_type == BIPOLAR:
        p.lut("xnor product", pe * simd)
    elif BIPOLAR in (input_type, weight_type):
        p.lut("signed term", pe * simd)
        p.lut("signed term bit", pe * simd * max(a, w))
    elif a * w > 1 and a + w >= 9:
        p.dsp += pe * simd
        p.lut("tree bit", pe * simd * (a + w))
    else:
        p.lut("multiply bit", pe * simd * a * w)
    p.lut("sum bit", pe * bits)


@compose.register
def _(c: MvtuConfig, p):
    places = c.places
    p.credit_fifo(c.output.width, places)
    p.lut("mvtu")
    p.counter(c.sf)
    fold = p.counter(c.nf)
    if c.groups > 1:
        p.counter(c.group_folds)
    words, width = c.nf * c.sf, c.pe * c.simd * c.weight_type.bits
    p.counter(words)
    p.rom(words, width, c.block)
    p.ff += c.input.width
    if c.group_folds > 1:
        p.lutram(c.sf, c.input.width)
        p.lut("replay mux", c.input.width)
    step = c.simd.bit_length() if c.xnor else max(1, (c.simd * c.input_type.max * c.weight_type.max).bit_length())
    _lane(c.input_type, c.weight_type, c.simd, step, c.pe, p)
    total = c.mw.bit_length() if c.xnor else holding(*c.accumulator_range).width
    stages = 2 + (c.sf > 1)
    p.ff += stages * 2 + (1 if c.sf > 1 else 0) + (fold * stages if c.thresholds is not None else 0)
    if c.sf > 1:
        p.ff += c.pe * total
        p.lut("accumulator bit", c.pe * total)
    _activation(c.thresholds, c.pe, total, p, _dsp(c.use_dsp))


@compose.register
def _(c: DepthwiseConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.lut("mvtu")
    p.counter(c.taps)
    fold = p.counter(c.folds)
    p.ff += c.input.width
    total = holding(*c.accumulator_range).width
    stages = 2
    if c.weights is not None:
        words = c.folds * c.taps
        p.counter(words)
        p.rom(words, c.pe * c.weight_type.bits, c.block)
        stages = 3
        a, w = c.input_type.bits, c.weight_type.bits
        if a + w >= 9 and w > 1 and a > 1:
            p.dsp += c.pe
        else:
            p.ff += c.pe * (a + w)
            p.lut("product", c.pe * a * w)
    p.ff += stages * 3 + fold * stages + c.pe * total
    p.lut("accumulator bit", c.pe * total)
    _activation(c.thresholds, c.pe, total, p, _dsp(c.use_dsp))


@compose.register
def _(c: ThresholdConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.shape[-1] // c.pe)
    p.ff += c.input.width + 1 + fold
    _activation(c.thresholds, c.pe, c.input_type.bits, p, _dsp(c.use_dsp))


@compose.register
def _(c: GlobalPoolConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.folds)
    p.counter(c.pixels)
    total = holding(*c.accumulator_range).width
    p.ff += c.input.width + 4 + 2 * fold + c.pe * total
    p.lut("add bit" if c.function == "sum" else "greatest bit", c.pe * total)
    if c.folds == 1:
        p.ff += c.pe * total
    else:
        p.ram(c.folds, c.pe * total, prefers_block(c.folds, c.pe * total))
    _activation(c.thresholds, c.pe, total, p, _dsp(c.use_dsp))


@compose.register
def _(c: AddConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.shape[-1] // c.pe)
    p.ff += sum(spec.width for spec in c.inputs)
    total = holding(*c.accumulator_range).width
    if c.scaled:
        for row, dtype, limits in zip(c.multipliers, c.input_types, c.term_ranges, strict=True):
            factor = _parameters(row, c.pe, p)
            if _dsp(c.use_dsp) and factor + dtype.bits >= 9:
                p.dsp += c.pe
            else:
                p.ff += c.pe * holding(*limits).width
                p.lut("product", c.pe * dtype.bits * factor)
    _parameters(c.offsets, c.pe, p)
    p.ff += c.pe * total + (2 + c.scaled) * (1 + fold)
    p.lut("add bit", c.pe * total * len(c.inputs))
    _activation(c.thresholds, c.pe, total, p, _dsp(c.use_dsp))


@compose.register
def _(c: MultiplyConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.shape[-1] // c.pe)
    widths = [holding(*limits).width for limits in c.operand_ranges]
    total = holding(*c.accumulator_range).width
    p.ff += 2 * (1 + fold) + c.pe * (total + sum(widths))
    if _dsp(c.use_dsp) and sum(widths) >= 9:
        p.dsp += c.pe
    else:
        p.lut("product", c.pe * widths[0] * widths[1])
    _activation(c.thresholds, c.pe, total, p, _dsp(c.use_dsp))


@compose.register
def _(c: LookupConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.counter(c.folds)
    words = c.folds << c.input_type.bits
    block = c.storage == "block" or (c.storage == "auto" and words > SHALLOW_TABLE)
    for _ in range(c.pe):
        p.rom(words, c.output_type.bits, block)
    p.ff += 1
