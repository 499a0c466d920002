"""Reading an ONNX file: what the front end needs of it as plain Python and NumPy, and what makes a file unreadable."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, numpy_helper

from finnr_rtl.errors import UserError

__all__ = ["OLDEST_OPSET", "Graph", "Node", "Tensor", "read"]

OLDEST_OPSET = 9

_INPUT_TYPES = {TensorProto.FLOAT: "float32", TensorProto.UINT8: "uint8", TensorProto.INT8: "int8"}


@dataclass(frozen=True, eq=False)
class Node:
    """One operator: ``attributes`` by name (text as ``str``), tensors by name (an omitted input is empty).

    Its domain is not kept: custom operators are known by their type, since tools disagree about the domain or declare none.
    """

    file: str
    name: str
    op: str
    attributes: dict
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    proto: onnx.NodeProto

    def error(self, text: str) -> UserError:
        """The error that tells what is wrong at this node."""
        return UserError(f"{self.file}: node {self.name} ({self.op}): {text}")

    def get(self, attribute: str, default):
        """The attribute, or ``default`` where the node has none."""
        return self.attributes.get(attribute, default)


@dataclass(frozen=True)
class Tensor:
    """A graph input: its shape with the batch dimension set to 1, the batch declared (0 where symbolic) and its element type."""

    name: str
    shape: tuple[int, ...]
    batch: int
    element: str


@dataclass(frozen=True, eq=False)
class Graph:
    """A model: ``nodes`` in topological order and only those that the outputs need."""

    file: str
    name: str
    opset: int
    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]
    annotations: dict[str, str]

    def uses(self) -> dict[str, int]:
        """How often each tensor's values are read (asking for its shape is not reading); being an output counts as well."""
        uses = dict.fromkeys(self.outputs, 1)
        for node in self.nodes:
            if node.op not in ("Shape", "Size"):
                for name in node.inputs:
                    uses[name] = uses.get(name, 0) + 1
        return uses


def _attributes(proto: onnx.NodeProto) -> dict:
    values = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
    return {name: value.decode(errors="replace") if isinstance(value, bytes) else value for name, value in values.items()}


def _proto(path: Path) -> onnx.ModelProto:
    if not path.is_file():
        raise UserError(f"{path}: there is no such file; give the path of an ONNX model")
    try:
        model = onnx.load(path)
    except (DecodeError, UnicodeDecodeError):
        raise UserError(f"{path}: not an ONNX file, or a truncated one; export or copy the model again") from None
    except (OSError, onnx.checker.ValidationError) as error:
        raise UserError(f"{path}: its external data cannot be read ({error}); keep the data file beside the model") from None
    if not model.graph.node or not model.graph.output:
        raise UserError(f"{path}: not an ONNX model: no operators or no outputs in it; export or copy the model again")
    return model


def _opset(path: Path, model: onnx.ModelProto) -> int:
    newest = onnx.defs.onnx_opset_version()
    version = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), None)
    if version is None or not OLDEST_OPSET <= version <= newest or model.ir_version > onnx.IR_VERSION:
        found = f"opset {version or 'not stated'}, IR version {model.ir_version}"
        legal = f"opset {OLDEST_OPSET} to {newest} and IR version up to {onnx.IR_VERSION}"
        raise UserError(f"{path}: made for {found}, but {legal} are read; export the model again")
    return version


def _input(path: Path, info: onnx.ValueInfoProto) -> Tensor:
    kind = info.type.tensor_type
    if kind.elem_type not in _INPUT_TYPES:
        raise UserError(f"{path}: input {info.name} has an element type that is not read; float32, uint8 or int8 expected")
    dims = [d.dim_value if d.HasField("dim_value") else 0 for d in kind.shape.dim]
    if len(dims) < 2:
        raise UserError(f"{path}: input {info.name} has shape {dims}; a batch dimension and at least one more expected")
    for axis, size in enumerate(dims[1:], start=1):
        if size < 1:
            raise UserError(
                f"{path}: dimension {axis} of input {info.name} is dynamic; only the batch (dimension 0) may be: "
                "export the model with a fixed input shape"
            )
    return Tensor(info.name, (1, *dims[1:]), dims[0], _INPUT_TYPES[kind.elem_type])


def _constants(path: Path, graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    constants = {}
    for tensor in graph.initializer:
        try:
            constants[tensor.name] = numpy_helper.to_array(tensor)
        except (ValueError, TypeError, OSError):
            raise UserError(f"{path}: the data of tensor {tensor.name} cannot be read; export or copy the model again") from None
    return constants


def _live(nodes: list[Node], outputs: tuple[str, ...]) -> tuple[Node, ...]:
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return tuple(reversed(kept))


def read(path: str | Path) -> Graph:
    """Read the ONNX file at ``path`` (opset 9 to the newest that the onnx package knows, external data included).

    Raises ``UserError`` where the file is missing, not ONNX, truncated, of another opset, has dynamic dimensions other than the
    batch, or has nodes that read what nothing gives.
    """
    path = Path(path)
    model = _proto(path)
    opset = _opset(path, model)
    graph = model.graph
    constants = _constants(path, graph)
    inputs = tuple(_input(path, info) for info in graph.input if info.name not in constants)
    outputs = tuple(info.name for info in graph.output)
    known = {"", *constants, *(tensor.name for tensor in inputs)}
    nodes = []
    for index, proto in enumerate(graph.node):
        name = proto.name or f"{proto.op_type}_{index}"
        node = Node(path.name, name, proto.op_type, _attributes(proto), tuple(proto.input), tuple(proto.output), proto)
        for tensor in set(node.inputs) - known:
            raise node.error(f"reads tensor {tensor}, which no node before it gives; export the model again")
        known.update(node.outputs)
        nodes.append(node)
    for tensor in set(outputs) - known:
        raise UserError(f"{path}: output {tensor} is given by no node; export the model again")
    annotations = {
        note.tensor_name: pair.value
        for note in graph.quantization_annotation
        for pair in note.quant_parameter_tensor_names
        if pair.key == "finn_datatype"
    }
    title = re.sub(r"\W+", "_", path.stem).strip("_") or "network"
    return Graph(path.name, title, opset, _live(nodes, outputs), constants, inputs, outputs, annotations)
