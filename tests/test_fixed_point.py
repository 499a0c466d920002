"""Requantisers in place of thresholds, and multipliers of sums: the same for every integer, not for samples."""

from itertools import product

import numpy as np
import onnx
import pytest
from graphs import Writer, execute

from finnr_rtl.datatypes import DataType
from finnr_rtl.frontend import load_network
from finnr_rtl.frontend.requantise import compact
from finnr_rtl.frontend.sums import ratios
from finnr_rtl.network.evaluate import evaluate
from finnr_rtl.network.layers import Add
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds


def stepped(slope, offset, low, high, output):
    """Thresholds of ``round(slope * x + offset)`` clipped to ``output``, computed in float32 for every x, half to even."""
    x = np.arange(low, high + 1)
    y = np.clip(np.round(np.float32(x) * np.float32(slope) + np.float32(offset)), output.min, output.max)
    levels = np.arange(output.min + 1, output.max + 1)
    falls = slope < 0
    row = low + np.searchsorted(y if not falls else -y, levels if not falls else -levels[::-1], side="left" if not falls else "right")
    return row, falls


@pytest.mark.parametrize("seed", range(6))
def test_every_accumulator_gives_what_the_thresholds_give(seed):
    rng = np.random.default_rng(seed)
    print(f"seed {seed}")
    output = DataType("INT8" if seed % 2 else "UINT8")
    low, high = -int(rng.integers(1000, 40000)), int(rng.integers(1000, 40000))
    slopes = rng.choice([-1, 1], 5) * rng.uniform(0.002, 0.05, 5)
    rows, falls = zip(*(stepped(slope, offset, low, high, output) for slope, offset in zip(slopes, rng.normal(30, 40, 5), strict=True)),
                      strict=True)
    table = Thresholds(np.array(rows), output, output.min, np.array(falls))
    least, most = np.full(5, low), np.full(5, high)
    least[2], most[3] = low // 2, high // 3  # some channels see less
    found = compact(table, least, most)
    assert isinstance(found, Requantiser)
    x = np.arange(low, high + 1)[:, None] + np.zeros(5, dtype=np.int64)
    seen = (x >= least) & (x <= most)
    assert np.array_equal(found(x)[seen], table(x)[seen])
    again = found.as_thresholds(low, high)
    assert np.array_equal(again(x), found(x))


def test_ties_to_even_need_no_thresholds():
    output = DataType("INT8")
    row, _ = stepped(1 / 64, 0.0, -9000, 9000, output)
    table = Thresholds(np.array([row]), output, -128, np.zeros(1, dtype=bool))
    found = compact(table, np.array([-9000]), np.array([9000]))
    assert isinstance(found, Requantiser)
    assert found.half_even
    assert not found.exceptions.size
    x = np.arange(-9000, 9001)[:, None]
    assert np.array_equal(found(x), table(x))


def test_a_step_out_of_line_becomes_an_exception_and_a_bend_thresholds():
    output = DataType("UINT8")
    row = np.arange(1, 256) * 40
    row[100] += 1
    table = Thresholds(np.array([row]), output, 0, np.zeros(1, dtype=bool))
    found = compact(table, np.array([0]), np.array([12000]))
    assert isinstance(found, Requantiser)
    assert np.count_nonzero(found.corrections) == 1
    x = np.arange(12001)[:, None]
    assert np.array_equal(found(x), table(x))
    bent = np.concatenate([np.arange(1, 129) * 10, 1280 + np.arange(1, 128) * 40])
    table = Thresholds(np.array([bent]), output, 0, np.zeros(1, dtype=bool))
    assert compact(table, np.array([0]), np.array([12000])) is table


def test_ratios_come_closer_and_closer():
    found = ratios(0.3001)
    errors = [abs(n / d / 0.3001 - 1) for n, d in found]
    assert found[0][1] <= 4
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-6


@pytest.mark.parametrize("bits", [3, 8])
@pytest.mark.parametrize("function", ["", "Relu", "Neg"])
def test_sums_are_right_for_every_pair(tmp_path, bits, function):
    rng = np.random.default_rng(bits)
    w = Writer((2,))
    left = w.quant("x", 0.0371, bits=6)
    first, second = (w.quant(left, scale, bits=5, name=name) for scale, name in ((0.11, "a"), ([[0.0823, 0.219]], "b")))
    total = w.node("Add", first, second, name="sum")
    total = w.node(function, total) if function else total
    model = w.model(w.quant(total, 0.0577, bits=bits))
    onnx.save(model, tmp_path / "m.onnx")
    network = load_network(tmp_path / "m.onnx")
    inputs = np.float32(rng.normal(0, 0.6, (40, 1, 2)))
    report = evaluate(network, {"inputs": np.concatenate(inputs), "outputs": execute(model, inputs)})
    assert report.mismatching_values == 0
    layer = next(layer for layer in network.layers if isinstance(layer, Add))
    # Every pair, in the float graph's own arithmetic.
    for a, b in product(range(-16, 16), repeat=2):
        x = np.float32(a) * np.float32([0.11, 0.11]) + np.float32(b) * np.float32([0.0823, 0.219])
        x = {"Relu": np.maximum(x, 0), "Neg": -x, "": x}[function]
        wanted = np.clip(np.round(x / np.float32(0.0577)), -(1 << bits - 1), (1 << bits - 1) - 1)
        got = layer.reference(np.full((1, 1, 1, 2), a), np.full((1, 1, 1, 2), b))
        assert np.array_equal(got.reshape(-1), wanted)
