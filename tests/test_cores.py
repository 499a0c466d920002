"""Every core keeps its contract, in simulation; and what the contracts promise in NumPy is right."""

from dataclasses import replace

import numpy as np
import pytest
from core_configs import CORES, line_buffer, windows
from core_verilog import Placed, hold_to_contract
from networks import values

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
from finnr_rtl.cores.rearrange import DepthToSpaceConfig, SpaceToDepthConfig, UpsampleConfig
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.datatypes import BIPOLAR, TERNARY, int_, uint


def configurations(kind, seed, count):
    print(f"{count} configurations of {kind}, seed {seed}")
    rng = np.random.default_rng(seed)
    return [CORES[kind](rng) for _ in range(count)]


@pytest.mark.parametrize("kind", CORES)
def test_contract(kind, tmp_path, builds):
    # Icarus builds at once, and knows undefined values; long frames are its weakness.
    count = 1 if kind.startswith("deep") else 4
    hold_to_contract(configurations(kind, seed=1, count=count), 1, tmp_path, builds, simulator="icarus", frames=2)


@pytest.mark.parametrize("part", range(4))
def test_contract_verilator(part, tmp_path, builds):
    # One build for several kinds: most of its time goes into the C++ compiler.
    configs = [config for kind in list(CORES)[part::4] for config in configurations(kind, seed=2, count=1)]
    hold_to_contract(configs, 2, tmp_path, builds)


def test_sums_of_products_whose_lowest_bits_are_0(tmp_path, builds):
    """Synthesis would add up such terms in two carry chains, so they are told as one; with offsets that change, and in two steps."""
    factors, none = np.array([180, 149, 36, -8, 64]), np.zeros(4, dtype=np.int64)
    configs = [
        AddConfig((int_(8), uint(3), uint(2)), (3, 4), 2, np.repeat(factors[:3, None], 4, 1), none),
        AddConfig((uint(4), int_(5)) * 7, (3, 4), 4, np.repeat(np.resize(factors, 14)[:, None], 4, 1), np.arange(4) - 2),
        AddConfig((int_(4), int_(4)), (3, 4), 1, np.repeat(factors[3:, None], 4, 1), np.arange(4)),
    ]
    assert all(config.gaps for config in configs)
    assert [config.reductions for config in configs] == [0, 1, 0]
    hold_to_contract(configs, 5, tmp_path, builds, simulator="icarus", frames=2, platform=Placed())


def test_transpositions_of_every_kind(tmp_path, builds):
    """Columns that divide the rows, have no factor in common with them, be they fewer or more, or neither; and few rows."""
    shapes = [(8, 4), (6, 3), (12, 4), (4, 4), (7, 4), (4, 5), (16, 3), (5, 9), (33, 2), (6, 4), (3, 2), (9, 1)]
    configs = [TransposeConfig(uint(3), (3, *shape, 2)) for shape in shapes]
    assert [config.banked for config in configs] == [True] * 9 + [False, False, True]
    hold_to_contract(configs, 4, tmp_path, builds, simulator="icarus", frames=2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 8))
@pytest.mark.parametrize("kind", CORES)
def test_contract_at_length(kind, seed, tmp_path, builds):
    hold_to_contract(configurations(kind, seed, count=20), seed, tmp_path, builds)


def test_products_in_slices_of_a_single_step(tmp_path, builds):
    """As few and as many as take each number of cycles to add up."""
    rng = np.random.default_rng(0)
    every = [rng.integers(-128, 128, (2, simd)) for simd in (1, 2, 3, 12, 13, 25)]
    configs = [MvtuConfig(int_(8), int_(8), weights, 1, weights.shape[1], 3, arithmetic="dsp") for weights in every]
    hold_to_contract(configs, 1, tmp_path, builds, simulator="icarus", frames=2)


