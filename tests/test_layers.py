"""Layers of the intermediate representation: what they compute, against plain definitions."""

from itertools import product

import numpy as np
import pytest

from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.network import layers
from finnr_rtl.network.layers import (
    Add,
    Concat,
    Conv,
    DepthToSpace,
    Lookup,
    Multiply,
    Pad,
    Requantise,
    Slice,
    SpaceToDepth,
    Stuff,
    SumPool,
    Upsample,
    Window,
)
from finnr_rtl.requantiser import Requantiser

INT4, UINT4, INT8 = DataType("INT4"), DataType("UINT4"), DataType("INT8")


def ints(rng, dtype, *shape):
    return rng.integers(dtype.min, dtype.max + 1, shape)


@pytest.mark.parametrize(("groups", "channels", "outputs"), [(1, 4, 6), (2, 4, 6), (4, 4, 4), (4, 4, 8), (1, 1, 3)])
def test_grouped_convolutions(groups, channels, outputs):
    rng = np.random.default_rng(groups)
    window = Window((3, 2), (2, 1), (1, 2), (1, 0, 2, 1))
    weights = ints(rng, INT4, outputs, 3, 2, channels // groups)
    layer = Conv("c", ("x",), (7, 6, channels), UINT4, weights, INT4, window, 5, None, groups)
    x = ints(rng, UINT4, 2, 7, 6, channels)
    got = layer.reference(x)
    assert got.shape == (2, *layer.output_shape)
    padded = np.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)), constant_values=5)
    share, run = channels // groups, outputs // groups
    for o, r, c in product(range(outputs), range(got.shape[1]), range(got.shape[2])):
        first = o // run * share
        patch = padded[:, r * 2 : r * 2 + 3, c : c + 4 : 2, first : first + share]
        assert np.array_equal(got[:, r, c, o], (patch * weights[o]).sum(axis=(1, 2, 3)))
    low, high = layer.accumulator_range
    assert low <= got.min() <= got.max() <= high
    assert layer.fan_in == 6 * share
    assert layer.depthwise == (groups == channels > 1)


def test_weights_that_do_not_fit_their_groups():
    with pytest.raises(ValueError, match="in 3 groups"):
        Conv("c", ("x",), (1, 1, 4), UINT4, np.ones((6, 1, 1, 2), dtype=np.int64), INT4, groups=3)


def test_requantiser():
    unit = Requantiser(np.array([3, -5]), np.array([7, 100]), 4, -8, 7, INT4)
    x = np.arange(-60, 60).repeat(2).reshape(-1, 2)
    wanted = np.clip(np.floor((x * [3, -5] + [7, 100]) / 16), -8, 7)
    assert np.array_equal(unit(x), wanted)
    layer = Requantise("r", ("x",), (1, 1, 2), INT8, unit)
    assert np.array_equal(layer.reference(x[:, None, None]), wanted[:, None, None])
    assert not unit.rising
    for bad in (dict(shift=63), dict(low=9, high=8), dict(high=8), dict(offset=np.array([1])), dict(output=BIPOLAR)):
        with pytest.raises(ValueError):
            Requantiser(**dict(scale=unit.scale, offset=unit.offset, shift=4, low=-8, high=7, output=INT4) | bad)


def test_sums_and_products():
    rng = np.random.default_rng(1)
    a, b = ints(rng, INT4, 3, 2, 2, 2), ints(rng, UINT4, 3, 2, 2, 2)
    layer = Add("a", ("x", "y"), (2, 2, 2), INT4, (UINT4,), np.array([[3, 1], [-2, 5]]), np.array([1, -1]))
    assert np.array_equal(layer.reference(a, b), a * [3, 1] + b * [-2, 5] + [1, -1])
    assert layer.accumulator_range == (-3 * 8 - 2 * 15 + 1, 7 + 5 * 15 - 1)
    layer = Multiply("m", ("x", "y"), (2, 2, 2), INT4, (UINT4,), (1, 3))
    assert np.array_equal(layer.reference(a, b), (a - 1) * (b - 3))
    assert layer.accumulator_range == (-9 * 12, 6 * 12)
    with pytest.raises(ValueError, match="multipliers"):
        Add("a", ("x", "y"), (2, 2, 2), INT4, (UINT4,), np.ones((3, 2), dtype=np.int64), np.zeros(2, dtype=np.int64))


