"""Channels that make no difference: gone, and the same results."""

from dataclasses import replace

import numpy as np
import pytest
from networks import conv, network, small_resnet, values

from finnr_rtl.datatypes import DataType
from finnr_rtl.network.layers import Conv, MaxPool, SumPool, Window
from finnr_rtl.network.pruning import pruned
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

UINT8, UINT2, INT3 = DataType("UINT8"), DataType("UINT2"), DataType("INT3")
SHAPE = (6, 5, 3)


def constant_at(layer: Conv, channels, count: int) -> Conv:
    """``layer`` with thresholds of which ``channels`` reach ``count`` whatever the input is."""
    table = layer.thresholds.values.copy()
    low, high = layer.accumulator_range
    table[channels] = [low] * count + [high + 1] * (table.shape[1] - count)
    return replace(layer, thresholds=Thresholds(table, layer.output_type, layer.output_type.min, np.zeros(len(table), dtype=bool)))


def chain(*layers, input_type=UINT8):
    return network("net", layers[0].input_shape, input_type, list(layers))


def same(before, after, seed=0):
    """Whether two networks give the same for random inputs, and for the least and greatest."""
    rng, port = np.random.default_rng(seed), before.input
    some = values(rng, port.dtype, (20, *port.shape))
    q = np.concatenate([some, np.full((1, *port.shape), port.dtype.min), np.full((1, *port.shape), port.dtype.max)])
    name = before.output.layer
    return np.array_equal(before.execute(q)[name], after.execute(q)[name])


def first(rng, outputs=16):
    return conv(rng, "first", "input", SHAPE, UINT8, outputs, INT3, UINT2, Window((3, 3)))


def test_constants_go_into_the_next_thresholds():
    rng = np.random.default_rng(1)
    one = constant_at(constant_at(first(rng), [1, 3, 5, 7], 0), [0, 8, 12], 2)
    pool = MaxPool("pool", ("first",), one.output_shape, UINT2, Window((2, 2), (1, 1)))
    two = conv(rng, "two", "pool", pool.output_shape, UINT2, 6, INT3, UINT2, Window((2, 1)))
    net = chain(one, pool, two)
    smaller = pruned(net)
    assert smaller.dropped == {"first": 7, "pool": 7}
    assert smaller.shape_of("pool") == (3, 2, 9)
    assert same(net, smaller)
    assert smaller.operations < 0.7 * net.operations


def test_requantised_and_depthwise_channels_go_too():
    rng = np.random.default_rng(2)
    one = constant_at(first(rng), slice(0, 8), 0)
    weights = values(rng, INT3, (16, 3, 3, 1))
    deep = Conv("deep", ("first",), one.output_shape, UINT2, weights, INT3, Window((3, 3), pads=(1, 1, 1, 1)), groups=16)
    deep = replace(deep, thresholds=Requantiser(np.arange(16) - 4, rng.integers(0, 90, 16), 4, 0, 15, DataType("UINT4")))
    total = SumPool("total", ("deep",), deep.output_shape, DataType("UINT4"), Window(deep.output_shape[:2]))
    requantiser = Requantiser(np.arange(1, 6), np.arange(5) * 100, 5, -8, 7, DataType("INT4"), exceptions=np.array([[30]] * 5),
                              corrections=np.array([[1]] * 5))
    last = replace(conv(rng, "last", "total", total.output_shape, total.output_type, 5, INT3), thresholds=requantiser)
    net = chain(one, deep, total, last)
    smaller = pruned(net)
    assert smaller.dropped == {"first": 8, "deep": 8, "total": 8}
    assert same(net, smaller)


def test_a_border_of_another_value_keeps_a_constant():
    rng = np.random.default_rng(3)
    padded = Window((3, 3), pads=(1, 1, 1, 1))
    one = constant_at(first(rng), slice(0, 8), 2)
    for value, kept in ((0, 16), (2, 8)):
        net = chain(one, conv(rng, "two", "first", one.output_shape, UINT2, 6, INT3, UINT2, padded, value))
        assert pruned(net).shape_of("first")[2] == kept
        assert same(net, pruned(net))


@pytest.mark.parametrize("count, kept", [(0, 8), (2, 16)])
def test_raw_sums_take_no_constant_but_zero(count, kept):
    rng = np.random.default_rng(4)
    one = constant_at(first(rng), slice(0, 8), count)
    net = chain(one, conv(rng, "two", "first", one.output_shape, UINT2, 6, INT3))
    assert pruned(net).shape_of("first")[2] == kept
    assert same(net, pruned(net))


def test_narrower_sums_change_the_type_behind_them():
    rng = np.random.default_rng(5)
    one = constant_at(first(rng, 64), slice(0, 60), 0)
    two = conv(rng, "two", "first", one.output_shape, UINT2, 6, INT3)
    pool = MaxPool("pool", ("two",), two.output_shape, two.output_type, Window((2, 2), (2, 2)))
    net = chain(one, two, pool)
    smaller = pruned(net)
    assert smaller.type_of("pool").bits < net.type_of("pool").bits
    assert smaller.layers[2].input_type == smaller.type_of("two")
    assert same(net, smaller)


def test_what_nothing_reads_is_not_computed():
    rng = np.random.default_rng(6)
    one = first(rng)
    two = conv(rng, "two", "first", one.output_shape, UINT2, 10, INT3, UINT2)
    three = conv(rng, "three", "two", two.output_shape, UINT2, 4, INT3, UINT2)
    three.weights[..., 4:] = 0
    # And so rows of the layer before, as far as only they read them.
    two.weights[:4, ..., 8:] = 0
    net = chain(one, two, three)
    smaller = pruned(net)
    assert smaller.dropped == {"first": 8, "two": 6}
    assert same(net, smaller)


def test_exceptions_of_a_requantiser_are_no_constants():
    rng = np.random.default_rng(7)
    one = first(rng, 8)
    low = one.accumulator_range[0]
    flat = Requantiser(np.zeros(8, dtype=np.int64), np.zeros(8, dtype=np.int64), 1, 0, 3, UINT2, exceptions=np.full((8, 1), low // 2),
                       corrections=np.array([[1], [1], [1], [1], [0], [0], [0], [0]]))
    net = chain(replace(one, thresholds=flat), conv(rng, "two", "first", one.output_shape, UINT2, 4, INT3, UINT2))
    assert pruned(net).dropped == {"first": 4}
    assert same(net, pruned(net))


def test_few_channels_are_not_worth_it():
    rng = np.random.default_rng(8)
    one = constant_at(first(rng, 32), [1, 2, 3], 0)
    net = chain(one, conv(rng, "two", "first", one.output_shape, UINT2, 4, INT3, UINT2))
    assert pruned(net) is net


def test_channels_that_are_left_can_be_shared_among_lanes():
    rng = np.random.default_rng(9)
    one = constant_at(first(rng, 32), slice(0, 9), 0)
    net = chain(one, conv(rng, "two", "first", one.output_shape, UINT2, 4, INT3, UINT2))
    # 23 would be shared by 1 or 23.
    assert pruned(net).shape_of("first")[2] == 24
    assert same(net, pruned(net))


def test_joins_keep_all_channels():
    net = small_resnet()
    assert pruned(net) is net
