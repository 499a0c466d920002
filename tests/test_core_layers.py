"""Cores in a row compute what a layer computes: the orders of beats fit together."""

from dataclasses import replace

import numpy as np
import pytest
from networks import values

from finnr_rtl.cores.depthwise import DepthwiseConfig
from finnr_rtl.cores.globalpool import GlobalPoolConfig
from finnr_rtl.cores.line_buffer import LineBufferConfig
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.rearrange import DepthToSpaceConfig, SpaceToDepthConfig, UpsampleConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.dataflow.engines import engine
from finnr_rtl.datatypes import int_
from finnr_rtl.folding.folding import Fold
from finnr_rtl.network.layers import Conv, DepthToSpace, MaxPool, SpaceToDepth, Stuff, SumPool, Upsample, Window

INT4 = int_(4)
SHAPE = (6, 7, 12)


def frames(seed, shape=SHAPE):
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    return rng, values(rng, INT4, (2, *shape))


def windows(window, lanes, pad_value=0):
    return SwuConfig(INT4, SHAPE, window.kernel, window.stride, window.dilation, window.pads, pad_value, lanes, order="depthwise")


def chain(x, *configs):
    """``x`` through cores in a row, as one stream of values."""
    for config in configs:
        x = config.reference(x.reshape(-1, *config.input.shape))
    return x


WINDOW = Window((3, 2), (2, 1), (1, 2), (1, 0, 1, 2))


@pytest.mark.parametrize("simd", [1, 2, 4])
def test_grouped_convolution(simd):
    rng, x = frames(1)
    weights = values(rng, INT4, (6, 3, 2, 4))
    layer = Conv("conv", ("x",), SHAPE, INT4, weights, INT4, WINDOW, 3, groups=3)
    # The window gives groups of simd channels one after the other, each with all its taps.
    rows = weights.reshape(6, 3, 2, 4 // simd, simd).transpose(0, 3, 1, 2, 4).reshape(6, -1)
    vectors = int(np.prod(layer.output_shape[:2]))
    matrix = MvtuConfig(INT4, INT4, rows, pe=2, simd=simd, vectors=vectors, groups=3)
    y = chain(x, windows(WINDOW, simd, 3), matrix)
    assert np.array_equal(y.reshape(2, *layer.output_shape), layer.reference(x))


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("fold", [Fold(2, 1), Fold(1, 8), Fold(1, 3), Fold(2, 24), Fold(2, 4), Fold(1, 8, 7), Fold(2, 2, 7)])
def test_convolution_of_whole_windows(fold, groups):
    rng, x = frames(7)
    weights = values(rng, INT4, (6, 3, 2, 12 // groups))
    layer = Conv("conv", ("x",), SHAPE, INT4, weights, INT4, WINDOW, 3, groups=groups)
    cores = [core for _, core in engine(layer, replace(fold, window="lines"))]
    assert isinstance(cores[0], LineBufferConfig)
    assert np.array_equal(chain(x, *cores).reshape(2, *layer.output_shape), layer.reference(x))
    # The windows come no slower than the matrix unit takes them, unless even all channels at once are too slow.
    lines, matrix, *_ = (core.schedule().interval for core in cores)
    assert lines <= max(matrix, cores[0].map.total if cores[0].simd == 12 // groups else 0)


@pytest.mark.parametrize("pe", [1, 3, 12])
def test_depthwise_convolution(pe):
    rng, x = frames(2)
    weights = values(rng, INT4, (12, 3, 2, 1))
    layer = Conv("conv", ("x",), SHAPE, INT4, weights, INT4, WINDOW, 3, groups=12)
    core = DepthwiseConfig(INT4, layer.output_shape, 6, pe, weights.reshape(12, 6), INT4)
    assert np.array_equal(chain(x, windows(WINDOW, pe, 3), core), layer.reference(x))


@pytest.mark.parametrize("pe", [1, 3, 12])
def test_sum_pool(pe):
    _, x = frames(3)
    layer = SumPool("pool", ("x",), SHAPE, INT4, WINDOW, 3)
    core = DepthwiseConfig(INT4, layer.output_shape, 6, pe)
    assert np.array_equal(chain(x, windows(WINDOW, pe, 3), core), layer.reference(x))
    assert core.accumulator_range == layer.accumulator_range


@pytest.mark.parametrize("kind", ["depthwise", "sum", "max"])
def test_layers_by_channel_take_whole_windows(kind):
    rng, x = frames(8)
    layer = {
        "depthwise": Conv("c", ("x",), SHAPE, INT4, values(rng, INT4, (12, 3, 2, 1)), INT4, WINDOW, 3, groups=12),
        "sum": SumPool("s", ("x",), SHAPE, INT4, WINDOW, 3),
        "max": MaxPool("m", ("x",), SHAPE, INT4, WINDOW),
    }[kind]
    lines, core, *_ = (core for _, core in engine(layer, Fold(3, window="lines")))
    assert (lines.output.lanes, core.input.lanes) == (18, 18)
    assert np.array_equal(chain(x, lines, core), layer.reference(x))


def test_global_pools():
    _, x = frames(4)
    whole = Window(SHAPE[:2])
    assert np.array_equal(GlobalPoolConfig(INT4, SHAPE, 3).reference(x), SumPool("p", ("x",), SHAPE, INT4, whole).reference(x))
    assert np.array_equal(GlobalPoolConfig(INT4, SHAPE, 3, "max").reference(x), MaxPool("p", ("x",), SHAPE, INT4, whole).reference(x))


@pytest.mark.parametrize("order", ["DCR", "CRD"])
def test_depth_to_space_and_back(order):
    _, x = frames(5)
    there = DepthToSpaceConfig(INT4, SHAPE, 2, 1, order)
    back = SpaceToDepthConfig(INT4, there.output.shape, 2, 1, order)
    y = there.reference(x)
    assert np.array_equal(y, DepthToSpace("d", ("x",), SHAPE, INT4, 2, order).reference(x))
    assert np.array_equal(back.reference(y), SpaceToDepth("s", ("x",), there.output.shape, INT4, 2, order).reference(y))
    assert np.array_equal(back.reference(y), x)


def test_upsampling_and_stuffing():
    _, x = frames(6)
    assert np.array_equal(UpsampleConfig(INT4, SHAPE, (2, 3), 4).reference(x), Upsample("u", ("x",), SHAPE, INT4, (2, 3)).reference(x))
    stuffing, layer = StuffingConfig(INT4, SHAPE, (2, 3), -5, 4), Stuff("s", ("x",), SHAPE, INT4, (2, 3), -5)
    assert np.array_equal(stuffing.reference(x), layer.reference(x))


@pytest.mark.parametrize("order", ["DCR", "CRD"])
def test_walks_give_what_the_reference_says(order):
    """The order of reads, independently of the hardware."""
    for config in (
        DepthToSpaceConfig(INT4, SHAPE, 2, 1, order),
        SpaceToDepthConfig(INT4, (6, 8, 3), 2, 1, order),
        UpsampleConfig(INT4, SHAPE, (2, 3), 4),
    ):
        beats = np.arange(config.input.beats)
        x = np.repeat(beats, config.lanes).reshape(1, *config.shape)
        need, _ = config._reads
        assert np.array_equal(config.reference(x).reshape(-1, config.lanes)[:, 0], need)
