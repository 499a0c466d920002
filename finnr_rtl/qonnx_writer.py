"""Writing QONNX graphs node by node: what the training script of ``examples/`` and the zoo share."""

from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["GraphWriter"]

# Opset 13 and IR version 8 are what Brevitas and the QONNX tools wrote for years: every reader of QONNX takes them.
_OPSET = 13
_IR_VERSION = 8
_QONNX_DOMAIN = "qonnx.custom_op.general"


class GraphWriter:
    """One graph with one input and one output, both float32 with a batch of 1.

    Every method that adds a node takes tensor names and returns the name of its result; ``shapes`` holds the shape of every
    tensor, batch included. Nodes and tensors are named after their operator and a running number (``Conv_3``, ``Conv_3_out``).
    """

    def __init__(self, name: str, input_shape: tuple[int, ...]):
        self.name = name
        self.input = "global_in"
        self.shapes = {self.input: tuple(input_shape)}
        self._nodes = []
        self._constants = []
        self._counts = {}

    def constant(self, values, name: str) -> str:
        """A constant tensor; float32 unless ``values`` are integers, which become int64."""
        values = np.asarray(values)
        values = values.astype(np.int64 if np.issubdtype(values.dtype, np.integer) else np.float32)
        self._constants.append(numpy_helper.from_array(values, name))
        self.shapes[name] = values.shape
        return name

    def _add(self, op: str, x: str, shape, parameters=(), domain: str = "", **attributes) -> str:
        number = self._counts.get(op, 0)
        self._counts[op] = number + 1
        node = f"{op}_{number}"
        inputs = [x, *(p if isinstance(p, str) else self.constant(p, f"{node}_param{i}") for i, p in enumerate(parameters))]
        result = f"{node}_out"
        self._nodes.append(helper.make_node(op, inputs, [result], name=node, domain=domain, **attributes))
        self.shapes[result] = tuple(shape)
        return result

    def quant(self, x: str, bits: int, scale, signed: bool, narrow: bool = False, rounding: str = "ROUND") -> str:
        """Uniform quantiser without zero point. ``scale`` is one number or broadcasts per channel; ``rounding`` "ROUND" is to the nearest,
        ties to even, "FLOOR" down."""
        parameters = [np.asarray(scale, np.float32), np.float32(0), np.float32(bits)]
        attributes = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": rounding}
        return self._add("Quant", x, self.shapes[x], parameters, _QONNX_DOMAIN, **attributes)

    def bipolar_quant(self, x: str, scale: float = 1.0) -> str:
        """Sign as -scale or +scale (zero counts as positive)."""
        return self._add("BipolarQuant", x, self.shapes[x], [np.float32(scale)], _QONNX_DOMAIN)

    def conv(self, x: str, weights: str, stride: int = 1, pad: int = 0, groups: int = 1) -> str:
        """Convolution by the tensor ``weights`` (outputs, inputs / groups, rows, columns), with ``pad`` zeros all round."""
        outputs, _, *kernel = self.shapes[weights]
        size = [(n + 2 * pad - k) // stride + 1 for n, k in zip(self.shapes[x][2:], kernel, strict=True)]
        attributes = {"kernel_shape": kernel, "strides": [stride] * 2, "pads": [pad] * 4, "dilations": [1, 1], "group": groups}
        return self._add("Conv", x, (1, outputs, *size), [weights], **attributes)

    def matmul(self, x: str, weights: str) -> str:
        """Product of a row (1, inputs) and the tensor ``weights`` (inputs, outputs)."""
        return self._add("MatMul", x, (1, self.shapes[weights][1]), [weights])

    def batch_norm(self, x: str, gamma, beta, mean, variance, epsilon: float = 1e-5) -> str:
        """``gamma * (x - mean) / sqrt(variance + epsilon) + beta``, each parameter of shape (channels,)."""
        return self._add("BatchNormalization", x, self.shapes[x], [gamma, beta, mean, variance], epsilon=epsilon)

    def relu(self, x: str) -> str:
        """``max(x, 0)``."""
        return self._add("Relu", x, self.shapes[x])

    def max_pool(self, x: str, kernel: int, stride: int, pads: tuple[int, int, int, int] = (0, 0, 0, 0)) -> str:
        """Maximum of square windows; ``pads`` are (top, left, bottom, right)."""
        channels, *size = self.shapes[x][1:]
        out = [(n + pads[i] + pads[i + 2] - kernel) // stride + 1 for i, n in enumerate(size)]
        attributes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": list(pads)}
        return self._add("MaxPool", x, (1, channels, *out), **attributes)

    def flatten(self, x: str) -> str:
        """Reshape to a row (1, everything)."""
        shape = (1, prod(self.shapes[x]))
        return self._add("Reshape", x, shape, [np.array(shape)])

    def multiply(self, x: str, factor) -> str:
        """Product with a constant that broadcasts."""
        return self._add("Mul", x, self.shapes[x], [np.asarray(factor, np.float32)])

    def add(self, x: str, term) -> str:
        """Sum with a constant that broadcasts."""
        return self._add("Add", x, self.shapes[x], [np.asarray(term, np.float32)])

    def finish(self, description: str = "") -> onnx.ModelProto:
        """The model whose output, ``global_out``, is the result of the node added last.

        Every node's result carries its shape, so that no reader needs shape inference through the custom operators.
        """
        last = self._nodes[-1]
        self.shapes["global_out"] = self.shapes.pop(last.output[0])
        last.output[0] = "global_out"
        tensors = [self.input, *(node.output[0] for node in self._nodes)]
        source, *inner, result = [helper.make_tensor_value_info(t, TensorProto.FLOAT, self.shapes[t]) for t in tensors]
        graph = helper.make_graph(
            self._nodes, self.name, [source], [result], self._constants, doc_string=description, value_info=inner
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_QONNX_DOMAIN, 1)]
        return helper.make_model(graph, producer_name="finnr_rtl", opset_imports=opsets, ir_version=_IR_VERSION)
