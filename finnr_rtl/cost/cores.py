"""What each core is made of."""

from functools import cache, singledispatch

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl.cores.accumulator import rescales
from finnr_rtl.cores.activation import in_counts
from finnr_rtl.cores.add import AddConfig
from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.concat import ConcatConfig
from finnr_rtl.cores.contract import CoreConfig, address_bits
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
from finnr_rtl.cores.operands import holding, number_shape
from finnr_rtl.cores.pad_sequence import PaddedMap
from finnr_rtl.cores.padding import PaddingConfig
from finnr_rtl.cores.product import uses_dsp
from finnr_rtl.cores.ram import free_words, rom_in_block
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.threshold import ThresholdConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.cost.facts import FEW_WORDS, distinct_columns, remember
from finnr_rtl.cost.parts import Parts
from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.emit.images import WIDE
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["compose", "ring_words"]

# Most DSP slices in a row whose last one keeps the sum in its own register.
SHORT_ROW = 3


@singledispatch
def compose(config: CoreConfig, p: Parts) -> None:
    """Count the parts of a core into ``p``. Raises ``NotImplementedError`` for a core without a model."""
    raise NotImplementedError(f"no cost model of {type(config).__name__}")


@compose.register
def _(c: FifoConfig, p):
    p.credit_fifo(c.spec.width, c.depth)


@compose.register
def _(c: WidthConverterConfig, p):
    p.counter(c.phases)
    p.lut("converter")
    p.ff += 1 + c.output.width
    if 1 < c.units_in < c.units_out:
        p.counter(c.units_in)
    # Of each unit of the input, the history goes back as far as an output takes it.
    oldest, ways = _sources(c.units_in, c.units_out)
    p.ff += sum(oldest) * c.unit * c.dtype.bits
    for number in ways:
        p.multiplexer(number, c.unit * c.dtype.bits)


@cache
def _sources(units_in: int, units_out: int) -> tuple[list[int], list[int]]:
    """Of each unit of an input beat, how many beats ago it was taken when last used; and of each unit of an output beat, how many
    places it comes from."""
    bits = units_in * units_out
    converter = WidthConverterConfig(BIPOLAR, (bits,), units_in, units_out)
    oldest, ways = [0] * units_in, []
    for unit in range(units_out):
        sources = {converter.source(beat, unit) for beat in range(units_in)}
        ways.append(len(sources))
        for age, offset in sources:
            oldest[offset] = max(oldest[offset], age)
    return oldest, ways


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
    p.multiplexer(len(c.inputs), c.output.width)


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
    if before + after != between:
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


def ring_words(c: WalkConfig) -> int:
    """Beats the ring of a core holds, without a look at every beat of a frame where that can be helped.

    The least depth grows with the beats of a pixel in a straight line, so those of one and of two tell all others.
    """
    if c.depth is None and isinstance(c, SwuConfig):
        one, two = _ring_depths(c.shape[:2], c.kernel, c.stride, c.dilation, c.pads, c.order)
        return free_words(one + (c.folds - 1) * (two - one), c.input.width)
    return _ring_words(c)


@cache
def _ring_depths(pixels: tuple, kernel: tuple, stride: tuple, dilation: tuple, pads: tuple, order: str) -> tuple[int, int]:
    units = [SwuConfig(BIPOLAR, (*pixels, folds), kernel, stride, dilation, pads, -1, 1, order) for folds in (1, 2)]
    return tuple(unit.depth_for() for unit in units)


@cache
def _ring_words(c: WalkConfig) -> int:
    return c.words


@compose.register
def _(c: WalkConfig, p):
    width, words = c.input.width, ring_words(c)
    windows, taps = c.window_loops, c.tap_loops
    loops = windows + taps
    p.ram(words, width)
    reaches = [loop.reach for loop in loops]
    moves = [loop.stride - sum(reaches[n + 1 :]) for n, loop in enumerate(loops)] + [c.map.total - sum(reaches)]
    frees = [loop.stride - sum(reaches[n + 1 : len(windows)]) for n, loop in enumerate(windows)]
    frees.append(c.map.total - sum(reaches[: len(windows)]))
    # Where the walk goes on at the end of a frame as it does behind each round of an outer loop, that loop's counter is not needed.
    needed = next((n for n in range(len(windows)) if (moves[n], frees[n]) != (moves[-1], frees[-1])), len(windows))
    for loop in loops[needed:]:
        p.counter(loop.count)
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
        p.lut("ring pad bit", width)


