"""Convolutions and pools, in one dimension and two: windows, strides, padding and what it holds."""

import numpy as np
import pytest
from graphs import Writer, agree, kinds

from finnr_rtl.network.layers import Conv, MaxPool


def test_thresholds_go_through_a_pool_into_the_convolution(load):
    rng = np.random.default_rng(2)
    w = Writer((2, 6, 6))
    x = w.quant("x", bits=3)
    x = w.node("Conv", x, w.quant(np.float32(rng.normal(0, 2, (3, 2, 3, 3))), bits=3, narrow=1))
    x = w.batch_norm(x, [0.5, -0.5, -1], [0, 1, 2], [1, 2, 3], [1, 2, 3])
    x = w.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    model = w.model(w.quant(w.node("Relu", x), bits=2, signed=0))
    network = load(model)
    assert kinds(network) == ["Conv", "MaxPool"]
    assert str(network.layers[1].input_type) == "UINT2"
    agree(network, model, rng.normal(0, 4, (4, 1, 2, 6, 6)))


def test_a_falling_function_behind_a_pool_stays_behind_it(load):
    rng = np.random.default_rng(3)
    w = Writer((1, 4, 4))
    x = w.node("Conv", w.quant("x", bits=3), w.quant(np.float32(rng.normal(0, 2, (2, 1, 1, 1))), bits=3))
    x = w.node("Neg", w.node("MaxPool", x, kernel_shape=[3, 3], strides=[1, 1]))
    model = w.model(w.quant(x, bits=4))
    network = load(model)
    assert kinds(network) == ["Conv", "MaxPool", "Threshold"]
    assert network.layers[2].thresholds.flip.all()
    agree(network, model, rng.normal(0, 4, (4, 1, 1, 4, 4)))


# With ceil_mode, shape inference counts a window that lies in the padding alone; the executor does not.
@pytest.mark.filterwarnings("ignore:Output shapes disagree")
@pytest.mark.parametrize(("size", "kernel", "stride", "pads", "dilation"), [
    (7, 3, 2, [0, 0, 0, 0], 1), (8, 3, 2, [1, 1, 1, 1], 1), (6, 2, 3, [0, 1, 1, 0], 1), (9, 2, 2, [0, 0, 0, 0], 2),
    (5, 3, 4, [1, 0, 1, 1], 1),
])
def test_pools_of_every_shape(load, size, kernel, stride, pads, dilation):
    rng = np.random.default_rng(4)
    for ceil in (0, 1):
        w = Writer((2, size, size))
        attributes = dict(kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, dilations=[dilation] * 2, ceil_mode=ceil)
        model = w.model(w.node("MaxPool", w.quant("x", bits=4), **attributes))
        network = load(model)
        assert kinds(network) == ["MaxPool"]
        agree(network, model, rng.normal(0, 4, (3, 1, 2, size, size)))


def test_a_bipolar_stream_is_padded_with_zero(load):
    rng = np.random.default_rng(5)
    w = Writer((2, 5, 5))
    x = w.node("Conv", w.quant("x", bits=3), w.quant(np.float32(rng.normal(0, 2, (3, 2, 1, 1))), bits=3))
    x = w.node("MaxPool", w.node("BipolarQuant", x, np.float32(0.5)), kernel_shape=[2, 2], strides=[1, 1])
    x = w.node("Conv", x, w.node("BipolarQuant", np.float32(rng.normal(0, 2, (2, 3, 3, 3))), np.float32(1)), pads=[1, 0, 1, 2])
    model = w.model(x)
    network = load(model)
    assert [str(layer.output_type) for layer in network.layers[:2]] == ["TERNARY", "TERNARY"]
    agree(network, model, rng.normal(0, 2, (3, 1, 2, 5, 5)))


def test_a_bipolar_input_is_padded_with_zero(load):
    rng = np.random.default_rng(6)
    w = Writer((1, 4, 4))
    x = w.node("BipolarQuant", "x", np.float32(1))
    model = w.model(w.node("Conv", x, w.quant(np.float32(rng.normal(0, 2, (2, 1, 3, 3))), bits=3), auto_pad="SAME_UPPER"))
    network = load(model)
    assert str(network.input.dtype) == "TERNARY"
    agree(network, model, rng.normal(0, 1, (3, 1, 1, 4, 4)))


def test_a_zero_point_is_what_padding_holds(load):
    rng = np.random.default_rng(7)
    w = Writer((1, 4, 4))
    x = w.quant("x", 0.5, 3, 4, signed=0)
    model = w.model(w.node("Conv", x, w.quant(np.float32(rng.normal(0, 2, (2, 1, 3, 3))), 0.25, 1, 3), pads=[1] * 4))
    network = load(model)
    assert network.layers[0].pad_value == 3
    assert network.input.zero_point == 3
    agree(network, model, rng.normal(0, 3, (3, 1, 1, 4, 4)))


@pytest.mark.parametrize("shape", [(2, 5), (2, 4, 5)])
def test_a_mean_of_signs_with_zeros_around_them(load, shape):
    """Zero is no sign: it is put around the map by a layer, since the map is read twice."""
    rng = np.random.default_rng(19)
    w = Writer(shape)
    x = w.node("BipolarQuant", "x", np.float32(0.5))
    size = len(shape) - 1
    mean = w.node("AveragePool", x, kernel_shape=[2] * size, pads=[1] * size + [0] * size, count_include_pad=1)
    mean = w.quant(mean, 0.125, bits=4)
    model = w.model(w.node("Conv", w.node("Add", mean, x), w.quant(np.float32(rng.normal(0, 2, (3, 2, *[1] * size))), bits=3)))
    network = load(model)
    assert "Pad" in kinds(network)
    agree(network, model, rng.normal(0, 1, (3, 1, *shape)))


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_automatic_padding(load, mode):
    rng = np.random.default_rng(17)
    w = Writer((1, 5, 6))
    weights = w.quant(np.float32(rng.normal(0, 2, (2, 1, 2, 4))), bits=3)
    x = w.node("Conv", w.quant("x", bits=4), weights, auto_pad=mode, strides=[1, 3])
    model = w.model(w.node("MaxPool", w.quant(x, bits=4), kernel_shape=[2, 1], auto_pad=mode))
    agree(load(model), model, rng.normal(0, 4, (3, 1, 1, 5, 6)))


def test_a_convolution_in_one_dimension(load):
    rng = np.random.default_rng(16)
    w = Writer((2, 9))
    weights = w.quant(np.float32(rng.normal(0, 2, (3, 2, 3))), bits=3)
    x = w.node("Conv", w.quant("x", bits=4), weights, np.float32([1, 2, 3]), pads=[1, 0])
    x = w.node("MaxPool", w.quant(x, bits=4), kernel_shape=[2], strides=[2])
    model = w.model(x)
    network = load(model)
    assert isinstance(network.layers[0], Conv)
    assert isinstance(network.layers[1], MaxPool)
    assert network.layers[1].output_shape == (1, 4, 3)
    agree(network, model, rng.normal(0, 4, (3, 1, 2, 9)))