def test_deep_vectors_in_banks(tmp_path, builds):
    """Of banks that are full, in part, and that have a single word."""
    rng = np.random.default_rng(6)
    every = [values(rng, BIPOLAR, (2, length)) for length in (300, 512, 513)]
    configs = [MvtuConfig(uint(2), BIPOLAR, weights, 1, 1, 2) for weights in every]
    hold_to_contract(configs, 6, tmp_path, builds, simulator="icarus", frames=2, platform=Placed())


def test_cnv_first_windows_take_one_cycle_a_beat():
    config = SwuConfig(BIPOLAR, (30, 30, 64), (3, 3), (1, 1), (1, 1), (0, 0, 0, 0), 1, simd=32)
    assert config.schedule().interval == 28 * 28 * 9 * 2


def test_default_ring_is_the_smallest_without_bubbles():
    rng = np.random.default_rng(11)
    for _ in range(40):
        config = windows(rng)
        print(config)
        best = max(config.map.total, config.output.beats)
        assert config.schedule().interval == best
        depths = range(config.footprint, config.words + 1)
        fitting = [depth for depth in depths if replace(config, depth=depth).schedule().interval == best]
        assert config.depth_for() == fitting[0]


def test_a_slower_pace_takes_a_smaller_ring():
    rng = np.random.default_rng(13)
    smaller = 0
    for _ in range(40):
        config = windows(rng)
        best = config.schedule().interval
        cycles = best + int(rng.integers(best))
        print(config, cycles)
        depth = config.depth_for(cycles)
        assert depth <= config.depth_for()
        assert replace(config, depth=depth).schedule().interval <= cycles
        smaller += depth < config.depth_for()
    assert smaller > 10
    with pytest.raises(ValueError, match="must be at least"):
        config.depth_for(best - 1)


def test_windows_by_hand():
    config = SwuConfig(uint(8), (2, 3, 2), (2, 2), (1, 1), (1, 1), (0, 0, 0, 1), 9, simd=1)
    x = np.arange(12).reshape(1, 2, 3, 2)
    last = [[[4, 5], [9, 9]], [[10, 11], [9, 9]]]
    assert config.reference(x)[0, 0, 2].tolist() == last
    depthwise = SwuConfig(uint(8), (2, 3, 2), (2, 2), (1, 1), (1, 1), (0, 0, 0, 1), 9, simd=1, order="depthwise")
    assert depthwise.reference(x)[0, 0, 2].reshape(2, 4).tolist() == [[4, 9, 10, 9], [5, 9, 11, 9]]


def test_whole_windows_by_hand():
    config = LineBufferConfig(uint(8), (2, 3, 2), (2, 2), (1, 1), (1, 1), (0, 0, 0, 1), 9, simd=1)
    x = np.arange(12).reshape(1, 2, 3, 2)
    beats = config.reference(x).reshape(config.output.beats, config.output.lanes)
    assert beats[4:].tolist() == [[4, 9, 10, 9], [5, 9, 11, 9]]
    several = replace(config, mmv=3).reference(x).reshape(2, 12)
    assert several[1].tolist() == [1, 3, 5, 3, 5, 9, 7, 9, 11, 9, 11, 9]


def test_line_buffers_hold_few_rows_and_take_a_beat_every_cycle():
    rng = np.random.default_rng(14)
    for _ in range(40):
        config = replace(line_buffer(rng), depth=None, slots=0)
        print(config)
        assert config.schedule().interval == config.cycles == config.map.total
        assert config.rows_held <= min(2 * config.span[0] - 1 + config.stride[0], 2 * config.map.padded[0])
    cnv = LineBufferConfig(BIPOLAR, (30, 30, 64), (3, 3), (1, 1), (1, 1), (0, 0, 0, 0), 1, simd=64)
    assert cnv.rows_held == 5