def test_concatenation_and_its_type():
    x, y = np.ones((1, 2, 2, 2), dtype=np.int64), np.zeros((1, 2, 2, 1), dtype=np.int64)
    layer = Concat("c", ("x", "y"), (2, 2, 2), INT4, (1,), (UINT4,))
    assert np.array_equal(layer.reference(x, y)[0, 0, 0], [1, 1, 0])
    assert layer.output_shape == (2, 2, 3)
    for types, wanted in (
        (("INT4", "UINT4"), "INT5"), (("INT4", "INT4"), "INT4"), (("BIPOLAR", "UINT1"), "TERNARY"), (("BIPOLAR", "BIPOLAR"), "BIPOLAR"),
        (("UINT2", "INT3"), "INT3"), (("TERNARY", "BIPOLAR"), "TERNARY"),
    ):
        first, second = map(DataType, types)
        assert str(Concat("c", ("x", "y"), (2, 2, 2), first, (1,), (second,)).output_type) == wanted


def test_sum_pools():
    x = np.arange(12).reshape(1, 3, 4, 1)
    layer = SumPool("s", ("x",), (3, 4, 1), UINT4, Window((2, 2), (1, 2), (1, 1), (0, 0, 1, 0)), 0)
    assert layer.reference(x)[0, :, :, 0].tolist() == [[10, 18], [26, 34], [17, 21]]
    assert layer.accumulator_range == (0, 60)
    assert SumPool("s", ("x",), (3, 4, 1), UINT4, Window((3, 4))).reference(x).item() == 66


def test_moving_pixels_and_channels():
    x = np.arange(24).reshape(1, 2, 3, 4)
    assert np.array_equal(Slice("s", ("x",), (2, 3, 4), INT8, 1, 3).reference(x), x[..., 1:3])
    up = Upsample("u", ("x",), (2, 3, 4), INT8, (2, 3))
    assert up.output_shape == (4, 9, 4)
    assert np.array_equal(up.reference(x)[0, 3, 8], x[0, 1, 2])
    for order in ("DCR", "CRD"):
        depth = DepthToSpace("d", ("x",), (2, 3, 8), INT8, 2, order)
        y = np.arange(48).reshape(1, 2, 3, 8)
        spread = depth.reference(y)
        assert spread.shape == (1, *depth.output_shape) == (1, 4, 6, 2)
        # Channel 1, second column, first row of the square of the first pixel.
        assert spread[0, 0, 1, 1] == (3 if order == "DCR" else 5)
        back = SpaceToDepth("b", ("d",), (4, 6, 2), INT8, 2, order)
        assert np.array_equal(back.reference(spread), y)
    pad = Pad("p", ("x",), (2, 3, 4), UINT4, (1, 0, 0, 2), -1)
    assert pad.reference(x).shape == (1, 3, 5, 4) == (1, *pad.output_shape)
    assert pad.reference(x)[0, 0, 0, 0] == -1
    assert str(pad.output_type) == "INT5"
    stuff = Stuff("t", ("x",), (2, 3, 4), BIPOLAR, (3, 2))
    assert stuff.output_shape == (4, 5, 4)
    assert stuff.reference(x)[0, :, :, 1].tolist() == [[1, 0, 5, 0, 9], [0] * 5, [0] * 5, [13, 0, 17, 0, 21]]
    assert str(stuff.output_type) == "TERNARY"


def test_tables():
    table = np.array([[5, 6, 7], [1, 0, -1]])
    x = np.array([[-1, 0], [1, 1]]).reshape(1, 2, 1, 2)
    assert Lookup("t", ("x",), (2, 1, 2), INT4, table, -1, INT4).reference(x).reshape(-1).tolist() == [5, 0, 7, -1]
    assert Lookup("t", ("x",), (2, 1, 2), INT4, table[:1], -1, INT4).reference(x).reshape(-1).tolist() == [5, 6, 7, 7]
    with pytest.raises(ValueError, match="not of type"):
        Lookup("t", ("x",), (2, 1, 2), INT4, table, -1, UINT4)


def test_every_kind_of_layer_is_listed():
    known = {kind.__name__ for kind in layers.KINDS}
    assert known == {name for name in layers.__all__ if name[0].isupper()} - {"KINDS", "Accumulating", "Layer", "Shape", "Window"}
