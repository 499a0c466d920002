"""Functions of one value between a convolution and a quantiser, rising or not, over few integers and over many."""

import numpy as np
import onnx
import pytest
from graphs import Writer, execute

from finnr_rtl.errors import UserError
from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate
from finnr_rtl.network.store import load, save

BEND = np.float32(-0.25)
FUNCTIONS = {
    "silu": lambda w, x: w.node("Mul", x, w.node("Sigmoid", x)),
    "hardswish": lambda w, x: w.node("Mul", x, w.node("HardSigmoid", x, alpha=1 / 6, beta=0.5)),
    "gelu of parts": lambda w, x: w.node("Mul", w.node("Mul", x, w.node("Add", w.node("Erf", w.node("Div", x, np.float32(2**0.5))),
                                                                       np.float32(1))), np.float32(0.5)),
    "gelu": lambda w, x: w.node("Gelu", x),
    "gelu by tanh": lambda w, x: w.node("Gelu", x, approximate="tanh"),
    "mish": lambda w, x: w.node("Mish", x),
    "square": lambda w, x: w.node("Pow", x, np.float32(2)),
    "cube": lambda w, x: w.node("Pow", x, np.float32(3)),
    "leaky of halves": lambda w, x: w.node("Add", w.node("Relu", x), w.node("Mul", w.node("Relu", w.node("Neg", x)), BEND)),
    "leaky by a maximum": lambda w, x: w.node("Max", x, w.node("Mul", x, np.float32(0.1))),
    "bounds": lambda w, x: w.node("Min", w.node("Max", x, np.float32(-1)), np.float32([[[1]], [[2]], [[3]]])),
    "root": lambda w, x: w.node("Sqrt", w.node("Relu", x)),
    "sign": lambda w, x: w.node("Sign", x),
    "softsign": lambda w, x: w.node("Softsign", x),
    "quotient": lambda w, x: w.node("Div", x, w.node("Add", w.node("Abs", x), np.float32(1))),
    "reciprocal": lambda w, x: w.node("Div", np.float32(1), w.node("Add", w.node("Relu", x), np.float32(1))),
    "steps": lambda w, x: w.node("ThresholdedRelu", x, alpha=0.5),
    "celu": lambda w, x: w.node("Celu", x, alpha=1.0),
    "mean": lambda w, x: w.node("Mean", w.node("Relu", x), x),
}


def behind_a_convolution(function, bits, scale=0.125, quantised=True):
    """A model of ``function`` on the sums of ``bits``-bit values, and inputs for it."""
    rng = np.random.default_rng(bits)
    w = Writer((2, 6, 6), opset=20)
    x = w.quant("x", 2.0 ** (1 - bits), bits=bits)
    x = w.node("Conv", x, w.quant(np.float32(rng.normal(0, 0.6, (3, 2, 3, 3))), 2.0 ** (2 - bits), bits=bits))
    x = FUNCTIONS[function](w, w.batch_norm(x, [1, -0.5, 0.75], [0, 0.3, 0], [0.1, 0.5, 0], [1, 1, 2]))
    return w.model(w.quant(x, scale, bits=6) if quantised else x), np.float32(rng.uniform(-1, 1, (6, 1, 2, 6, 6)))


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions(tmp_path, function, bits):
    model, inputs = behind_a_convolution(function, bits)
    onnx.save(model, tmp_path / "m.onnx")
    report = evaluate(load_network(tmp_path / "m.onnx"), {"inputs": np.concatenate(inputs), "outputs": execute(model, inputs)})
    assert report.mismatching_values == 0
    assert len(np.unique(report.outputs)) > 1


def test_a_function_of_two_branches_at_the_end_is_the_hosts(tmp_path):
    model, inputs = behind_a_convolution("silu", 4, quantised=False)
    onnx.save(model, tmp_path / "m.onnx")
    save(load_network(tmp_path / "m.onnx"), tmp_path / "kept")
    report = evaluate(load(tmp_path / "kept"), {"inputs": np.concatenate(inputs), "outputs": execute(model, inputs)})
    assert report.mismatching_values == 0


def test_more_runs_than_a_table_holds(tmp_path):
    w = Writer((2, 6, 6))
    x = w.node("Conv", w.quant("x", bits=8), w.quant(np.float32(np.full((3, 2, 3, 3), 99)), bits=8))
    w.node("Abs", x, name="bent")
    onnx.save(w.model(w.quant(w.nodes[-1].output[0], 16.0, bits=8, signed=0)), tmp_path / "m.onnx")
    with pytest.raises(UserError, match=r"comes through Abs \(node bent\).*256 runs"):
        load_network(tmp_path / "m.onnx")
