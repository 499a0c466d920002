"""Matrix-vector-threshold unit."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from finnr_rtl.constant_arrays import once_per_array
from finnr_rtl.cores.accumulator import accumulator, rescales
from finnr_rtl.cores.activation import activate, activation_latency, check_activation, in_counts
from finnr_rtl.cores.bit_planes import in_sums, lane_sum, most_fused_words
from finnr_rtl.cores.bit_products import BitProducts
from finnr_rtl.cores.contract import CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.dot import DotProduct
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.operands import number_shape
from finnr_rtl.cores.packed import PACKED, PackedProducts, Packing, borrowed, packed_sum, packings
from finnr_rtl.cores.parameters import parameters
from finnr_rtl.cores.product import uses_dsp
from finnr_rtl.cores.ram import check_storage, ram_style, rom_in_block
from finnr_rtl.cores.rom import Rom
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import BIPOLAR, DataType, smallest
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["Mvtu", "MvtuConfig"]

# Replay buffers up to this many words are read in the cycle of use; deeper ones take a cycle.
SHALLOW_REPLAY = 256


@once_per_array
def _allowed(weights: np.ndarray, weight_type: DataType) -> bool:
    return weight_type.allows(weights)


@once_per_array
def _bounds(weights: np.ndarray, low: int, high: int) -> tuple[int, int]:
    """Least and greatest dot product of any row with inputs from ``low`` to ``high``."""
    up, down = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    return int((up * low + down * high).min()), int((up * high + down * low).max())


@once_per_array
def _extremes(weights: np.ndarray) -> tuple[int, int]:
    """Least and greatest weight."""
    return int(weights.min()), int(weights.max())


@dataclass(frozen=True, eq=False)
class MvtuConfig(CoreConfig):
    """``y[v, g] = thresholds(weights[rows of g] @ x[v, g])`` for each of ``vectors`` vectors of a frame and each group g of it.

    ``weights`` is int64 (mh, mw) of type ``weight_type``; ``thresholds`` is a Thresholds, a Requantiser, or None for raw accumulators. A
    vector consists of ``groups`` runs of mw values, one behind the other, and of the mh rows each run meets its own mh / groups. With
    one group that is the plain matrix product.

    ``pe`` (P) rows of a group are computed at a time, over ``simd`` (Q) of the mw columns: a vector takes nf * sf cycles, nf = mh / pe,
    sf = mw / simd. Columns are taken in stream order; row ``fold * pe + lane`` leaves on lane ``lane`` of output beat ``fold``. Products
    in LUTs are made bit by bit (cores/bit_products.py); few words of weights are in no memory then, but in these LUTs.

    ``mmv`` (M) vectors are computed at once with the same weights. They come interleaved, value by value, as a tensor (vectors / mmv,
    groups * mw, mmv), and leave fold by fold, as (vectors / mmv, nf, mmv, pe); a beat has the values of all of them.

    ``storage`` of the weights and ``threshold_storage`` of the words of ``thresholds`` are "auto", "lut" or "block", ``arithmetic`` of all
    products is "auto", "lut", "dsp", or "packed" or "dense": several products in a DSP slice (cores/packed.py), where they fit. ``slots``
    output beats may be in flight or wait; 0 takes as many as keep the pipeline busy.

    Raises ``ValueError`` for groups that do not divide mh, pe that does not divide the rows of a group, simd that does not divide mw,
    mmv that does not divide the vectors, weights outside their type, thresholds for another number of rows.
    """

    input_type: DataType
    weight_type: DataType
    weights: np.ndarray
    pe: int
    simd: int
    vectors: int = 1
    thresholds: Thresholds | Requantiser | None = None
    storage: str = "auto"
    slots: int = 0
    groups: int = 1
    threshold_storage: str = "auto"
    arithmetic: str = "auto"
    mmv: int = 1

    def __post_init__(self):
        require_divisor("groups", self.groups, "mh", self.mh)
        require_divisor("pe", self.pe, "mh" if self.groups == 1 else "mh / groups", self.mh // self.groups)
        require_divisor("simd", self.simd, "mw", self.mw)
        if not _allowed(self.weights, self.weight_type):
            raise ValueError(f"weights hold values that are not {self.weight_type}")
        check_activation(self.thresholds, self.mh, self.threshold_storage, self.arithmetic)
        check_storage("storage", self.storage)
        if self.vectors < 1:
            raise ValueError(f"vectors={self.vectors} must be at least 1")
        require_divisor("mmv", self.mmv, "vectors", self.vectors)
        if self.slots < 0:
            raise ValueError(f"slots={self.slots} must not be negative")

    @property
    def mh(self) -> int:
        """Rows: outputs per vector."""
        return self.weights.shape[0]

    @property
    def mw(self) -> int:
        """Columns: inputs per vector and group."""
        return self.weights.shape[1]

    @property
    def nf(self) -> int:
        """Folds over the rows of all groups."""
        return self.mh // self.pe

    @property
    def group_folds(self) -> int:
        """Folds over the rows of a group: how often each input is used."""
        return self.nf // self.groups

    @property
    def sf(self) -> int:
        """Folds over columns."""
        return self.mw // self.simd

    @property
    def bitwise(self) -> bool:
        """Whether products are in LUTs, bit by bit. Those with weights that never change are simpler as sums of shifted inputs, unless
        weights are BIPOLAR."""
        if self.weight_type == BIPOLAR:
            return True
        if self.nf * self.sf == 1 or self.packings:
            return False
        return self.input_type == BIPOLAR or not uses_dsp(self.arithmetic, number_shape(self.weight_type), number_shape(self.input_type))

    @property
    def fused(self) -> bool:
        """Whether weights are in the LUTs that multiply, and not in a memory."""
        words, width = self.nf * self.sf, self.pe * self.simd * self.weight_type.bits
        return self.bitwise and words <= most_fused_words(self.input_type) and not rom_in_block(self.storage, words, width)

    @property
    def held_weights(self) -> bool:
        """Whether operand and weights stand in registers behind the weights' block RAM, which is slow to begin a path of products."""
        return self.bitwise and rom_in_block(self.storage, self.nf * self.sf, self.pe * self.simd * self.weight_type.bits)

    @property
    def in_sums(self) -> Thresholds | Requantiser | None:
        """The thresholds in terms of the sums that are made."""
        if not self.bitwise:
            return self.thresholds
        scale, offsets = in_sums(self.input_type, self.weight_type, self.weights)
        return in_counts(self.thresholds, scale, offsets) if scale != 1 or offsets.any() else self.thresholds

    @property
    def dot_latency(self) -> int:
        """Cycles from an operand to the sum that it is the last of."""
        if self.packings:
            return 1 + packed_sum(self).latency
        return lane_sum(self).latency if self.bitwise else 1 + (self.sf > 1)

    @cached_property
    def packings(self) -> tuple[Packing, ...]:
        """How lanes share multipliers; empty where they do not."""
        if self.arithmetic not in PACKED or self.nf * self.sf == 1:
            return ()
        return packings(_extremes(self.weights), self.weight_type, self.input_type, self.pe, self.simd, self.arithmetic)

    @property
    def accumulator_range(self) -> tuple[int, int]:
        """Least and greatest dot product over all inputs of the type."""
        return self.bounds(self.weights)

    def bounds(self, weights: np.ndarray, low: int | None = None, high: int | None = None) -> tuple[int, int]:
        """Least and greatest dot product of any row of ``weights`` (rows, columns) with inputs from ``low`` to ``high``, or all of their
        type."""
        return _bounds(weights, self.input_type.min if low is None else low, self.input_type.max if high is None else high)

    @property
    def output_type(self) -> DataType:
        return self.thresholds.output if self.thresholds else smallest(*self.accumulator_range)

    @property
    def input(self):
        return StreamSpec(self.input_type, (self.vectors // self.mmv, self.groups * self.mw, self.mmv), self.simd * self.mmv)

    @property
    def output(self):
        return StreamSpec(self.output_type, (self.vectors // self.mmv, self.nf, self.mmv, self.pe), self.pe * self.mmv)

    def reference(self, x):
        vectors = np.asarray(x, dtype=np.int64).reshape(-1, self.groups * self.mw, self.mmv).swapaxes(1, 2)
        runs = vectors.reshape(-1, self.groups, self.mw).swapaxes(0, 1)
        rows = self.weights.reshape(self.groups, -1, self.mw)
        acc = (runs @ rows.swapaxes(1, 2)).swapaxes(0, 1).reshape(-1, self.vectors, self.mh)
        y = self.thresholds(acc) if self.thresholds else acc
        return np.ascontiguousarray(y.reshape(-1, self.vectors // self.mmv, self.mmv, self.nf, self.pe).swapaxes(2, 3))

    @property
    def lane_arithmetic(self) -> str:
        """Arithmetic of the products with weights; those with weights that never change are simpler in LUTs."""
        return "lut" if self.arithmetic == "auto" and self.nf * self.sf == 1 else self.arithmetic

    @property
    def deep_replay(self) -> bool:
        """Whether the input vector is kept in a memory that is read a cycle ahead."""
        return self.group_folds > 1 and self.sf > SHALLOW_REPLAY

    @property
    def delay(self) -> int:
        """Cycles from a fold's last step to its beat being offered: operands, dot product and sum, thresholds, FIFO."""
        return 1 + self.deep_replay + self.held_weights + self.dot_latency + activation_latency(self.thresholds) + CreditFifo.LATENCY

    @property
    def places(self) -> int:
        """Output beats in flight or waiting."""
        return self.slots or -(-(self.delay + 1) // self.sf) + 1

    @property
    def cycles(self):
        return self.vectors // self.mmv * self.nf * self.sf

    def schedule(self):
        vectors = self.vectors // self.mmv
        run = np.arange(vectors * self.groups)[:, None] * (self.group_folds * self.sf)
        folds = np.arange(vectors * self.nf)
        return StepSchedule(
            steps=len(folds) * self.sf,
            consume=(run + np.arange(self.sf)).reshape(-1),
            produce=(folds + 1) * self.sf - 1,
            delay=self.delay,
            slots=self.places,
            release=1,
        )

    @cached_property
    def weight_rows(self) -> list[int]:
        """Weight memory: word ``fold * sf + step`` holds pe * simd weights, lane by lane, columns in order, first in the low bits."""
        stored = borrowed(self.weights.reshape(self.nf, self.pe, self.sf, self.simd), self.packings)
        codes = stored.transpose(0, 2, 1, 3)
        return StreamSpec(self.weight_type, (self.nf * self.sf, self.pe * self.simd), self.pe * self.simd).pack(codes)

    def create(self):
        return Mvtu(self)


class Mvtu(wiring.Component):
    """Hardware of :class:`MvtuConfig`: one fold step a cycle, no bubble between folds, vectors or frames.

    The pipeline runs freely behind its first stage; a credit for a place in the output FIFO is taken before a result is launched.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def __init__(self, config: MvtuConfig):
        self._config = config
        super().__init__(config.members())

    def elaborate(self, platform):
        c = self._config
        m = Module()

        # Stage 0: one step of the fold loops, when there is an operand and, for a last step, a place for the result.
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        step = Signal()
        step_index, step_last = counter(m, "step_index", c.sf, step)
        fold, _ = counter(m, "fold", c.nf, step & step_last)
        first_fold = Signal()
        group_fold = fold
        if c.groups > 1:
            group_fold, _ = counter(m, "group_fold", c.group_folds, step & step_last)
        m.d.comb += first_fold.eq(group_fold == 0)
        place = Signal()
        m.d.comb += place.eq(~step_last | out.credit)
        m.d.comb += step.eq(place & (self.i.valid | ~first_fold))
        m.d.comb += self.i.ready.eq(place & first_fold)
        m.d.comb += out.launch.eq(step & step_last)

        operand, read_weights, stage = self._operand(m, platform, step, first_fold, step_index, step_last, fold)
        valid, first, last, fold = stage
        weights = self._weights(m, read_weights)
        if c.held_weights:
            held_operand = Signal(len(operand), reset_less=True)
            held_weights = Signal(len(weights), reset_less=True)
            m.d.sync += [held_operand.eq(operand), held_weights.eq(weights)]
            operand, weights, stage = held_operand, held_weights, self._delay(m, "hold", *stage)

        # Dot products, summed over the steps of a fold. The stage before the result fetches its thresholds.
        results, ahead, stage = (self._heaps if c.bitwise or c.packings else self._products)(m, operand, weights, stage)
        valid, _, last, fold = stage
        done = Signal()
        m.d.comb += done.eq(valid & last)

        if c.bitwise and c.thresholds is None:
            scale, offsets = in_sums(c.input_type, c.weight_type, c.weights)
            if scale != 1 or offsets.any():
                less = parameters(m, "offset", offsets, c.pe, ahead[0], ahead[3])
                results = [scale * result - less[lane % c.pe] for lane, result in enumerate(results)]
        activate(m, c.in_sums, results, ahead[0], ahead[3], done, fold, out, c.threshold_storage, c.arithmetic, c.mmv)
        return m

    def _heaps(self, m, operand, weights, stage):
        """Dot products of each fold and vector, with the stage before the result and that of the result."""
        for number in range(self._config.dot_latency - 1):
            stage = self._delay(m, f"sum{number}", *stage)
        valid, first, _, _ = stage
        results = []
        for vector, values in enumerate(self._vectors(operand)):
            m.submodules[self._dot_name(vector)] = dot = (PackedProducts if self._config.packings else BitProducts)(self._config)
            m.d.comb += [dot.x.eq(values), dot.w.eq(weights), dot.first.eq(first), dot.valid.eq(valid)]
            results += dot.results
        return results, stage, self._delay(m, "dot", *stage)

    def _products(self, m, operand, weights, stage):
        """Dot products of each fold and vector, with the stage before the result and that of the result."""
        results = []
        for vector, values in enumerate(self._vectors(operand)):
            m.submodules[self._dot_name(vector)] = dot = DotProduct(self._config)
            m.d.comb += [dot.x.eq(values), dot.w.eq(weights)]
            results += dot.results
        ahead, stage = stage, self._delay(m, "dot", *stage)
        if self._config.sf > 1:
            results = self._accumulate(m, results, dot.sum_shape, stage)
            ahead, stage = stage, self._delay(m, "accumulate", *stage)
        return results, ahead, stage

    def _vectors(self, operand):
        """The values of each vector in an operand, in which they are interleaved."""
        c = self._config
        for vector in range(c.mmv):
            yield Cat(*(operand.word_select(place * c.mmv + vector, c.input_type.bits) for place in range(c.simd)))

    def _dot_name(self, vector):
        return "dot" if self._config.mmv == 1 else f"dot{vector}"

    def _operand(self, m, platform, step, first_fold, step_index, step_last, fold):
        """The operand of each step, from the stream on the first fold and from the replay buffer on the others."""
        c = self._config
        width = c.input.width
        stage = self._delay(m, "take", step, step_index == 0, step_last, fold)
        operand = Signal(width, reset_less=True)
        if c.group_folds == 1:
            m.d.sync += operand.eq(self.i.payload)
            return operand, step, stage
        if c.sf == 1:
            with m.If(first_fold):
                m.d.sync += operand.eq(self.i.payload)
            return operand, step, stage
        style = ram_style(c.sf, width, platform)
        m.submodules.replay = replay = Memory(shape=unsigned(width), depth=c.sf, init=[], attrs={"ram_style": style})
        write = replay.write_port()
        m.d.comb += [write.en.eq(step & first_fold), write.addr.eq(step_index), write.data.eq(self.i.payload)]
        if not c.deep_replay:
            if style == "block":
                # The word is fetched as soon as it is known which will be next.
                read = replay.read_port()
                m.d.comb += [read.en.eq(1), read.addr.eq(Mux(step, Mux(step_last, 0, step_index + 1), step_index))]
            else:
                read = replay.read_port(domain="comb")
                m.d.comb += read.addr.eq(step_index)
            m.d.sync += operand.eq(Mux(first_fold, self.i.payload, read.data))
            return operand, step, stage
        read = replay.read_port()
        m.d.comb += [read.addr.eq(step_index), read.en.eq(1)]
        fresh = Signal(width, reset_less=True)
        use_fresh = Signal(reset_less=True)
        m.d.sync += [fresh.eq(self.i.payload), use_fresh.eq(first_fold)]
        m.d.sync += operand.eq(Mux(use_fresh, fresh, read.data))
        return operand, stage[0], self._delay(m, "replay", *stage)

    def _weights(self, m, advance):
        """The weights of each step, in the same cycle as its operand; of fused ones, the number of their word."""
        c = self._config
        row, _ = counter(m, "weight_row", c.nf * c.sf, advance)
        if c.fused:
            number = Signal(len(row), name="weight_number", reset_less=True)
            m.d.sync += number.eq(row)
            return number
        m.submodules.weights = rom = Rom(c.weight_rows, c.pe * c.simd * c.weight_type.bits, c.storage)
        m.d.comb += [rom.enable.eq(1), rom.address.eq(row)]
        return rom.data

    def _accumulate(self, m, results, shape, stage):
        """Sums over the steps of a fold, one register per lane."""
        valid, first, _, _ = stage
        totals = []
        for lane, result in enumerate(results):
            total = accumulator(shape, f"accumulator{lane}", rescales(self._config.thresholds))
            with m.If(valid):
                m.d.sync += total.eq(Mux(first, 0, total) + result)
            totals.append(total)
        return totals

    def _delay(self, m, name, valid, first, last, fold):
        """Control registers of one pipeline stage."""
        next_valid = Signal(name=f"{name}_valid")
        next_first = Signal(name=f"{name}_first", reset_less=True)
        next_last = Signal(name=f"{name}_last", reset_less=True)
        next_fold = Signal(len(fold), name=f"{name}_fold", reset_less=True)
        m.d.sync += [next_valid.eq(valid), next_first.eq(first), next_last.eq(last), next_fold.eq(fold)]
        return next_valid, next_first, next_last, next_fold