@compose.register
def _(c: LineBufferConfig, p):
    width, held, places = c.input.width, c.rows_held, max(c.row, 2)
    p.credit_fifo(c.output.width, c.places)
    for loop in c.read_loops:
        p.counter(loop.count)
    p.ff += max(c.first, c.mmv * c.stride[1] - 1).bit_length()
    words = held * c.row
    p.ff += holding(0, words).width
    p.lut("walk")
    p.lut("walk bit", holding(0, words).width)
    _pad_sequence(c.map, p)
    if any(c.map.pads):
        p.lut("ring pad bit", width)
    p.counter(c.row)
    p.counter(held)
    for _ in range(held):
        p.ram(places, width)
    _, columns, beats = c.read_loops
    p.counter(columns.count * beats.count)
    first = address_bits(held) if held > 1 else 0
    p.ff += 2 * first + 3
    p.multiplexer(held, c.kernel[0] * width)
    # Columns are kept as far as a tap takes them; between taps of several beats they are shift registers.
    column = c.kernel[0] * width
    taken = {(c.first - window * c.stride[1] - tap * c.dilation[1]) * c.folds for tap in range(c.kernel[1]) for window in range(c.mmv)}
    before = -1
    for age in sorted(taken):
        p.chain(column, age - before)
        before = age


