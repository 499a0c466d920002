"""The network under construction: its layers, and the questions that operators ask about what stands before them."""

import re
from dataclasses import dataclass, replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, DataType, smallest
from finnr_rtl.frontend.graph import Graph, Node, Tensor
from finnr_rtl.frontend.grids import clipping, on_grid
from finnr_rtl.frontend.inputs import InputRule
from finnr_rtl.frontend.values import Stream, revised
from finnr_rtl.network.layers import Accumulating, Conv, Layer, Lookup, MaxPool, Requantise, Shape, Threshold
from finnr_rtl.network.network import InputPort
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["MAX_TABLE", "Builder", "Source", "map_order"]


# Tables are made for up to so many values.
MAX_TABLE = 1 << 12

# Operators that take the first dimension of a sample for its channels.
_CHANNELS_FIRST = {
    "AveragePool", "Conv", "ConvTranspose", "DepthToSpace", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "QLinearConv", "Resize",
    "SpaceToDepth", "Upsample",
}


def map_order(shape: Shape) -> np.ndarray:
    """Places of the elements (channel, row, column) in the row-major map of ``shape``."""
    return np.arange(np.prod(shape)).reshape(shape).transpose(2, 0, 1)


@dataclass(eq=False)
class Source:
    """A network input under construction: what its integers are, and, once a layer has said it, how they travel."""

    tensor: Tensor
    rule: InputRule
    order: np.ndarray | None = None
    shape: Shape | None = None

    def stream(self, sole: bool) -> Stream:
        """The input's values, before any layer has said how its elements travel."""
        shape, rule = self.tensor.shape, self.rule
        size = int(np.prod(shape))
        scale, bias = np.float64(rule.scale), np.float64(0.0 - rule.scale * rule.zero_point)
        order = np.arange(size).reshape(shape)
        return Stream(self.tensor.name, (1, 1, size), order, scale, bias, rule.low, rule.high, sole=sole, raw=True)

    def port(self) -> InputPort:
        rule, tensor = self.rule, self.tensor
        return InputPort(
            tensor.name, tensor.shape[1:], self.order, self.shape, rule.dtype, float(rule.scale), rule.zero_point,
            rule.rounding, rule.source, rule.low, rule.high,
        )

    def default_layout(self, transposed: bool) -> tuple[np.ndarray, Shape]:
        """How elements travel where no layer has said it yet: channels innermost.

        Channels are the model's first dimension, as its operators need them, unless it may be ``transposed`` and looks like an image.
        """
        shape = self.tensor.shape[1:]
        channels_last = transposed and len(shape) == 3 and shape[-1] in (1, 3, 4) and shape[0] not in (1, 3, 4)
        if len(shape) in (2, 3) and not channels_last:
            rows = shape[1] if len(shape) == 3 else 1
            found = (rows, shape[-1], shape[0])
            return map_order(found), found
        found = shape if channels_last else (1, 1, int(np.prod(shape)))
        return np.arange(np.prod(shape)), found


