"""The network under construction: its layers, and the questions that operators ask about what stands before them."""

import re
from dataclasses import dataclass, replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.frontend.graph import Graph, Node
from finnr_rtl.frontend.inputs import InputRule
from finnr_rtl.frontend.values import Stream, revised
from finnr_rtl.network.layers import Conv, Layer, MaxPool, Shape, Threshold
from finnr_rtl.network.network import InputPort
from finnr_rtl.thresholds import Thresholds

__all__ = ["Builder", "map_order"]


def map_order(shape: Shape) -> np.ndarray:
    """Places of the elements (channel, row, column) in the row-major map of ``shape``."""
    return np.arange(np.prod(shape)).reshape(shape).transpose(2, 0, 1)


@dataclass(eq=False)
class Builder:
    """Layers found so far, in topological order, and the input as far as it is settled.

    ``batch`` is the batch that the model was exported with (constants of its graph may hold it); ``uses`` counts the readers of
    each tensor.
    """

    graph: Graph
    rule: InputRule

    def __post_init__(self):
        self.layers: dict[str, Layer] = {}
        self.tensor = self.graph.inputs[0]
        self.batch = self.tensor.batch
        self.uses = self.graph.uses()
        self.input_order: np.ndarray | None = None
        self.input_shape: Shape | None = None

    def input_stream(self) -> Stream:
        """The network's input, before any layer has said how its elements travel."""
        shape = self.tensor.shape
        size = int(np.prod(shape))
        scale, bias = np.float64(self.rule.scale), np.float64(0.0 - self.rule.scale * self.rule.zero_point)
        order = np.arange(size).reshape(shape)
        sole = self.uses.get(self.tensor.name, 0) == 1
        low, high = self.rule.low, self.rule.high
        return Stream(self.tensor.name, (1, 1, size), order, scale, bias, low, high, sole=sole, raw=True)

    def input_port(self) -> InputPort:
        rule, tensor = self.rule, self.tensor
        return InputPort(
            tensor.name, tensor.shape[1:], self.input_order, self.input_shape, rule.dtype, float(rule.scale), rule.zero_point,
            rule.rounding, rule.source, rule.low, rule.high,
        )

    def layer_name(self, node: Node) -> str:
        """A name for the node's layer: the node's own, as an identifier, made unique."""
        stem = re.sub(r"\W+", "_", node.name).strip("_") or node.op
        stem = f"{node.op}_{stem}" if stem[0].isdigit() else stem
        name, count = stem, 1
        while name in self.layers or name == self.tensor.name:
            count += 1
            name = f"{stem}_{count}"
        return name

    def type_of(self, producer: str) -> DataType:
        """Type of a producer's integers."""
        return self.rule.dtype if producer == self.tensor.name else self.layers[producer].output_type

    def add(self, layer: Layer) -> str:
        """Add a layer; its name."""
        self.layers[layer.name] = layer
        return layer.name

    # How the input travels.

    def placed(self, stream: Stream, order: np.ndarray | None = None, shape: Shape | None = None) -> Stream:
        """``stream``, the input's own order replaced by how its elements travel.

        If that is still open it becomes ``order`` in a map of ``shape`` (as the model's tensor at this place needs it), by
        default channels innermost.
        """
        if not stream.raw:
            return stream
        if self.input_order is None:
            self.input_order = np.empty(stream.order.size, dtype=np.int64)
            if order is None:
                default, self.input_shape = self._default_layout()
                self.input_order[:] = default.reshape(-1)
            else:
                self.input_order[stream.order.reshape(-1)] = order.reshape(-1)
                self.input_shape = shape
        vector = (1, 1, stream.order.size)

        def moved(argument):
            full = revised(argument, stream.shape, stream.order.size)
            if full.ndim:
                full = full[np.argsort(self.input_order)]
            return full

        chain = [replace(f, args={name: moved(value) for name, value in f.args.items()}) for f in stream.chain]
        stream = replace(
            stream, shape=vector, order=self.input_order[stream.order], scale=moved(stream.scale), bias=moved(stream.bias),
            chain=tuple(chain), raw=False,
        )
        return stream.viewed(self.input_shape) or stream

    def _default_layout(self) -> tuple[np.ndarray, Shape]:
        shape = self.tensor.shape[1:]
        channels_last = len(shape) == 3 and shape[-1] in (1, 3, 4) and shape[0] not in (1, 3, 4)
        if len(shape) in (2, 3) and not channels_last:
            rows = shape[1] if len(shape) == 3 else 1
            found = (rows, shape[-1], shape[0])
            return map_order(found), found
        found = shape if channels_last else (1, 1, int(np.prod(shape)))
        return np.arange(np.prod(shape)), found

    def as_map(self, node: Node, stream: Stream) -> Stream:
        """``stream``, a model tensor (1, channels, rows, columns) or (1, channels, length), as a map with channels innermost.

        Raises ``UserError`` where the integers do not travel so.
        """
        dims = stream.order.shape
        if len(dims) not in (3, 4) or dims[0] != 1:
            raise node.error(f"its input has shape {dims}; (1, channels, rows, columns) or (1, channels, length) expected")
        shape = (dims[2] if len(dims) == 4 else 1, dims[-1], dims[1])
        order = map_order(shape)
        stream = self.placed(stream, order, shape)
        if not np.array_equal(stream.order.reshape(order.shape), order):
            raise node.error("a reshape or transpose before it mixes pixels and channels in a way that no stream order follows")
        viewed = stream.viewed(shape)
        if viewed is None:
            raise node.error("constants before it differ from pixel to pixel, so its input has no common scale")
        return viewed

    # What stands before a quantiser.

    def risen(self, stream: Stream) -> Stream:
        """``stream`` with falling channels made to rise, where its producer is a matrix layer whose rows may be negated."""
        layer = self.layers.get(stream.producer)
        falls = stream.direction < 0
        bare = isinstance(layer, Conv) and layer.thresholds is None and layer.output_shape == stream.shape
        if not (bare and stream.sole and falls.any()):
            return stream
        fits = [layer.weight_type.allows(-row) for row in layer.weights]
        sign = np.where(falls & np.array(fits), -1, 1)
        layer = replace(layer, weights=layer.weights * sign[:, None, None, None])
        self.layers[layer.name] = layer
        low, high = layer.accumulator_range
        return replace(stream, scale=stream.scale * sign, low=low, high=high)

    def attach(self, node: Node, stream: Stream, thresholds: Thresholds) -> str:
        """Put ``thresholds`` on the integers of ``stream``: into its matrix layer if nothing else reads them, else as a layer.

        Rising functions commute with the maximum, so thresholds go through pools into the matrix layer before these; the pools
        then work on the narrower type. Gives the producer of the result.
        """
        pools, layer = [], self.layers.get(stream.producer)
        whole = layer is not None and layer.output_shape == stream.shape
        while isinstance(layer, MaxPool):
            pools.append(layer)
            layer = self.layers.get(layer.inputs[0])
        free = isinstance(layer, Conv) and layer.thresholds is None
        if whole and free and stream.sole and not (pools and thresholds.flip.any()):
            self.layers[layer.name] = replace(layer, thresholds=thresholds)
            for pool in reversed(pools):
                self.layers[pool.name] = replace(pool, input_type=thresholds.output)
            return stream.producer
        name = self.layer_name(node)
        return self.add(Threshold(name, (stream.producer,), stream.shape, self.type_of(stream.producer), thresholds))

    def widen(self, producer: str, dtype: DataType) -> bool:
        """Declare the integers of ``producer`` to be of the wider ``dtype``; whether that is possible."""
        if producer == self.tensor.name:
            self.rule = replace(self.rule, dtype=dtype)
            return True
        layer = self.layers[producer]
        if isinstance(layer, MaxPool):
            if not self.widen(layer.inputs[0], dtype):
                return False
            self.layers[producer] = replace(layer, input_type=dtype)
            return True
        if getattr(layer, "thresholds", None) is None:
            return False
        old = layer.thresholds
        # One step of two becomes two steps of one at the same place.
        values = np.repeat(old.values, 2, axis=1) if old.output == BIPOLAR else old.values
        self.layers[producer] = replace(layer, thresholds=replace(old, values=values, output=dtype))
        return True
