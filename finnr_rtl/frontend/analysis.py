"""Scaled-integer analysis: walks a model's nodes in order and gives every tensor its value."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from onnx.reference import ReferenceEvaluator

from finnr_rtl.datatypes import DataType, uint
from finnr_rtl.errors import UserError
from finnr_rtl.frontend import (  # noqa: F401 - they register operators
    combine,
    convolution,
    elementwise,
    integer_operators,
    linear,
    matrix,
    outputs,
    pool,
    quantise,
    relabel,
    reorder,
)
from finnr_rtl.frontend.builder import Builder, Source
from finnr_rtl.frontend.graph import Graph, Node, read
from finnr_rtl.frontend.inputs import input_rule
from finnr_rtl.frontend.operators import OPERATORS, supported
from finnr_rtl.frontend.remedies import remedy
from finnr_rtl.frontend.values import Constant, Stream
from finnr_rtl.network.layers import Layer
from finnr_rtl.network.network import Network
from finnr_rtl.network.pruning import pruned

__all__ = ["Findings", "examine", "load_network"]

# Bounds and thresholds may be infinite; nothing else may.
_MAY_BE_INFINITE = ("Clip", "MultiThreshold")


@dataclass(eq=False)
class Findings:
    """What an analysis that does not stop at the first problem found.

    ``layers`` names, by node, the layers that the node added or changed; ``notes`` tells, by node, what its user should know.
    ``problems`` holds one sentence each. ``network`` is None where there are problems.
    """

    graph: Graph
    layers: dict[str, tuple[str, ...]]
    notes: dict[str, str]
    problems: list[str]
    network: Network | None


def load_network(path: str | Path, input_type: str | None = None, input_scale: float | None = None) -> Network:
    """Read the quantised ONNX model at ``path`` and give the network of integer layers that computes the same, without the channels that
    make no difference (:mod:`finnr_rtl.network.pruning`).

    ``input_type`` (BIPOLAR, TERNARY, INTn or UINTn) and ``input_scale`` override what the inputs' integers are and stand for;
    without them the model decides: see ``source`` of ``Network.inputs``. Raises ``UserError`` where the file cannot be read or a
    node not be built.
    """
    return _Analysis(_read(path), input_type, input_scale, None).network()


def examine(path: str | Path, input_type: str | None = None, input_scale: float | None = None) -> Findings:
    """Analyse the model at ``path`` as :func:`load_network` does, but go on behind a problem, and tell which layers each node became.

    Raises ``UserError`` only where the file cannot be read at all.
    """
    graph = _read(path)
    problems: list[str] = []
    analysis = _Analysis(graph, input_type, input_scale, problems)
    network = None
    try:
        network = analysis.network()
    except UserError as error:
        problems.append(str(error))
    return Findings(graph, analysis.touched, analysis.notes, problems, None if problems else network)


def _read(path: str | Path) -> Graph:
    graph = read(path)
    if not graph.inputs:
        raise UserError(f"{graph.file}: has no input that is not a constant; at least one is needed")
    return graph


class _Unknown:
    """The value of a tensor behind a problem."""


class _Analysis:
    """The walk over a graph. With ``problems`` given, refusals are collected there, and what lies behind them is left out."""

    def __init__(self, graph: Graph, input_type: str | None, input_scale: float | None, problems: list[str] | None):
        self.graph, self.problems = graph, problems
        self.override = input_type, input_scale
        self.values: dict = {"": None}
        self.touched: dict[str, tuple[str, ...]] = {}
        self.notes: dict[str, str] = {}

    def network(self) -> Network:
        # Models hold values such as a zero padding constant divided by zero only in parts that are never used.
        with np.errstate(all="ignore"):
            return self._network()

    def _network(self) -> Network:
        graph, values = self.graph, self.values
        for name, array in graph.constants.items():
            values[name] = _annotated(array, graph.annotations.get(name, ""))
        waiting = []
        for node in graph.nodes:
            if self._constant(node):
                self._attempt(node, None)
            else:
                waiting.append(node)
        if self.problems is None:
            _refuse_unknown(graph, waiting, values)
        sources = {tensor.name: Source(tensor, input_rule(graph, tensor, values, *self.override)) for tensor in graph.inputs}
        builder = Builder(graph, sources)
        self.notes = builder.notes
        values.update((name, builder.input_stream(name)) for name in sources)
        for node in waiting:
            before = dict(builder.layers)
            self._attempt(node, builder)
            self.touched[node.name] = tuple(name for name, layer in builder.layers.items() if before.get(name) is not layer)
        return self._finished(builder)

    def _constant(self, node: Node) -> bool:
        return all(isinstance(self.values.get(name, node), Constant | None) for name in node.inputs)

    def _attempt(self, node: Node, builder: Builder | None) -> None:
        """Give the node's outputs their values."""
        if any(isinstance(self.values[name], _Unknown) for name in node.inputs):
            self.values.update(dict.fromkeys(node.outputs, _Unknown()))
            return
        try:
            _store(node, self.values, self._result(node, builder), builder.uses if builder else None)
        except UserError as error:
            if self.problems is None:
                raise
            self.problems.append(str(error))
            self.values.update(dict.fromkeys(node.outputs, _Unknown()))

    def _result(self, node: Node, builder: Builder | None):
        inputs = [self.values[name] for name in node.inputs]
        if self._constant(node):
            return _folded(self.graph, node, self.values)
        if node.op == "Shape":
            return _shape(inputs[0], node)
        if node.op not in OPERATORS:
            raise node.error(f"this operator is not supported{remedy(node.op)}")
        _check_finite(node, inputs)
        return _handled(node, inputs, builder)

    def _finished(self, builder: Builder) -> Network | None:
        graph, values = self.graph, self.values
        ports = []
        for name in graph.outputs:
            if isinstance(values[name], Constant):
                raise UserError(f"{graph.file}: output {name} does not depend on the input")
            if not isinstance(values[name], _Unknown):
                ports.append(outputs.output_port(name, values[name], builder))
        if self.problems:
            return None
        if not builder.layers:
            raise UserError(f"{graph.file}: nothing in it needs a layer: no matrix, pool or quantiser behind the input")
        producers = {port.layer for port in ports}
        layers = _needed(builder, producers)
        for name in builder.sources:
            if name not in producers:
                raise UserError(f"{graph.file}: no output depends on input {name}; remove it")
        return pruned(Network(graph.name, tuple(source.port() for source in builder.sources.values()), layers, tuple(ports)))


