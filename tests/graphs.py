"""Small ONNX graphs for the tests: a writer, and a seeded generator of random quantised networks."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from finnr_rtl.network.evaluate import evaluate

CUSTOM = ("Quant", "IntQuant", "BipolarQuant", "MultiThreshold", "Trunc")
ROUNDING_MODES = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")


class Writer:
    """Collects nodes; each method gives the name of the tensor it makes."""

    def __init__(self, shape, opset=13, batch=1, domain="qonnx.custom_op.general"):
        self.shape, self.opset, self.batch, self.domain = tuple(shape), opset, batch, domain
        self.nodes, self.constants, self.count = [], [], 0

    def constant(self, value, dtype=np.float32):
        self.count += 1
        name = f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype=dtype), name))
        return name

    def node(self, op, *inputs, outputs=1, name="", **attributes):
        """Inputs are tensor names, or values that become constants."""
        names = [i if isinstance(i, str) else self.constant(i, getattr(i, "dtype", np.float32)) for i in inputs]
        self.count += 1
        results = [f"t{self.count}_{k}" for k in range(outputs)]
        domain = self.domain if op in CUSTOM else ""
        self.nodes.append(helper.make_node(op, names, results, name=name or f"{op}_{self.count}", domain=domain, **attributes))
        return results[0] if outputs == 1 else results

    def quant(self, x, scale=1.0, zero_point=0.0, bits=4, signed=1, narrow=0, rounding="ROUND", name=""):
        scale, zero_point = np.float32(scale), np.float32(zero_point)
        attributes = dict(signed=signed, narrow=narrow, rounding_mode=rounding)
        return self.node("Quant", x, scale, zero_point, np.float32(bits), name=name, **attributes)

    def batch_norm(self, x, scale, bias, mean, variance, epsilon=1e-5):
        return self.node("BatchNormalization", x, *(np.float32(v) for v in (scale, bias, mean, variance)), epsilon=epsilon)

    def reshape(self, x, shape):
        return self.node("Reshape", x, np.array(shape, dtype=np.int64))

    def model(self, output, annotations=None, element=TensorProto.FLOAT):
        inputs = [helper.make_tensor_value_info("x", element, [self.batch, *self.shape])]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "g", inputs, outputs, self.constants)
        for name, dtype in (annotations or {}).items():
            note = onnx.TensorAnnotation(tensor_name=name)
            note.quant_parameter_tensor_names.append(onnx.StringStringEntryProto(key="finn_datatype", value=dtype))
            graph.quantization_annotation.append(note)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(self.domain, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def dyadic(rng, low=-4, high=1, size=None):
    """Scales that are powers of two: with them, float sums are exact whatever their order."""
    return 2.0 ** rng.integers(low, high, size)


def weights(w, rng, shape, outputs_axis=0):
    """A random quantised weight tensor: bipolar, ternary, narrow or full range, one scale or one per output."""
    kind = rng.choice(["bipolar", "ternary", "int", "narrow", "unsigned", "offset"])
    per = [1] * len(shape)
    per[outputs_axis] = shape[outputs_axis]
    scale = dyadic(rng, size=per if rng.random() < 0.5 else None)
    values = rng.normal(0, 2, shape) * scale
    if kind == "bipolar":
        return w.node("BipolarQuant", np.float32(values), np.float32(scale))
    bits = 2 if kind == "ternary" else int(rng.integers(2, 6))
    zero_point = float(rng.integers(-2, 3)) if kind == "offset" else 0.0
    narrow = kind in ("ternary", "narrow") or (kind == "offset" and bool(rng.integers(2)))
    return w.quant(np.float32(values), scale, zero_point, bits, int(kind != "unsigned"), int(narrow), rng.choice(ROUNDING_MODES))


def activation(w, rng, x, channels, rank, exact=True):
    """A random quantiser of a stream with ``channels`` on axis 1."""
    per = [1, channels] + [1] * (rank - 2)
    kind = rng.choice(["quant", "quant", "bipolar", "thresholds"])
    if kind == "bipolar":
        return w.node("BipolarQuant", x, np.float32(dyadic(rng)))
    if kind == "thresholds":
        steps = int(rng.integers(1, 8))
        rows = np.sort(rng.normal(0, 6, (rng.choice([1, channels]), steps)), axis=1)
        layout = {"data_layout": "NCW"} if rank == 3 else {}
        attributes = dict(out_dtype="INT8", out_scale=float(dyadic(rng)), out_bias=0.0, **layout)
        return w.node("MultiThreshold", x, np.float32(rows), **attributes)
    scale = dyadic(rng, size=per if rng.random() < 0.3 else None) if exact else rng.uniform(0.05, 2)
    bits, signed = int(rng.integers(1, 5)), int(rng.integers(2))
    narrow = int(rng.integers(2)) if bits > 1 else 0
    zero_point = float(rng.integers(-2, 3)) if rng.random() < 0.2 else 0.0
    return w.quant(x, scale, zero_point, bits, signed, narrow, rng.choice(ROUNDING_MODES))


def functions(w, rng, x, channels, rank):
    """Up to three random monotone functions of each value."""
    per = [1, channels] + [1] * (rank - 2)
    kinds = ["bn", "bn", "add", "sub", "rsub", "mul", "div", "relu", "leaky", "prelu", "clip", "neg"]
    for kind in rng.choice(kinds, rng.integers(0, 4)):
        size = per if rng.random() < 0.5 else []
        value = np.float32(rng.normal(0, 2, size))
        nonzero = np.float32(rng.choice([-1, 1], size) * rng.uniform(0.3, 3, size))
        if kind == "bn":
            mean, variance = rng.normal(0, 3, channels), rng.uniform(0.2, 30, channels)
            x = w.batch_norm(x, rng.normal(0, 2, channels), rng.normal(0, 2, channels), mean, variance)
        elif kind in ("add", "mul", "div", "sub"):
            x = w.node(kind.capitalize(), x, value if kind in ("add", "sub") else nonzero)
        elif kind == "rsub":
            x = w.node("Sub", value, x)
        elif kind == "leaky":
            x = w.node("LeakyRelu", x, alpha=float(rng.uniform(0.01, 0.5)))
        elif kind == "prelu":
            x = w.node("PRelu", x, np.float32(rng.uniform(0.01, 0.5, [channels] + [1] * (rank - 2))))
        elif kind == "clip":
            low, high = np.float32(-rng.uniform(0, 3)), np.float32(rng.uniform(0, 9))
            x = w.node("Clip", x, min=low, max=high) if w.opset < 11 else w.node("Clip", x, low, high)
        else:
            x = w.node({"relu": "Relu", "neg": "Neg"}[kind], x)
    return x


def max_pool(w, rng, x, size):
    """A pool of two by two (two, in one dimension) and the sizes behind it."""
    stride, pads = int(rng.integers(1, 3)), int(rng.integers(2))
    x = w.node("MaxPool", x, kernel_shape=[2] * len(size), strides=[stride] * len(size), pads=[pads] * (2 * len(size)))
    return x, [(n + 2 * pads - 2) // stride + 1 for n in size]


def random_network(seed):
    """A random feed-forward network (ONNX model) and three random inputs for it.

    Convolutions with any window, pools, dense layers, every quantiser and rounding mode, falling and rising functions. All scales
    before the last quantiser are powers of two, so the float graph has one result whatever the order of its sums.
    """
    rng = np.random.default_rng(seed)
    rank = int(rng.choice([2, 3, 4], p=[0.2, 0.2, 0.6]))
    channels = int(rng.integers(1, 5))
    size = [int(rng.integers(5, 10)) for _ in range(rank - 2)]
    w = Writer((channels, *size), int(rng.choice([9, 11, 13, 17])))
    signed = int(rng.integers(2))
    scale = float(dyadic(rng))
    if rng.random() < 0.2:
        x = w.node("BipolarQuant", "x", np.float32(scale))
    else:
        x = w.quant("x", scale, 0.0, int(rng.integers(2, 9)), signed, 0, rng.choice(ROUNDING_MODES))
    for _ in range(int(rng.integers(1, 3)) if rank > 2 else 0):
        outputs = int(rng.integers(1, 6))
        kernel = [int(rng.integers(1, min(n, 3) + 1)) for n in size]
        dilation = [int(rng.integers(1, 3)) if 2 * k - 1 <= n else 1 for k, n in zip(kernel, size, strict=True)]
        stride = [int(rng.integers(1, 3)) for _ in size]
        span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        attributes = dict(kernel_shape=kernel, strides=stride, dilations=dilation)
        if rng.random() < 0.25 and max(dilation) == 1:
            attributes["auto_pad"] = str(rng.choice(["SAME_UPPER", "SAME_LOWER", "VALID"]))
            same = attributes["auto_pad"] != "VALID"
            size = [-(-n // s) if same else (n - p) // s + 1 for n, s, p in zip(size, stride, span, strict=True)]
        else:
            pads = [int(rng.integers(0, 2)) for _ in range(2 * len(size))]
            attributes["pads"] = pads
            size = [(n + a + b - p) // s + 1
                    for n, a, b, p, s in zip(size, pads[: len(size)], pads[len(size) :], span, stride, strict=True)]
        bias = [np.float32(rng.integers(-8, 8, outputs) / 4)] if rng.random() < 0.5 else []
        x = w.node("Conv", x, weights(w, rng, (outputs, channels, *kernel)), *bias, **attributes)
        channels = outputs
        pool = str(rng.choice(["none", "before", "behind"])) if min(size) >= 2 else "none"
        if pool == "before":
            x, size = max_pool(w, rng, x, size)
        x = functions(w, rng, x, channels, rank)
        x = activation(w, rng, x, channels, rank)
        if pool == "behind":
            x, size = max_pool(w, rng, x, size)
    features = channels * int(np.prod(size))
    if rank > 2:
        x = w.node("Flatten", x) if rng.random() < 0.5 else w.reshape(x, [1, -1])
    for _ in range(int(rng.integers(1, 3))):
        outputs = int(rng.integers(2, 7))
        if rng.random() < 0.5:
            x = w.node("MatMul", x, weights(w, rng, (features, outputs), 1))
        else:
            turned = int(rng.integers(2))
            shape = (outputs, features) if turned else (features, outputs)
            bias = np.float32(rng.integers(-8, 8, outputs) / 4)
            x = w.node("Gemm", x, weights(w, rng, shape, 1 - turned), bias, transB=turned, alpha=2.0, beta=0.5)
        features = outputs
        x = functions(w, rng, x, features, 2)
        x = activation(w, rng, x, features, 2)
    if rng.random() < 0.5:
        x = w.node("MatMul", x, weights(w, rng, (features, 4), 1))
        if rng.random() < 0.5:
            x = activation(w, rng, functions(w, rng, x, 4, 2), 4, 2, exact=False)
    return w.model(x), np.float32(rng.normal(0, 4 * scale, (3, 1, *w.shape)))


def execute(model, inputs):
    """Outputs (samples, ...) of another executor (qonnx with onnxruntime) for inputs (samples, 1, ...)."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    wrapper = ModelWrapper(model, make_deepcopy=True).transform(InferShapes())
    name = model.graph.output[0].name
    return np.concatenate([execute_onnx(wrapper, {"x": x})[name] for x in inputs])


def agree(network, model, inputs):
    """Outputs of ``network`` and of ``model`` in the other executor, for inputs (samples, 1, ...); asserts that none differs."""
    expected = execute(model, np.float32(inputs))
    report = evaluate(network, {"inputs": np.concatenate(np.float32(inputs)), "outputs": expected})
    assert report.mismatching_values == 0
    return report.outputs


def kinds(network):
    """Names of the types of layers, in order."""
    return [type(layer).__name__ for layer in network.layers]
