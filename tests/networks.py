"""Small networks of integer layers, made by hand, for tests of what comes after the front end."""

from math import prod

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.network.layers import Add, ArgMax, Conv, Layer, MaxPool, SumPool, Threshold, Window
from finnr_rtl.network.network import InputPort, Network, OutputPort
from finnr_rtl.thresholds import Thresholds


def values(rng: np.random.Generator, dtype: DataType, shape) -> np.ndarray:
    """Random values of a type."""
    if dtype == BIPOLAR:
        return rng.choice([-1, 1], shape)
    return rng.integers(dtype.min, dtype.max + 1, shape)


def thresholds(rng: np.random.Generator, channels: int, low: int, high: int, output: DataType, flips: bool = True) -> Thresholds:
    """Random thresholds that reach the whole of ``output`` somewhere between ``low`` and ``high``."""
    steps = 1 if output == BIPOLAR else min(255, output.max - output.min)
    table = np.sort(rng.integers(low, high + 2, (channels, steps)), axis=1)
    return Thresholds(table, output, output.min, rng.random(channels) < (0.3 if flips else 0.0))


def conv(rng, name, source, shape, input_type, outputs, weight_type, output=None, window=None, pad_value=0) -> Conv:
    """A matrix layer with random weights, and thresholds into ``output`` unless that is None."""
    window = window or Window()
    weights = values(rng, weight_type, (outputs, *window.kernel, shape[2]))
    layer = Conv(name, (source,), shape, input_type, weights, weight_type, window, pad_value)
    if output is None:
        return layer
    spread = max(1, int(np.sqrt(layer.fan_in)) * max(input_type.max, 1) * max(weight_type.max, 1))
    table = thresholds(rng, outputs, max(-spread, layer.accumulator_range[0]), min(spread, layer.accumulator_range[1]), output)
    return Conv(name, (source,), shape, input_type, weights, weight_type, window, pad_value, table)


def network(name: str, shape, dtype: DataType, layers: list[Layer]) -> Network:
    """A network of ``layers`` whose model sees the integers themselves, in map order."""
    count, result = prod(shape), layers[-1]
    source = InputPort("input", shape, np.arange(count), shape, dtype, scale=1.0, source="made by hand")
    size = prod(result.output_shape)
    output = OutputPort("output", result.name, result.output_shape, np.arange(size), np.ones(()), np.zeros(()))
    return Network(name, source, tuple(layers), output)


def small_cnn(seed: int = 0, activations: str = "BIPOLAR") -> Network:
    """8-bit input, two convolutions (one padded and strided unevenly), a pool, a stand-alone threshold, two matrix layers, arg-max."""
    rng = np.random.default_rng(seed)
    act, bipolar = DataType(activations), BIPOLAR
    first = conv(rng, "conv0", "input", (9, 8, 3), DataType("UINT8"), 8, bipolar, act, Window((3, 3)))
    second = conv(rng, "conv1", "conv0", first.output_shape, act, 12, bipolar, None, Window((3, 2), (1, 2), (1, 1), (1, 0, 1, 1)), act.max)
    pool = MaxPool("pool", ("conv1",), second.output_shape, second.output_type, Window((2, 2), (2, 2)))
    low, high = second.accumulator_range
    table = thresholds(rng, 12, low // 4, high // 4, act)
    step = Threshold("step", ("pool",), pool.output_shape, pool.output_type, table)
    flat = (1, 1, prod(step.output_shape))
    third = conv(rng, "fc0", "step", flat, act, 10, DataType("INT3"), act)
    last = conv(rng, "fc1", "fc0", third.output_shape, act, 6, DataType("TERNARY"))
    index = ArgMax("top", ("fc1",), last.output_shape, last.output_type)
    return network(f"small_cnn_{activations.lower()}", (9, 8, 3), DataType("UINT8"), [first, second, pool, step, third, last, index])


def two_ways(seed: int = 0) -> Network:
    """Two inputs of different types that meet in a sum; three outputs: one branch, the sum's class, and the second input itself."""
    rng = np.random.default_rng(seed)
    act, weight, shape = DataType("UINT3"), DataType("INT3"), (5, 4, 6)
    left = conv(rng, "left", "image", (7, 6, 2), DataType("UINT8"), 6, weight, act, Window((3, 3)))
    right = conv(rng, "right", "mask", shape, DataType("INT4"), 6, weight, act)
    total = add(rng, "total", (left, right), act)
    dense = conv(rng, "dense", "total", (1, 1, prod(shape)), act, 5, weight)
    index = ArgMax("index", ("dense",), dense.output_shape, dense.output_type)
    inputs = [
        InputPort(name, shape, np.arange(prod(shape)), shape, dtype, scale=1.0, source="made by hand")
        for name, shape, dtype in (("image", (7, 6, 2), DataType("UINT8")), ("mask", shape, DataType("INT4")))
    ]
    outputs = [
        OutputPort(f"{layer}_out", layer, shape, np.arange(prod(shape)), np.ones(()), np.zeros(()))
        for layer, shape in (("left", shape), ("index", (1, 1, 1)), ("mask", shape))
    ]
    return Network("two_ways", tuple(inputs), (left, right, total, dense, index), tuple(outputs))


def small_resnet(seed: int = 0) -> Network:
    """A residual around two padded convolutions, one of them depthwise; a second one whose skip is strided; global sum; a dense end."""
    rng = np.random.default_rng(seed)
    act, weight = DataType("UINT4"), DataType("INT4")
    same = Window((3, 3), pads=(1, 1, 1, 1))
    shape = (8, 7, 4)
    stem = conv(rng, "stem", "input", shape, DataType("UINT8"), 6, weight, act, same)
    weights = values(rng, weight, (6, 3, 3, 1))
    wide = Conv("wide", ("stem",), stem.output_shape, act, weights, weight, same, groups=6)
    table = thresholds(rng, 6, wide.accumulator_range[0] // 4, wide.accumulator_range[1] // 4, act)
    wide = Conv("wide", ("stem",), stem.output_shape, act, weights, weight, same, 0, table, groups=6)
    mix = conv(rng, "mix", "wide", wide.output_shape, act, 6, weight, DataType("INT5"))
    first = add(rng, "join0", (stem, mix), act)
    down = conv(rng, "down", "join0", first.output_shape, act, 8, weight, DataType("INT5"), Window((3, 3), (2, 2), pads=(0, 1, 1, 1)))
    skip = conv(rng, "skip", "join0", first.output_shape, act, 8, weight, DataType("INT5"), Window((1, 1), (2, 2)))
    second = add(rng, "join1", (down, skip), act)
    pool = SumPool("pool", ("join1",), second.output_shape, act, Window(second.output_shape[:2]))
    last = conv(rng, "fc", "pool", pool.output_shape, pool.output_type, 5, weight)
    layers = [stem, wide, mix, first, down, skip, second, pool, last]
    return network("small_resnet", shape, DataType("UINT8"), layers)


def add(rng, name, sources, output) -> Add:
    """Sum of two layers with random multipliers, and thresholds into ``output``."""
    channels = sources[0].output_shape[2]
    types = [source.output_type for source in sources]
    multipliers, offsets = rng.integers(1, 6, (2, channels)), rng.integers(-9, 10, channels)
    names = tuple(source.name for source in sources)
    total = Add(name, names, sources[0].output_shape, types[0], (types[1],), multipliers, offsets)
    table = thresholds(rng, channels, *total.accumulator_range, output)
    return Add(name, names, sources[0].output_shape, types[0], (types[1],), multipliers, offsets, table)
