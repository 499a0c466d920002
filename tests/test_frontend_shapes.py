"""Reductions over pixels and cuts of maps, channels first and last."""

import numpy as np
import onnx
import pytest
from graphs import Writer, execute

from finnr_rtl.errors import UserError
from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate

FIRST, LAST = [0, 3, 1, 2], [0, 2, 3, 1]


def ints(*values):
    return np.array(values, dtype=np.int64)


def weights(w, *shape):
    return w.quant(np.float32(np.random.default_rng(1).normal(0, 2, shape)), 0.5, bits=4, narrow=1)


def agrees(path, w, output, seed=2):
    model = w.model(output)
    onnx.save(model, path)
    inputs = np.float32(np.random.default_rng(seed).normal(0, 1, (4, 1, *w.shape)))
    report = evaluate(load_network(path), {"inputs": np.concatenate(inputs), "outputs": execute(model, inputs)})
    return report.mismatching_values == 0 and len(np.unique(report.outputs)) > 1


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum", "ReduceMax"])
@pytest.mark.parametrize(("shape", "axes", "keep"), [
    ((3, 4, 5), (2, 3), 0), ((3, 4, 5), (-1, -2), 1), ((3, 4, 5), (2,), 1), ((3, 4, 5), (3,), 0), ((4, 5, 3), (1, 2), 0), ((3, 7), (2,), 0),
    ((7, 3), (1,), 1),
])
def test_reductions(tmp_path, op, shape, axes, keep):
    w = Writer(shape, opset=18)
    x = w.quant("x", 0.25, bits=4)
    x = w.node(op, x, ints(*axes), keepdims=keep)
    assert agrees(tmp_path / "m.onnx", w, w.quant(x, 0.0625, bits=7))


@pytest.mark.parametrize("bipolar", [False, True])
@pytest.mark.parametrize(("starts", "ends", "axes", "steps"), [
    ((1,), (5,), (2,), (1,)), ((0, 1), (4, 9), (2, 3), (1, 1)), ((1, 1), (6, 9), (3, 2), (2, 3)), ((-2,), (99,), (3,), (1,)),
    ((1, 0), (3, 5), (1, 2), (1, 1)), ((5,), (6,), (2,), (1,)),
])
def test_cuts(tmp_path, bipolar, starts, ends, axes, steps):
    w = Writer((2, 6, 6))
    x = w.node("Conv", w.quant("x", 0.25, bits=4), weights(w, 3, 2, 1, 1))
    x = w.node("BipolarQuant", x, np.float32(1)) if bipolar else w.node("Relu", w.quant(x, bits=4))
    x = w.node("Slice", x, ints(*starts), ints(*ends), ints(*axes), ints(*steps))
    assert agrees(tmp_path / "m.onnx", w, w.node("Conv", x, weights(w, 3, 2 if 1 in axes else 3, 1, 1)))


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_cuts_of_maps_with_channels_last(tmp_path, axis):
    w = Writer((6, 6, 4))
    x = w.node("Transpose", w.quant("x", 0.25, bits=4), perm=FIRST)
    x = w.node("Transpose", w.quant(w.node("Conv", x, weights(w, 4, 4, 1, 1)), bits=4), perm=LAST)
    parts = w.node("Split", x, ints(2, 6 - 2 if axis < 3 else 2), outputs=2, axis=axis)
    x = w.node("Transpose", parts[1], perm=FIRST)
    assert agrees(tmp_path / "m.onnx", w, w.node("Conv", x, weights(w, 3, 4 if axis < 3 else 2, 1, 1)))


@pytest.mark.parametrize("pads", [(2, 1, 0, 0, 2, 0), (1, 1, 0, 1, 1, 0), (-1, 0, 0, 1, -2, 0)])
def test_pads_of_maps_with_channels_last(tmp_path, pads):
    w = Writer((6, 6, 2))
    x = w.node("Pad", w.quant("x", 0.25, bits=4), ints(0, *pads[:3], 0, *pads[3:]))
    assert agrees(tmp_path / "m.onnx", w, w.node("Conv", w.node("Transpose", x, perm=FIRST), weights(w, 3, 2, 2, 2)))


def test_the_four_phases_of_an_image(tmp_path):
    w = Writer((2, 6, 6))
    x = w.quant("x", 0.25, bits=4)
    rows = [w.node("Slice", x, ints(start), ints(99), ints(2), ints(2)) for start in (0, 1)]
    phases = [w.node("Slice", row, ints(start), ints(99), ints(3), ints(2)) for start in (0, 1) for row in rows]
    assert agrees(tmp_path / "m.onnx", w, w.node("Conv", w.node("Concat", *phases, axis=1), weights(w, 2, 8, 3, 3)))


@pytest.mark.parametrize("left", [False, True])
def test_a_batch_of_one_matrix(tmp_path, left):
    w = Writer((6, 4))
    x = w.quant("x", 0.25, bits=4)
    assert agrees(tmp_path / "m.onnx", w, w.node("MatMul", *((weights(w, 1, 3, 6), x) if left else (x, weights(w, 1, 4, 3)))))


def test_what_is_neither_cut_nor_reduced(tmp_path):
    def refusal(make, *shape):
        w = Writer(shape, opset=18)
        onnx.save(w.model(make(w, w.quant("x"))), tmp_path / "m.onnx")
        with pytest.raises(UserError) as caught:
            load_network(tmp_path / "m.onnx")
        return str(caught.value)

    assert "only height and width" in refusal(lambda w, x: w.node("ReduceMean", x, ints(1)), 4)
    assert "feed a smaller map" in refusal(lambda w, x: w.node("Slice", x, ints(40), ints(50), ints(2)), 1, 50, 3)
    assert "only steps forwards" in refusal(lambda w, x: w.node("Slice", x, ints(-1), ints(-9), ints(2), ints(-1)), 1, 6, 3)
