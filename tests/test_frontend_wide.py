"""Quantisers of more than 8 bits on streams."""

import numpy as np
import onnx
import pytest
from graphs import Writer, execute

from finnr_rtl.errors import UserError
from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate


def network(bits, scale, zero_point=0.0, function=None, first=2.0**-6, rounding="ROUND"):
    """A model: a convolution, a function, a quantiser of ``bits`` and another convolution."""
    rng = np.random.default_rng(bits)
    w = Writer((2, 6, 6))
    x = w.quant("x", first, bits=8)
    x = w.node("Conv", x, w.quant(np.float32(rng.normal(0, 0.6, (3, 2, 3, 3))), 2.0**-5, bits=6))
    x = function(w, x) if function else x
    x = w.quant(x, scale, zero_point, bits, rounding=rounding, name="wide")
    return w.model(w.node("Conv", x, w.quant(np.float32(rng.normal(0, 2, (2, 3, 1, 1))), bits=3)))


FACTORS, OFFSETS = (np.float32(values).reshape(3, 1, 1) for values in ([1, -0.5, 0.25], [0.25, 0, 1]))
FUNCTIONS = {
    "none": None,
    "relu": lambda w, x: w.node("Relu", x),
    "bounds and sign": lambda w, x: w.node("Neg", w.node("Clip", x, np.float32(-1), np.float32(1.5))),
    "per channel": lambda w, x: w.node("Add", w.node("Mul", x, FACTORS), OFFSETS),
}


@pytest.mark.parametrize(("bits", "scale", "zero_point"), [
    (9, 2.0**-5, 0), (10, 2.0**-8, 3), (12, 2.0**-11, 0), (16, 2.0**-11, 0), (16, 2.0**-13, -7), (11, 2.0**-7, 0),
])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_wide_quantisers(tmp_path, function, bits, scale, zero_point):
    model = network(bits, scale, zero_point, FUNCTIONS[function])
    onnx.save(model, tmp_path / "m.onnx")
    inputs = np.float32(np.random.default_rng(1).uniform(-2, 2, (6, 1, 2, 6, 6)))
    report = evaluate(load_network(tmp_path / "m.onnx"), {"inputs": np.concatenate(inputs), "outputs": execute(model, inputs)})
    assert report.mismatching_values == 0
    assert len(np.unique(report.outputs)) > 20


def test_a_wide_residual(tmp_path):
    rng = np.random.default_rng(3)
    w = Writer((2, 6, 6))
    x = w.quant("x", 2.0**-6, bits=8)
    y = w.quant(w.node("Conv", x, w.quant(np.float32(rng.normal(0, 0.6, (2, 2, 1, 1))), 2.0**-5, bits=6)), 2.0**-7, bits=10)
    x = w.quant(w.node("Add", x, y), 2.0**-6, bits=12)
    model = w.model(w.node("Conv", x, w.quant(np.float32(rng.normal(0, 2, (2, 2, 1, 1))), bits=3)))
    onnx.save(model, tmp_path / "m.onnx")
    inputs = np.float32(rng.uniform(-2, 2, (6, 1, 2, 6, 6)))
    report = evaluate(load_network(tmp_path / "m.onnx"), {"inputs": np.concatenate(inputs), "outputs": execute(model, inputs)})
    assert report.mismatching_values == 0


@pytest.mark.parametrize("model", [
    network(16, 1.23e-3, first=0.0123), network(9, 0.25, rounding="CEIL"), network(9, 0.25, function=lambda w, x: w.node("Tanh", x)),
])
def test_what_no_multiplication_gives_is_refused(tmp_path, model):
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(UserError, match=r"node wide \(Quant\).*powers of two"):
        load_network(tmp_path / "m.onnx")