def test_pool_of_depthwise_windows_is_max_pool():
    rng = np.random.default_rng(12)
    x = rng.integers(-1, 2, (2, 5, 7, 6))
    around = SwuConfig(TERNARY, (5, 7, 6), (3, 2), (2, 1), (1, 1), (0, 0, 0, 0), -1, simd=3, order="depthwise")
    pool = PoolConfig(TERNARY, (*around.windows, 6), 6, 3)
    y = pool.reference(around.reference(x).reshape(2, *pool.input.shape))
    for row in range(2):
        for column in range(6):
            expected = x[:, 2 * row : 2 * row + 3, column : column + 2].max(axis=(1, 2))
            assert np.array_equal(y[:, row, column], expected)


def test_argmax_takes_the_first_of_equals():
    x = np.array([[[3, 7, 7, 1]], [[0, 0, 0, 0]]])
    assert ArgMaxConfig(uint(3), (1, 4), 2).reference(x).reshape(-1).tolist() == [1, 0]


@pytest.mark.parametrize("kind", CORES)
def test_default_slots_keep_the_pipeline_busy(kind):
    for config in configurations(kind, seed=5, count=30):
        if getattr(config, "slots", None) == 0:
            print(config)
            schedule = config.schedule()
            assert schedule.interval == max(schedule.steps, getattr(schedule, "writes", 0))


def test_a_transposition_takes_and_gives_a_beat_every_cycle():
    for config in configurations("transpose", seed=7, count=30):
        assert config.schedule().interval == config.input.beats


