"""A network of integer layers, with what links its integers to the model's real numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from finnr_rtl.datatypes import DataType
from finnr_rtl.network.layer import Layer, Shape

__all__ = ["InputPort", "Network", "OutputPort"]


@dataclass(frozen=True, eq=False)
class InputPort:
    """The accelerator's input: integers ``q`` of type ``dtype`` in a map of ``shape``, standing for ``scale * (q - zero_point)``.

    ``model_shape`` is the model's own shape without the batch; ``order[m]`` is where in the row-major map of its frame the model's element
    m goes. ``rounding`` is a mode of QONNX, or LINEAR: to even, before the zero point is added. ``source`` says in one sentence
    why the type is what it is. Values are clipped to [``low``, ``high``], which lie within the type; by default they are its
    own bounds.
    """

    name: str
    model_shape: tuple[int, ...]
    order: np.ndarray
    shape: Shape
    dtype: DataType
    scale: float
    zero_point: int = 0
    rounding: str = "ROUND"
    source: str = ""
    low: int | None = None
    high: int | None = None

    def __post_init__(self):
        object.__setattr__(self, "low", self.dtype.min if self.low is None else self.low)
        object.__setattr__(self, "high", self.dtype.max if self.high is None else self.high)


@dataclass(frozen=True, eq=False)
class OutputPort:
    """The accelerator's output and how the host turns it into the model's output.

    The integers of layer ``layer`` are gathered by ``order`` (model element m is at ``order[m]`` of the row-major map), become
    ``scale * q + bias`` (each scalar or one value per model element; computed in float64, rounded to float32), are shaped to
    ``model_shape`` and passed through ``tail``, a list of named host functions with their arguments (empty for most networks).
    """

    name: str
    layer: str
    model_shape: tuple[int, ...]
    order: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    tail: tuple[dict, ...] = ()


@dataclass(frozen=True, eq=False)
class Network:
    """``layers`` in topological order between the ports.

    ``inputs`` and ``outputs`` are tuples of ports; a single port may be given as it is; :attr:`input` and
    :attr:`output` give it. ``dropped`` tells how many channels of a layer are left out (see :mod:`finnr_rtl.network.pruning`). Maps hold
    ``batch`` frames, one behind the other (see :mod:`finnr_rtl.network.batch`); what the ports say of the
    model's tensors is said of each.
    """

    name: str
    inputs: tuple[InputPort, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[OutputPort, ...]
    batch: int = 1
    dropped: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self):
        for side, kind in (("inputs", InputPort), ("outputs", OutputPort)):
            ports = getattr(self, side)
            object.__setattr__(self, side, (ports,) if isinstance(ports, kind) else tuple(ports))

    @property
    def input(self) -> InputPort:
        """The only input. Raises ``ValueError`` where there are several."""
        return _only(self.inputs, "inputs")

    @property
    def output(self) -> OutputPort:
        """The only output. Raises ``ValueError`` where there are several."""
        return _only(self.outputs, "outputs")

    def execute(self, q: np.ndarray | Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Every layer's result by name; the inputs' own integers are there too.

        ``q`` holds integers (batches, \\*input.shape) of the only input, or an array for each input by name. A map taken as a
        vector (or the other way round) keeps its row-major order.
        """
        given = q if isinstance(q, Mapping) else {self.input.name: q}
        results = {port.name: np.asarray(given[port.name], dtype=np.int64) for port in self.inputs}
        for layer in self.layers:
            sources = zip(layer.inputs, layer.input_shapes, strict=True)
            results[layer.name] = layer.reference(*(results[name].reshape(-1, *shape) for name, shape in sources))
        return results

    def by_frame(self, q: np.ndarray) -> np.ndarray:
        """Integers (batches, \\*map) of a layer or an input as (frames, values), the map of each frame row by row."""
        return q.reshape(len(q) * self.batch, -1)

    def shape_of(self, producer: str) -> Shape:
        """The map that a layer or an input gives."""
        found = {port.name: port.shape for port in self.inputs} | {layer.name: layer.output_shape for layer in self.layers}
        return found[producer]

    def type_of(self, producer: str) -> DataType:
        """The type of a layer's or an input's integers."""
        found = {port.name: port.dtype for port in self.inputs} | {layer.name: layer.output_type for layer in self.layers}
        return found[producer]

    @property
    def operations(self) -> int:
        """Operations per batch."""
        return sum(layer.operations for layer in self.layers)

    @property
    def parameters(self) -> int:
        """Weights, thresholds and other constants of all layers."""
        return sum(layer.parameters for layer in self.layers)


def _only(ports: tuple, what: str):
    if len(ports) != 1:
        raise ValueError(f"the network has {len(ports)} {what}, one expected")
    return ports[0]