@dataclass(eq=False)
class Builder:
    """Layers found so far, in topological order, and the inputs as far as they are settled.

    ``batch`` is the batch that the model was exported with (constants of its graph may hold it); ``uses`` counts the readers of
    each tensor.
    """

    graph: Graph
    sources: dict[str, Source]

    def __post_init__(self):
        self.layers: dict[str, Layer] = {}
        self.notes: dict[str, str] = {}  # by node, what its user should know of it
        self.batch = max((tensor.batch for tensor in self.graph.inputs), default=1)
        self.uses = self.graph.uses()
        # Without a window or with a transpose somewhere, nothing says that channels are the first dimension.
        ops = {node.op for node in self.graph.nodes}
        self.transposed = "Transpose" in ops or not ops & _CHANNELS_FIRST

    @property
    def quantisers(self) -> frozenset[str]:
        """Nodes that quantise an input itself: whoever feeds the accelerator does their work."""
        return frozenset().union(*(source.rule.quantisers for source in self.sources.values()))

    def input_stream(self, name: str) -> Stream:
        return self.sources[name].stream(self.uses.get(name, 0) == 1)

    def layer_name(self, node: Node) -> str:
        """A name for the node's layer: the node's own, as an identifier, made unique."""
        stem = re.sub(r"\W+", "_", node.name).strip("_") or node.op
        stem = f"{node.op}_{stem}" if stem[0].isdigit() else stem
        name, count = stem, 1
        while name in self.layers or name in self.sources:
            count += 1
            name = f"{stem}_{count}"
        return name

    def type_of(self, producer: str) -> DataType:
        """Type of a producer's integers."""
        return self.sources[producer].rule.dtype if producer in self.sources else self.layers[producer].output_type

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
        source = self.sources[stream.producer]
        if source.order is None:
            source.order = np.empty(stream.order.size, dtype=np.int64)
            if order is None:
                default, source.shape = source.default_layout(self.transposed)
                source.order[:] = default.reshape(-1)
            else:
                source.order[stream.order.reshape(-1)] = order.reshape(-1)
                source.shape = shape
        vector = (1, 1, stream.order.size)

        def moved(argument):
            full = revised(argument, stream.shape, stream.order.size)
            if full.ndim:
                full = full[np.argsort(source.order)]
            return full

        chain = [function.mapped(moved) for function in stream.chain]
        stream = replace(
            stream, shape=vector, order=source.order[stream.order], scale=moved(stream.scale), bias=moved(stream.bias),
            chain=tuple(chain), raw=False,
        )
        return stream.viewed(source.shape) or stream

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

    # What operators may ask of their input.

    def stream(self, node: Node, value) -> Stream:
        """``value`` if it is a stream of integers."""
        if not isinstance(value, Stream):
            raise node.error("its input is not a stream of integers: a layer cannot follow what only the host computes")
        return value

    def settled(self, node: Node, value) -> Stream:
        """``value`` with nothing but scale and bias between its integers and what they mean.

        Relu and its kind on the integers' own grid become clipping, other functions of few values a table, where their results have a
        common unit. Raises ``UserError`` where there is none.
        """
        stream = self.placed(self.stream(node, value))
        affine = stream.affine
        if affine is not None:
            if np.any(affine[0] == 0):
                raise node.error("its input is multiplied by zero in some channel; remove that channel")
            return stream
        found = clipping(stream)
        if found:
            unit, bias, activation = found
            producer = self.attach(node, stream, activation)
            low, high = activation.low, activation.high
            return replace(stream, producer=producer, scale=unit, bias=bias, low=low, high=high, chain=(), terms=(), sole=True)
        if stream.high - stream.low < MAX_TABLE:
            table = on_grid(stream)
            if table:
                unit, entries = table
                dtype = smallest(int(entries.min()), int(entries.max()))
                producer = self.look_up(node, stream, entries, dtype)
                low, high = int(entries.min()), int(entries.max())
                zero = np.float64(0)
                return replace(stream, producer=producer, scale=unit, bias=zero, low=low, high=high, chain=(), terms=(), sole=True)
        culprit = next(f for f in stream.chain if f.affine is None)
        raise node.error(f"its input comes through {culprit.op} (node {culprit.node}) without a quantiser behind it; quantise it")

    def look_up(self, node: Node, stream: Stream, table: np.ndarray, output: DataType) -> str:
        """A layer that looks up ``table`` (channels, values from ``stream.low`` on); its name."""
        if np.all(table == table[0]):
            table = table[:1]
        name, dtype = self.layer_name(node), self.type_of(stream.producer)
        return self.add(Lookup(name, (stream.producer,), stream.shape, dtype, table, stream.low, output))

    # What stands before a quantiser.

    def risen(self, stream: Stream) -> Stream:
        """``stream`` with falling channels made to rise, where its producer is a matrix layer whose rows may be negated."""
        layer = self.layers.get(stream.producer)
        falls = stream.direction < 0
        bare = isinstance(layer, Conv) and layer.thresholds is None and layer.output_shape == stream.shape
        if not (bare and stream.sole and falls.any()) or np.any(np.isnan(stream.direction)):
            return stream
        fits = [layer.weight_type.allows(-row) for row in layer.weights]
        sign = np.where(falls & np.array(fits), -1, 1)
        layer = replace(layer, weights=layer.weights * sign[:, None, None, None])
        self.layers[layer.name] = layer
        low, high = layer.accumulator_range
        return replace(stream, scale=stream.scale * sign, low=low, high=high)

    def ranges(self, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest integer of ``stream`` per channel: those of the sums where a matrix layer makes them."""
        layer = self.layers.get(stream.producer)
        while isinstance(layer, MaxPool):
            layer = self.layers.get(layer.inputs[0])
        if isinstance(layer, Conv) and layer.thresholds is None and layer.outputs == stream.channels:
            return layer.accumulator_ranges
        return np.full(stream.channels, stream.low), np.full(stream.channels, stream.high)

    def attach(self, node: Node, stream: Stream, activation: Thresholds | Requantiser) -> str:
        """Put ``activation`` on the integers of ``stream``: into the layer that sums them if nothing else reads them, else as a layer.

        Rising functions commute with the maximum, so activations go through pools into the summing layer before these; the pools
        then work on the narrower type. Gives the producer of the result.
        """
        pools, layer = [], self.layers.get(stream.producer)
        whole = layer is not None and layer.output_shape == stream.shape
        while isinstance(layer, MaxPool):
            pools.append(layer)
            layer = self.layers.get(layer.inputs[0])
        free = isinstance(layer, Accumulating) and layer.thresholds is None
        if whole and free and stream.sole and (activation.rising or not pools):
            self.layers[layer.name] = replace(layer, thresholds=activation)
            for pool in reversed(pools):
                self.layers[pool.name] = replace(pool, input_type=activation.output)
            return stream.producer
        kind = Threshold if isinstance(activation, Thresholds) else Requantise
        return self.add(kind(self.layer_name(node), (stream.producer,), stream.shape, self.type_of(stream.producer), activation))

    def widen(self, producer: str, dtype: DataType) -> bool:
        """Declare the integers of ``producer`` to be of the wider ``dtype``; whether that is possible."""
        if producer in self.sources:
            source = self.sources[producer]
            source.rule = replace(source.rule, dtype=dtype)
            return True
        layer = self.layers[producer]
        if isinstance(layer, MaxPool):
            if not self.widen(layer.inputs[0], dtype):
                return False
            self.layers[producer] = replace(layer, input_type=dtype)
            return True
        if isinstance(layer, Requantise):
            self.layers[producer] = replace(layer, requantiser=replace(layer.requantiser, output=dtype))
            return True
        old = getattr(layer, "thresholds", None)
        if old is None:
            return False
        if isinstance(old, Thresholds) and old.output == BIPOLAR:
            # One step of two becomes two steps of one at the same place.
            old = replace(old, values=np.repeat(old.values, 2, axis=1), output=dtype)
        self.layers[producer] = replace(layer, thresholds=replace(old, output=dtype))
        return True