def _needed(builder: Builder, names: set[str]) -> tuple[Layer, ...]:
    """The layers that ``names`` depend on, in topological order; ``names`` is completed by all that they depend on."""
    kept = []
    for layer in reversed(builder.layers.values()):
        if layer.name in names:
            names.update(layer.inputs)
            kept.append(layer)
    return tuple(reversed(kept))


def _annotated(array: np.ndarray, note: str) -> Constant:
    """A stored constant; integers where the model annotates it with an integer type that holds it."""
    try:
        dtype = uint(1) if note == "BINARY" else DataType(note)
    except ValueError:
        return Constant(array)
    if not np.array_equal(array, np.round(array)) or not dtype.allows(array.astype(np.int64)):
        return Constant(array)
    return Constant(array, array.astype(np.int64), np.broadcast_to(np.float64(1), array.shape), dtype)


def _store(node: Node, values: dict, result, uses: dict | None = None) -> None:
    results = result if isinstance(result, tuple) else (result,)
    for name in node.outputs[len(results) :]:
        if uses and name in uses:
            raise node.error(f"its output {name} is used, which is not supported; only its main output is")
    for name, value in zip(node.outputs, results, strict=False):
        if isinstance(value, Stream) and uses.get(name, 0) != 1:
            value = replace(value, sole=False)
        values[name] = value


def _handled(node: Node, inputs: list, builder: Builder | None):
    """What the operator's handler makes of the node; attributes and shapes that no valid model has are the user's to mend."""
    try:
        return OPERATORS[node.op].handler(node, inputs, builder)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise node.error(f"its attributes or inputs are not valid ({error}); export the model again") from error


def _check_finite(node: Node, inputs: list) -> None:
    for name, value in zip(node.inputs, inputs, strict=True):
        if isinstance(value, Constant) and value.integers is None and value.value.dtype.kind == "f":
            bad = np.isnan(value.value) if node.op in _MAY_BE_INFINITE else ~np.isfinite(value.value)
            if np.any(bad):
                raise node.error(f"its constant {name} holds NaN or infinite values; train or export it again")


def _folded(graph: Graph, node: Node, values: dict) -> tuple:
    """Values of a node all of whose inputs are constant."""
    inputs = [values[name] for name in node.inputs]
    _check_finite(node, inputs)
    entry = OPERATORS.get(node.op)
    if entry is not None and entry.constants:
        return (_handled(node, inputs, None),)
    feeds = {name: value.value for name, value in zip(node.inputs, inputs, strict=True) if value is not None}
    try:
        results = ReferenceEvaluator(node.proto, opsets={"": graph.opset}).run(None, feeds)
    except Exception as error:
        raise node.error(f"has only constant inputs but cannot be computed ({error}); simplify the model before export") from None
    return tuple(Constant(np.asarray(result)) for result in results)


def _shape(value, node: Node) -> Constant:
    shape = value.order.shape if isinstance(value, Stream) else value.shape
    return Constant(np.array(shape[node.get("start", 0) : node.get("end", None)], dtype=np.int64))


def _refuse_unknown(graph: Graph, nodes: list[Node], values: dict) -> None:
    """Name all nodes on streams that have no handler, at once."""
    shapes = set()  # tensors computed from shapes alone, which are constants once the input is known
    unknown = []
    for node in nodes:
        constant = all(name in shapes or isinstance(values.get(name, node), Constant | None) for name in node.inputs)
        if node.op == "Shape" or constant:
            shapes.update(node.outputs)
        elif node.op not in OPERATORS:
            unknown.append(f"{node.name} ({node.op}){remedy(node.op)}")
    if unknown:
        known = ", ".join(name for name, _ in supported())
        raise UserError(
            f"{graph.file}: {len(unknown)} node(s) cannot be built: {', '.join(unknown)}; supported operators are {known}, "
            "and any operator on constants"
        )