@pytest.mark.parametrize("kind", ["upsample", "depth_to_space", "space_to_depth"])
def test_rearrangements_give_or_take_a_beat_every_cycle(kind):
    for config in configurations(kind, seed=6, count=30):
        config = replace(config, depth=None)
        print(config)
        assert config.schedule().interval == max(config.input.beats, config.output.beats)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: FifoConfig(StreamSpec(uint(8), (4,), 1), 0), "depth=0 must be at least 1"),
    (lambda: WidthConverterConfig(uint(8), (6,), 4, 2), "lanes_in=4 must divide values=6; legal values are 1, 2, 3, 6"),
    (lambda: PaddingConfig(BIPOLAR, (2, 2, 2), (1, 1, 1, 1), 0, 1), "pad_value=0 must be a value of type BIPOLAR"),
    (lambda: PaddingConfig(BIPOLAR, (2, 2, 2), (1, -1, 1, 1), 1, 1), "pads="),
    (lambda: PoolConfig(BIPOLAR, (2, 2, 2), 0, 1), "taps=0 must be at least 1"),
    (lambda: ArgMaxConfig(uint(8), (1, 1, 10), 3), "lanes=3 must divide channels=10"),
    (lambda: PaddingConfig(TERNARY, (2, 2, 2), (1, 1, 1, 1), 1, 1, BIPOLAR), "output_type=BIPOLAR must hold all values of TERNARY"),
    (lambda: ForkConfig(StreamSpec(uint(8), (4,), 1), 1), "count=1 must be at least 2"),
    (lambda: AddConfig((uint(8),), (4,), 1, np.ones((1, 4)), np.ones(4)), "must be two or more"),
    (lambda: AddConfig((uint(8),) * 2, (4,), 1, np.ones((2, 3)), np.ones(4)), r"shapes \(2, 3\) and \(4,\): \(2, 4\) and \(4,\) expected"),
    (lambda: MultiplyConfig((uint(8),) * 2, (4,), 1, arithmetic="yes"), "arithmetic='yes' must be one of auto, lut, dsp"),
    (lambda: MultiplyConfig((uint(8),) * 2, (4,), 1, threshold_storage="ram"), "threshold_storage='ram' must be 'auto', 'lut' or 'block'"),
    (lambda: ConcatConfig((uint(8),) * 2, (4,), (4, 6), uint(8), 4), r"lanes=4 must divide channels\[1\]=6"),
    (lambda: ConcatConfig((uint(8), TERNARY), (4,), (4, 6), uint(8), 2), "output_type=UINT8 must hold all values of TERNARY"),
    (lambda: SplitConfig(uint(8), (4, 6), ((0, 3),), 2), r"part=\(0, 3\) must lie within 0 to 6, at multiples of lanes=2"),
    (lambda: LookupConfig(uint(4), (6,), np.zeros((1, 20), dtype=np.int64), 0, uint(2), 1), "low=0 and 20 entries must lie within UINT4"),
    (lambda: LookupConfig(uint(17), (6,), np.zeros((1, 2), dtype=np.int64), 0, uint(2), 1), "must have no more than 16 bits"),
    (lambda: DepthwiseConfig(uint(8), (2, 2, 4), 9, 2, np.zeros((4, 8)), TERNARY), r"shape \(4, 8\), \(4, 9\) expected"),
    (lambda: DepthwiseConfig(uint(8), (2, 2, 4), 9, 2, weight_type=TERNARY), "both be given or both be None"),
    (lambda: GlobalPoolConfig(uint(8), (2, 2, 4), 2, "mean"), "function='mean' must be 'sum' or 'max'"),
    (lambda: MvtuConfig(BIPOLAR, BIPOLAR, np.ones((4, 4), dtype=np.int64), 4, 2, groups=2), "pe=4 must divide mh / groups=2"),
    (lambda: UpsampleConfig(uint(8), (2, 2, 4), (2, 0), 2), "factors="),
    (lambda: UpsampleConfig(uint(8), (2, 2, 4), (2, 2), 2, depth=3), "depth=3 must be at least 4"),
    (lambda: DepthToSpaceConfig(uint(8), (2, 2, 6), 2, 1), "must divide channels=6"),
    (lambda: DepthToSpaceConfig(uint(8), (2, 2, 8), 2, 2, "CRD"), "lanes=2 must be 1 for order 'CRD'"),
    (lambda: SpaceToDepthConfig(uint(8), (3, 2, 8), 2, 2), "block=2 must divide height=3"),
    (lambda: TransposeConfig(BIPOLAR, (3, 0, 8, 1)), "shape=.* must be four numbers from 1"),
    (lambda: MvtuConfig(BIPOLAR, BIPOLAR, np.ones((4, 4), dtype=np.int64), 4, 2, vectors=6, mmv=4), "mmv=4 must divide vectors=6"),
    (lambda: DepthwiseConfig(uint(8), (2, 2, 4), 9, 2, simd=2), "simd=2 must divide taps=9"),
    (lambda: PoolConfig(BIPOLAR, (2, 2, 2), 4, 1, 3), "simd=3 must divide taps=4"),
    (lambda: StuffingConfig(BIPOLAR, (3, 2, 8), (2, 2), 0, 2), "value=0 must be a value of type BIPOLAR"),
    (lambda: LineBufferConfig(BIPOLAR, (4, 4, 4), (3, 3), (1, 1), (1, 1), (0, 0, 0, 0), 1, 2, 3), "mmv=3 must divide columns=2"),
    (lambda: LineBufferConfig(BIPOLAR, (4, 4, 4), (3, 3), (1, 1), (1, 1), (0, 0, 0, 0), 1, 2, depth=2), "depth=2 must be at least 3"),
    (lambda: LineBufferConfig(BIPOLAR, (2, 2, 4), (3, 3), (1, 1), (1, 1), (0, 0, 0, 0), 1, 2), "must fit the padded map"),
    (lambda: SwuConfig(BIPOLAR, (2, 2, 4), (3, 3), (1, 1), (1, 1), (0, 0, 0, 0), 1, 2), "must fit the padded map"),
    (lambda: SwuConfig(BIPOLAR, (4, 4, 4), (3, 3), (1, 0), (1, 1), (0, 0, 0, 0), 1, 2), "stride="),
    (lambda: SwuConfig(BIPOLAR, (4, 4, 4), (3, 3), (1, 1), (1, 1), (0, 0, 0, 0), 1, 2, depth=5), "depth=5 must be at least 22"),
    (lambda: SwuConfig(BIPOLAR, (4, 4, 4), (3, 3), (1, 1), (1, 1), (0, 0, 0, 0), 1, 2, order="rows"), "order='rows' must be"),
])
def test_illegal_parameters_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
