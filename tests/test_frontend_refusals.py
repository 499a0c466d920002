"""What cannot be built is refused with one sentence that names the place and the remedy."""

import numpy as np
import onnx
import pytest
from graphs import Writer
from onnx import TensorProto, helper

from finnr_rtl.errors import UserError
from finnr_rtl.frontend import load_network


@pytest.fixture
def refused(tmp_path):
    """Load a model (or raw bytes) and give the error's text, after checking that it is one line that names the file."""

    def refusal(content, *args):
        path = tmp_path / "bad.onnx"
        path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
        with pytest.raises(UserError) as caught:
            load_network(path, *args)
        text = str(caught.value)
        assert "\n" not in text
        return text

    return refusal


def dense(w, x, values=None, **weights):
    values = np.ones((w.shape[-1], 2)) if values is None else values
    return w.node("MatMul", x, w.quant(np.float32(values), **weights), name="dense")


def simple(**kwargs):
    w = Writer((4,), **kwargs)
    return w.model(dense(w, w.quant("x")))


def test_files_that_are_no_models(refused, tmp_path):
    whole = simple().SerializeToString()
    for content in (b"", b"hello, this is text", whole[: len(whole) // 2], whole[:-3], bytes(range(256)) * 9):
        assert "bad.onnx" in refused(content)
    with pytest.raises(UserError, match="there is no such file"):
        load_network(tmp_path / "missing.onnx")


def test_opsets(refused):
    assert "opset 8" in refused(simple(opset=8))
    assert f"opset 999, IR version 8, but opset 9 to {onnx.defs.onnx_opset_version()}" in refused(simple(opset=999))
    model = simple()
    model.ir_version = 99
    assert "IR version 99" in refused(model)
    del model.opset_import[0]
    assert "not stated" in refused(model)


def test_missing_external_data(refused, tmp_path):
    model = simple()
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    assert load_network(tmp_path / "m.onnx").layers
    (tmp_path / "m.data").unlink()
    with pytest.raises(UserError, match="external data"):
        load_network(tmp_path / "m.onnx")


def test_shapes(refused):
    model = simple()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "length"
    assert "dimension 1 of input x is dynamic" in refused(model)
    w = Writer(())
    assert "a batch dimension and at least one more" in refused(w.model(w.node("Relu", "x")))
    w = Writer((3,))
    assert "element type" in refused(w.model(w.node("Relu", "x"), element=TensorProto.INT64))


def test_every_unknown_node_is_named_with_what_is_known(refused):
    w = Writer((2, 4, 4))
    x = w.node("LpNormalization", w.quant("x"), name="unit")
    text = refused(w.model(w.node("Sin", x, name="wave")))
    assert "2 node(s)" in text
    assert "unit (LpNormalization) (its statistics are of the data itself; use BatchNormalization" in text
    assert "wave (Sin)" in text
    assert "MultiThreshold" in text


def test_numbers_that_are_none(refused):
    w = Writer((4,))
    assert "(Quant)" in (text := refused(w.model(dense(w, w.quant("x"), np.full((4, 2), np.nan)))))
    assert "NaN" in text
    w = Writer((4,))
    x = w.batch_norm(dense(w, w.quant("x")), [np.inf, 1], [0, 0], [0, 0], [1, 1])
    assert "BatchNormalization" in refused(w.model(w.quant(x)))
    w = Writer((4,))
    assert "variance" in refused(w.model(w.batch_norm(dense(w, w.quant("x")), [1, 1], [0, 0], [0, 0], [1, -1])))


def test_float_weights_and_scales(refused):
    w = Writer((4,))
    text = refused(w.model(w.node("MatMul", w.quant("x"), np.float32(np.full((4, 2), 0.3)), name="dense")))
    assert "node dense (MatMul): its weights are float" in text
    w = Writer((2,))
    x = w.quant(dense(w, w.quant("x")), [[0.5, 0.3]])
    assert "no whole multiples" in refused(w.model(w.node("MatMul", x, w.quant(np.float32(np.ones((2, 2)))))))
    w = Writer((2,))
    assert "scale must be finite and not zero" in refused(w.model(dense(w, w.quant("x"), scale=0)))
    w = Writer((2,))
    assert "zero point is not a whole number" in refused(w.model(dense(w, w.quant("x"), zero_point=0.5)))
    w = Writer((2,))
    assert "scale is negative" in refused(w.model(w.quant(dense(w, w.quant("x")), -0.5)))


def test_quantisers(refused):
    w = Writer((2,))
    assert "rounding mode SIDEWAYS" in refused(w.model(dense(w, w.quant("x"), rounding="SIDEWAYS")))
    w = Writer((2,))
    assert "more than 256 (8 bits)" in refused(w.model(w.quant(dense(w, w.quant("x")), 0.3, bits=9, rounding="UP")))
    w = Writer((2,))
    assert "bit width of 40" in refused(w.model(dense(w, w.quant("x"), bits=40)))
    w = Writer((2,))
    assert "single value" in refused(w.model(dense(w, w.quant("x"), bits=1, signed=0, narrow=1)))
    w = Writer((2,))
    x = w.node("MultiThreshold", dense(w, w.quant("x")), np.float32([[0, 1]]), out_dtype="FLOAT32")
    assert "FLOAT32" in refused(w.model(x))


def test_layers_behind_what_is_no_integer(refused):
    w = Writer((2,))
    x = w.node("Sigmoid", dense(w, w.quant("x", bits=16)), name="act")
    text = refused(w.model(w.node("MatMul", x, w.quant(np.float32(np.eye(2))), name="second")))
    assert "node second" in text
    assert "Sigmoid (node act)" in text
    w = Writer((2,))
    x = w.node("Softmax", dense(w, w.quant("x")))
    assert "only the host" in refused(w.model(w.quant(x)))


def test_limits_of_operators(refused):
    w = Writer((4, 5, 5))
    x = w.node("Conv", w.quant("x"), w.quant(np.float32(np.ones((4, 1, 3, 3)))), group=2, name="depthwise")
    assert "node depthwise (Conv): weights of shape (4, 1, 3, 3) in 2 group(s)" in refused(w.model(x))
    w = Writer((2, 2, 2))
    x = w.node("Conv", w.quant("x"), w.quant(np.float32(np.ones((1, 2, 3, 3)))))
    assert "does not fit" in refused(w.model(x))
    w = Writer((2,))
    x = w.node("Add", dense(w, w.quant("x"), scale=0.3), dense(w, w.quant("x"), scale=1e-8), name="both")
    assert "too far apart" in refused(w.model(dense(w, x)))
    w = Writer((2,))
    x = w.quant("x")
    assert "one stream by another" in refused(w.model(w.node("Div", dense(w, x), dense(w, x))))
    w = Writer((2,))
    assert "by zero" in refused(w.model(w.node("Div", dense(w, w.quant("x")), np.float32(0))))
    w = Writer((2,))
    assert "does not fit a stream" in refused(w.model(w.node("Add", dense(w, w.quant("x")), np.zeros((1, 3), np.float32))))
    w = Writer((1, 3, 3))
    x = w.node("Neg", w.quant("x"))
    assert "quantise before pooling" in refused(w.model(w.node("MaxPool", x, kernel_shape=[2, 2])))
    w = Writer((2, 4, 4))
    x = w.node("Conv", w.quant("x"), w.quant(np.float32(np.ones((3, 2, 1, 1)))))
    x = w.reshape(w.node("Transpose", w.quant(x), perm=[0, 2, 3, 1]), [1, 3, 4, 4])
    assert "mixes pixels and channels" in refused(w.model(w.node("Conv", x, w.quant(np.float32(np.ones((1, 3, 1, 1)))))))


def test_invalid_attributes_and_secondary_outputs(refused):
    w = Writer((2, 3))
    assert "not valid" in refused(w.model(w.node("Transpose", w.quant("x"), perm=[0, 5, 1])))
    w = Writer((1, 4, 4))
    _, places = w.node("MaxPool", w.quant("x"), outputs=2, kernel_shape=[2, 2])
    assert "only its main output" in refused(w.model(places))


def test_zero_that_no_integer_stands_for(refused):
    w = Writer((1, 4, 4))
    x = w.node("Add", w.quant("x", 0.5), np.float32(0.2))
    x = w.node("Conv", x, w.quant(np.float32(np.ones((1, 1, 3, 3)))), pads=[1] * 4, name="padded")
    assert "node padded" in (text := refused(w.model(x)))
    assert "zero on the grid" in text


def test_networks_without_layers_inputs_or_order(refused):
    w = Writer((2,))
    assert "nothing in it needs a layer" in refused(w.model(w.quant("x")))
    w = Writer((2,))
    w.node("Relu", "x")
    assert "does not depend on the input" in refused(w.model(w.node("Abs", np.float32([1]))))
    model = simple()
    model.graph.input.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2]))
    assert "no output depends on input y" in refused(model)
    model = simple()
    model.graph.node[-1].input[0] = "nowhere"
    assert "nowhere" in refused(model)


def test_input_overrides(refused):
    assert "FLOAT" in refused(simple(), "FLOAT16")
    assert "at most 32 bits" in refused(simple(), "INT40")
    assert "positive" in refused(simple(), "INT8", -1.0)