@compose.register
def _(c: PoolConfig, p):
    p.counter(c.taps // c.simd)
    p.ff += 1 + c.output.width
    p.lut("flag")
    if c.taps > 1:
        p.ff += c.output.width
        p.lut("maximum bit" if c.dtype.bits > 1 else "or bit", c.simd * c.output.width)


@compose.register
def _(c: TransposeConfig, p):
    p.ff += 2 * c.rows * c.input.width + c.output.width
    for count in (2 * c.rows, c.rows, 2):
        p.counter(count)
    p.level(2 * c.rows)
    p.output_place()
    p.multiplexer(2 * c.rows, c.output.width)


@compose.register
def _(c: ArgMaxConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.counter(c.folds)
    fold = address_bits(c.folds) if c.folds > 1 else 0
    lane_bits, values, level = address_bits(c.lanes), c.lanes, 0
    while values > 1:
        values = -(-values // 2)
        level += 1
        # Of a pixel in one beat, only the last winner's lane matters.
        value = c.dtype.bits if values > 1 or c.folds > 1 else 0
        p.ff += values * (value + min(level, lane_bits)) + 2 + fold
        p.lut("greatest bit", values * c.dtype.bits)
        p.lut("select", values * min(level, lane_bits))
    p.ff += c.output.width + 1
    if c.folds > 1:
        p.ff += c.dtype.bits
        p.lut("greatest bit", c.dtype.bits)


def _parameters(values: np.ndarray, lanes: int, p: Parts, storage: str = "auto") -> tuple[Shape, bool]:
    """cores/parameters.py; returns the shape of one value, and whether it is constant."""
    shape, columns = remember(values, ("parameters", lanes), lambda: _columns(values, lanes))
    words = len(values) // lanes
    if columns:
        p.rom(words, lanes * shape.width, rom_in_block(storage, words, lanes * shape.width), columns)
    return shape, columns == 0


def _columns(values: np.ndarray, lanes: int) -> tuple[Shape, int]:
    shape = holding(int(values.min()), int(values.max()))
    return shape, distinct_columns(values.reshape(-1, lanes), shape.width)


def _product(p: Parts, count: int, first: Shape, second: Shape, arithmetic: str, digits: int | None = None) -> bool:
    """``count`` products of cores/product.py, with ``digits`` those with constants that take so many additions. Returns whether they
    are in DSP blocks."""
    if digits is not None:
        p.lut("digit bit", digits * first.width)
        return False
    if uses_dsp(arithmetic, first, second):
        p.dsp += count
        return True
    p.product(count, first, second, first.width + second.width)
    return False


def _digits(values: np.ndarray) -> int:
    """Additions in products with ``values``, which are written with as few digits other than 0 as possible, of -1 and 1."""
    return sum(max(0, (3 * abs(value) ^ abs(value)).bit_count() - 1) for value in values.tolist())


def _activation(table: Thresholds | Requantiser | None, lanes: int, x: Shape, p: Parts, c: CoreConfig, register: int = 0) -> None:
    """cores/activation.py for a core ``c``; ``register`` bits of operands are in a register that a DSP block can take."""
    if isinstance(table, Requantiser):
        _requantiser(table, lanes, x, p, c, register)
    elif table is not None:
        _thresholds(table, lanes, x, p, c.threshold_storage)


def _thresholds(table: Thresholds, lanes: int, x: Shape, p: Parts, storage: str) -> None:
    """cores/threshold_unit.py, for operands of shape ``x``."""
    folds = table.channels // lanes
    fold = address_bits(folds) if folds > 1 else 0
    bits = table.steps.bit_length()
    mixed = _mixed(table, lanes)
    width, columns = remember(table.values, ("search", lanes, x), lambda: _search(table, lanes, x))
    compared = max(width, x.width)
    for level, distinct in enumerate(columns):
        words, last = folds << level, level == bits - 1
        if rom_in_block(storage, words, width):
            for _ in range(lanes):
                p.block(words, width, written=False)
        else:
            p.rom(words, width, False, distinct, "threshold")
        p.lut("compare bit" if words > 1 else "compare constant bit", lanes * compared)
        p.ff += 1 + lanes * (level + 1) + (0 if last else lanes * x.width)
        if level:
            p.ff += 1 + lanes * (level + x.width)
        # The fold is carried on as far as a memory, or the falling channels, need it.
        carried = mixed or not last
        p.ff += fold * (carried + (carried and level > 0))
    p.lut("flip", lanes * table.output.bits * table.flip.any())


def _search(table: Thresholds, lanes: int, x: Shape) -> tuple[int, list[int]]:
    """Width of a threshold, and the columns kept in the memories of each level of the search."""
    bits, folds = table.steps.bit_length(), table.channels // lanes
    low, high = int(table.values.min()), int(table.values.max())
    never = 1 << (x.width - x.signed)
    if table.steps != (1 << bits) - 1:
        high = max(high, never)
    width = holding(low, high).width
    words = np.full((table.channels, (1 << bits) - 1), never, dtype=np.int64)
    words[:, : table.steps] = table.values
    columns = []
    for level in range(bits):
        index = np.arange(1 << level) * (1 << (bits - level)) + (1 << (bits - level - 1)) - 1
        rows = words[:, index].reshape(folds, lanes, 1 << level)
        if level == 0:
            columns.append(distinct_columns(rows[:, :, 0], width) if folds > 1 else 0)
        else:
            # The path is each lane's own, so only columns of the same lane can be equal.
            columns.append(sum(distinct_columns(rows[:, lane].reshape(-1, 1), width) for lane in range(lanes)))
    return width, columns


def _requantiser(table: Requantiser, lanes: int, x: Shape, p: Parts, c: CoreConfig, register: int) -> None:
    """cores/requantiser_unit.py, for operands of shape ``x``."""
    storage = c.threshold_storage
    scale, fixed = _parameters(table.scale, lanes, p, storage)
    offset, steady = _parameters(table.offset, lanes, p, storage)
    products, sums = remember(table.scale, ("ranges", x), lambda: _ranges(table, x))
    product, total = holding(*products), holding(*sums)
    shifted = holding(sums[0] >> table.shift, sums[1] >> table.shift)
    corrected = table.exceptions.shape[1]
    p.ff += 3 + lanes * table.output.bits
    # What is shifted out is not kept, unless to see ties.
    kept = total.width - (0 if table.half_even else min(table.shift, total.width))
    registers = lanes * (product.width + kept + (0 if steady else offset.width))
    digits = remember(table.scale, ("digits", lanes), lambda: _digits(table.scale[:lanes])) if fixed else None
    if _product(p, lanes, x, scale, c.arithmetic, digits):
        # The slice's own registers take the operand, the product, the addend and the sum.
        p.into_slices(register + registers)
    else:
        p.lut("offset bit", lanes * total.width)
    p.ff += registers
    if shifted.width > table.output.bits or sums[0] >> table.shift < table.low or sums[1] >> table.shift > table.high:
        p.lut("clip bit", lanes * table.output.bits)
        p.lut("clip compare bit", lanes * shifted.width)
    if table.half_even:
        p.lut("tie bit", lanes * table.shift)
    if corrected:
        p.ff += 1 + lanes * 4 * table.output.bits
        for entry in range(corrected):
            _parameters(table.exceptions[:, entry], lanes, p, storage)
            _parameters(table.corrections[:, entry], lanes, p, storage)
        p.lut("exception bit", lanes * corrected * (x.width + table.output.bits))


def _ranges(table: Requantiser, x: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
    """(least, greatest) product, and sum, of any operand of shape ``x`` and any channel."""
    ends = np.stack([table.scale * value for value in _ends(x)])
    sums = ends + table.offset
    return (int(ends.min()), int(ends.max())), (int(sums.min()), int(sums.max()))


def _ends(x: Shape) -> tuple[int, int]:
    return (-(1 << (x.width - 1)), (1 << (x.width - 1)) - 1) if x.signed else (0, (1 << x.width) - 1)


def _lanes(c: MvtuConfig, step: Shape, p: Parts) -> None:
    """The lanes of cores/dot.py, for one vector."""
    input_type, weight_type, products = c.input_type, c.weight_type, c.pe * c.simd
    a, w = input_type.bits, weight_type.bits
    if c.xnor:
        p.match_counts(c.pe, c.simd)
    elif c.nf * c.sf == 1 and c.lane_arithmetic != "dsp":
        # One bit of an input for each bit of a weight that is 1, all in one sum; of BIPOLAR ones the other operand, or its complement.
        ones = products if BIPOLAR in (input_type, weight_type) else remember(c.weights, ("ones", w), lambda: _ones(c.weights, w))
        bits = ones * (w if input_type == BIPOLAR else a)
        p.lut("constant adder", max(0, bits - c.pe * step.width))
        p.lut("constant sum bit", c.pe * step.width)
    elif BIPOLAR in (input_type, weight_type):
        bits = max(a, w) + 1
        p.lut("signed term bit", products * bits)
        p.lut("signed adder", c.pe * max(0, c.simd * bits - step.width))
        p.lut("negation bit", c.simd * a if weight_type == BIPOLAR else products * w)
    elif uses_dsp(c.lane_arithmetic, number_shape(weight_type), number_shape(input_type)):
        # The slices add up in a row, and take the operand in their own registers; of few also the result, of one even the accumulator.
        p.dsp += products
        rescaled = rescales(c.thresholds)
        p.into_slices(c.input.width // c.mmv + (c.pe * step.width if c.simd <= SHORT_ROW and not (rescaled and c.sf == 1) else 0))
        if c.simd == 1 and c.sf > 1 and not rescaled:
            p.into_slices(c.pe * _sums(c)[1].width)
        # A slice adds one other product to its own; what pairs give is added up in LUTs.
        p.lut("slice sum bit", c.pe * max(0, c.simd // 2 - 1) * step.width)
    else:
        p.product(c.pe, number_shape(weight_type), number_shape(input_type), step.width, c.simd)
    p.ff += c.pe * step.width


def _ones(weights: np.ndarray, bits: int) -> int:
    """Bits that are 1 in the two's complement of ``weights``."""
    return int(np.bitwise_count(weights & ((1 << bits) - 1)).sum())


@compose.register
def _(c: MvtuConfig, p):
    step, total = _sums(c)
    several = c.sf > 1
    # All sums of so many -1 and +1 are even, or all odd: their lowest bits need no register.
    known = c.pe if c.xnor and c.thresholds is None and c.places <= 2 else 0
    p.credit_fifo(c.output.width - known, c.places)
    p.lut("mvtu")
    p.counter(c.sf)
    fold = p.counter(c.nf)
    if c.groups > 1:
        p.counter(c.group_folds)
    _weights(c.weights, c.nf, c.pe, c.sf, c.simd, c.weight_type, c.storage, p)

    # The operand and its replay.
    p.ff += c.input.width
    if c.group_folds > 1:
        if several and (c.deep_replay or p.in_block(c.sf, c.input.width)):
            p.ram(c.sf, c.input.width)
        elif several:
            p.lutram(c.sf, c.input.width)
        else:
            p.ff += c.input.width
        p.lut("replay mux", c.input.width)
        p.ff += c.deep_replay * (1 + c.input.width)

    # Control: valid, first and last of each stage, and the fold as far as thresholds need it.
    stages = 2 + c.deep_replay + several
    p.ff += stages
    p.chain(1, stages)
    if several:
        p.chain(1, stages - 1)
    if c.thresholds is not None and fold:
        table = c.thresholds
        used = isinstance(table, Thresholds) and (table.steps > 1 or _mixed(table, c.pe))
        p.ff += fold * (stages - 1 + used)

    # Vectors share weights, and the first words of thresholds, which are few.
    vector = Parts(p.family)
    _lanes(c, step, vector)
    _activation(_terms(c) if c.xnor else c.thresholds, c.pe, total if several else step, vector, c)
    p.add(vector, c.mmv)
    lanes = c.mmv * c.pe
    if several:
        p.ff += lanes * total.width
        # A slice adds up its own products; LUTs clear the sum where a fold begins.
        alone = c.simd == 1 and uses_dsp(c.lane_arithmetic, number_shape(c.weight_type), number_shape(c.input_type))
        p.lut("cleared bit" if alone else "accumulator bit", lanes * total.width)
    if c.xnor and c.thresholds is None:
        p.lut("count bit", lanes * total.width)


def _sums(c: MvtuConfig) -> tuple[Shape, Shape]:
    """Shapes of the sums of one step and of all, as in cores/dot.py."""
    if c.xnor:
        return Shape.cast(range(c.simd + 1)), Shape.cast(range(c.mw + 1))
    step = remember(c.weights, ("step", c.simd, c.input_type), lambda: c.bounds(c.weights.reshape(-1, c.simd)))
    total = remember(c.weights, ("total", c.input_type), lambda: c.accumulator_range)
    return holding(*step), holding(*total)


def _terms(c: MvtuConfig) -> Thresholds | Requantiser | None:
    """The activation in terms of the popcount."""
    if c.thresholds is None:
        return None
    values = c.thresholds.scale if isinstance(c.thresholds, Requantiser) else c.thresholds.values
    return remember(values, ("in counts", c.mw), lambda: in_counts(c.thresholds, c.mw))


def _mixed(table: Thresholds, lanes: int) -> bool:
    """Whether a lane has rising channels and falling ones."""
    flips = table.flip.reshape(-1, lanes)
    return bool((flips.any(axis=0) & ~flips.all(axis=0)).any())


def _weights(weights: np.ndarray, nf: int, pe: int, sf: int, simd: int, dtype: DataType, storage: str, p: Parts) -> None:
    """The weight memory and its counter."""
    words, width = nf * sf, pe * simd * dtype.bits
    p.counter(words)
    block = rom_in_block(storage, words, width)
    columns = None
    # The columns of many words are neither constant nor equal but by chance: not worth a look at every weight for hundreds of foldings.
    if not block and 1 < words and (words <= FEW_WORDS or width < WIDE):
        columns = remember(weights, ("columns", pe, simd, dtype), lambda: _weight_columns(weights, nf, pe, sf, simd, dtype))
    p.rom(words, width, block, columns)


def _weight_columns(weights: np.ndarray, nf: int, pe: int, sf: int, simd: int, dtype: DataType) -> int:
    small = np.min_scalar_type((1 << dtype.bits) - 1)
    codes = remember(weights, ("codes", dtype), lambda: dtype.encode(weights).astype(small))
    return distinct_columns(codes.reshape(nf, pe, sf, simd).transpose(0, 2, 1, 3).reshape(nf * sf, pe * simd), dtype.bits)


@compose.register
def _(c: DepthwiseConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.lut("mvtu")
    p.counter(c.steps)
    fold = p.counter(c.folds)
    p.ff += c.input.width
    total = remember(c.weights, ("total", c.input_type), lambda: c.accumulator_range) if c.weights is not None else c.accumulator_range
    total = holding(*total)
    stages, in_slices = 2, False
    if c.weights is not None:
        stages = 3
        _weights(c.weights, c.folds, c.pe, c.steps, c.simd, c.weight_type, c.storage, p)
        x, w = number_shape(c.input_type), number_shape(c.weight_type)
        products = c.pe * c.simd
        in_slices = _product(p, products, x, w, c.arithmetic)
        if in_slices:
            # The slices have the operand, the product and the accumulator in their own registers.
            p.into_slices(c.input.width + products * (x.width + w.width) + (0 if rescales(c.thresholds) else c.pe * total.width))
        p.ff += products * (x.width + w.width)
    p.ff += stages
    p.chain(1, stages)
    if c.steps > 1:
        p.chain(1, stages - 1)
    if c.thresholds is not None and fold:
        used = isinstance(c.thresholds, Thresholds) and (c.thresholds.steps > 1 or _mixed(c.thresholds, c.pe))
        p.ff += fold * (stages - 1 + used)
    p.ff += c.pe * total.width
    # Several taps are added up before they go into the sum; a slice adds up its own products.
    p.lut("cleared bit" if in_slices and c.simd == 1 else "accumulator bit", c.pe * c.simd * total.width)
    _activation(c.thresholds, c.pe, total, p, c)


@compose.register
def _(c: ThresholdConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.shape[-1] // c.pe)
    needed = isinstance(c.thresholds, Thresholds) and (c.thresholds.steps > 1 or c.thresholds.flip.any())
    p.ff += c.input.width + 1 + fold * needed
    table = in_counts(c.thresholds, 1) if c.input_type == BIPOLAR else c.thresholds
    _activation(table, c.pe, Shape(c.input_type.bits, signed=c.input_type.signed), p, c, c.input.width)


@compose.register
def _(c: GlobalPoolConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.folds)
    p.counter(c.pixels)
    total = holding(*c.accumulator_range)
    p.ff += c.input.width + 4 + 2 * fold + c.pe * total.width
    p.lut(f"pool {c.function} bit", c.pe * total.width)
    if c.folds == 1:
        p.ff += c.pe * total.width
    else:
        p.ram(c.folds, c.pe * total.width)
    _activation(c.thresholds, c.pe, total, p, c)


@compose.register
def _(c: AddConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.shape[-1] // c.pe)
    p.ff += sum(spec.width for spec in c.inputs)
    total = holding(*c.accumulator_range)
    in_slices = False
    if c.scaled:
        for row, dtype, limits in zip(c.multipliers, c.input_types, c.term_ranges, strict=True):
            factor, fixed = _parameters(row, c.pe, p)
            digits = remember(row, ("digits", c.pe), lambda row=row: _digits(row[: c.pe])) if fixed else None
            if _product(p, c.pe, number_shape(dtype), factor, c.arithmetic, digits):
                p.into_slices(c.pe * (dtype.bits + holding(*limits).width))
                in_slices = True
            p.ff += c.pe * holding(*limits).width
    _parameters(c.offsets, c.pe, p)
    p.ff += c.pe * total.width + (2 + c.scaled) * (1 + fold)
    if not in_slices:
        p.lut("add bit", c.pe * total.width * len(c.inputs))
    elif not rescales(c.thresholds):
        # A slice that multiplies also adds, and keeps the sum.
        p.into_slices(c.pe * total.width)
    _activation(c.thresholds, c.pe, total, p, c)


@compose.register
def _(c: MultiplyConfig, p):
    p.credit_fifo(c.output.width, c.places)
    fold = p.counter(c.shape[-1] // c.pe)
    shapes = [holding(*limits) for limits in c.operand_ranges]
    total = holding(*c.accumulator_range)
    p.ff += 2 * (1 + fold)
    registers = c.pe * (total.width + sum(shape.width for shape in shapes))
    p.ff += registers
    if _product(p, c.pe, *shapes, c.arithmetic):
        p.into_slices(registers)
    _activation(c.thresholds, c.pe, total, p, c)


@compose.register
def _(c: LookupConfig, p):
    p.credit_fifo(c.output.width, c.places)
    p.counter(c.folds)
    words = c.folds << c.input_type.bits
    for _ in range(c.pe):
        p.rom(words, c.output_type.bits, rom_in_block(c.storage, words, c.output_type.bits), kind="table")
    p.ff += 1
