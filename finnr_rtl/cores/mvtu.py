"""Matrix-vector-threshold unit."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from finnr_rtl.constant_arrays import once_per_array
from finnr_rtl.cores.activation import activation_latency, check_activation, in_counts
from finnr_rtl.cores.adder_graph import AdderGraph
from finnr_rtl.cores.bit_planes import in_sums, lane_sum, most_fused_words
from finnr_rtl.cores.constant_products import constant_graph
from finnr_rtl.cores.contract import CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.dot import dot_latency
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.matrix_unit import MatrixUnit
from finnr_rtl.cores.operands import number_shape
from finnr_rtl.cores.packed import PACKED, Packing, borrowed, packed_sum, packings
from finnr_rtl.cores.product import uses_dsp
from finnr_rtl.cores.ram import check_storage, rom_in_block
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import BIPOLAR, DataType, smallest
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["SHALLOW_REPLAY", "MvtuConfig"]

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
    in LUTs are made bit by bit (cores/bit_products.py); few words of weights are in no memory then, but in these LUTs. Where a vector
    takes one cycle, weights never change, and rows share what sums they have in common (cores/constant_products.py).

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

    @cached_property
    def bitwise(self) -> bool:
        """Whether products are in LUTs, bit by bit."""
        return self.weight_type == BIPOLAR or not (self.constant or self.packings or self._in_dsp(self.arithmetic))

    @property
    def constant(self) -> bool:
        """Whether products are sums of shifted inputs, since weights, which are not BIPOLAR, never change; unless they are wanted in DSP
        blocks one by one."""
        if self.nf * self.sf > 1 or self.weight_type == BIPOLAR:
            return False
        return self.arithmetic != "dsp" or not self._in_dsp("dsp")

    def _in_dsp(self, arithmetic: str) -> bool:
        """Whether a product with a weight goes into a DSP block."""
        shapes = number_shape(self.weight_type), number_shape(self.input_type)
        return BIPOLAR not in (self.weight_type, self.input_type) and uses_dsp(arithmetic, *shapes)

    @cached_property
    def graph(self) -> AdderGraph:
        """The sums of shifted inputs where weights are ``constant``."""
        return constant_graph(self.weights, self.input_type)

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
        scale, offsets = in_sums(self.input_type, self.weight_type, self.weights)
        return in_counts(self.thresholds, scale, offsets) if scale != 1 or offsets.any() else self.thresholds

    @cached_property
    def dot_latency(self) -> int:
        """Cycles from an operand to the sum that it is the last of."""
        if self.packings:
            return 1 + packed_sum(self).latency
        if self.constant:
            return self.graph.latency
        return lane_sum(self).latency if self.bitwise else dot_latency(self.simd, self.sf > 1)

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
        return MatrixUnit(self)
