"""The topologies of the FINN-R paper as QONNX models with seeded random weights.

They are for benchmarks and for people who have no model yet: shapes, precisions and operators are those of trained networks, and
the batch-norm statistics fit the accumulators that random images give, so that activations use all their levels. The results mean
nothing.
"""

from dataclasses import dataclass, replace
from math import erf, sqrt

import numpy as np
import onnx

from finnr_rtl.errors import UserError
from finnr_rtl.qonnx_writer import GraphWriter

__all__ = ["NAMES", "make"]


@dataclass(frozen=True)
class _Pool:
    kernel: int
    stride: int
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True)
class _Layer:
    """A matrix layer and the max-pool behind it. Kernel 0 is fully connected; weight_bits 0 are those of the topology."""

    outputs: int
    kernel: int = 0
    stride: int = 1
    pad: int = 0
    groups: int = 1
    weight_bits: int = 0
    pool: _Pool | None = None


@dataclass(frozen=True)
class _Topology:
    """``input_bits`` 1 is the input's sign; ``relu`` makes activations unsigned, else they are bipolar or signed and narrow."""

    input_shape: tuple[int, ...]
    input_bits: int
    relu: bool
    layers: tuple[_Layer, ...]
    weight_bits: int = 1
    activation_bits: int = 1


def _mlp(width: int) -> _Topology:
    return _Topology((1, 784), 1, relu=False, layers=(*[_Layer(width)] * 3, _Layer(10)))


_HALF = _Pool(2, 2)

_CNV = _Topology(
    (1, 3, 32, 32),
    8,
    relu=False,
    layers=(
        _Layer(64, 3),
        _Layer(64, 3, pool=_HALF),
        _Layer(128, 3),
        _Layer(128, 3, pool=_HALF),
        _Layer(256, 3),
        _Layer(256, 3),
        _Layer(512),
        _Layer(512),
        _Layer(10),
    ),
)

_TINCY_YOLO = _Topology(
    (1, 3, 416, 416),
    8,
    relu=True,
    weight_bits=1,
    activation_bits=3,
    layers=(
        _Layer(16, 3, stride=2, pad=1, weight_bits=8),
        _Layer(64, 3, pad=1, pool=_HALF),
        _Layer(64, 3, pad=1, pool=_HALF),
        _Layer(128, 3, pad=1, pool=_HALF),
        _Layer(256, 3, pad=1, pool=_HALF),
        _Layer(512, 3, pad=1, pool=_Pool(2, 1, pads=(0, 0, 1, 1))),
        _Layer(512, 3, pad=1),
        _Layer(512, 3, pad=1),
        _Layer(125, 1, weight_bits=8),
    ),
)

# DoReFa-Net (AlexNet) with the pruned widths; its grouped layers are the two halves of the original.
_DOREFA = _Topology(
    (1, 3, 224, 224),
    8,
    relu=True,
    weight_bits=1,
    activation_bits=2,
    layers=(
        _Layer(68, 12, stride=4, weight_bits=8),
        _Layer(180, 5, pad=2, groups=2, pool=_Pool(3, 2, pads=(0, 0, 1, 1))),
        _Layer(272, 3, pad=1, pool=_Pool(3, 2, pads=(1, 1, 1, 1))),
        _Layer(384, 3, pad=1, groups=2),
        _Layer(256, 3, pad=1, groups=2, pool=_Pool(3, 2)),
        _Layer(4096),
        _Layer(4096),
        _Layer(1000, weight_bits=8),
    ),
)

_TOPOLOGIES = {
    f"{name}_w{w}a{a}": replace(topology, weight_bits=w, activation_bits=a)
    for name, topology in {"tfc": _mlp(64), "sfc": _mlp(256), "lfc": _mlp(1024), "cnv": _CNV}.items()
    for w, a in ((1, 1), (1, 2), (2, 2))
} | {"tincy_yolo": _TINCY_YOLO, "dorefa": _DOREFA}

NAMES = tuple(_TOPOLOGIES)
"""What :func:`make` knows."""


@dataclass(frozen=True)
class _Distribution:
    """How often a value of each channel is at each level; ``chance`` has shape (channels, levels)."""

    levels: np.ndarray
    chance: np.ndarray

    @classmethod
    def uniform(cls, levels: np.ndarray, channels: int) -> "_Distribution":
        return cls(levels, np.full((channels, len(levels)), 1 / len(levels)))

    @classmethod
    def quantised_normal(cls, levels: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> "_Distribution":
        steps = (levels[1:] + levels[:-1]) / 2
        below = np.vectorize(erf)((steps - mean[:, None]) / (deviation[:, None] * sqrt(2))) / 2 + 0.5
        return cls(levels, np.diff(below, axis=1, prepend=0, append=1))

    def greatest_of(self, count: int) -> "_Distribution":
        return _Distribution(self.levels, np.diff(np.cumsum(self.chance, axis=1) ** count, axis=1, prepend=0))

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance per channel."""
        mean = self.chance @ self.levels
        return mean, self.chance @ self.levels**2 - mean**2


def _sums(weights: np.ndarray, inputs: np.ndarray, groups: int) -> np.ndarray:
    """Sum over each output's weights (outputs, inputs / groups, ...) times its input channels' values (inputs,)."""
    flat = weights.reshape(groups, len(weights) // groups, weights.shape[1], -1).sum(axis=3)
    return np.einsum("goi,gi->go", flat, inputs.reshape(groups, -1)).reshape(-1)


class _Builder:
    """Writes a topology's nodes, following how its values are distributed."""

    def __init__(self, name: str, topology: _Topology, seed: int):
        self.topology = topology
        self.graph = GraphWriter(name, topology.input_shape)
        self.random = np.random.default_rng(seed)
        self.distribution = None

    def _input(self) -> str:
        graph, channels = self.graph, self.topology.input_shape[1]
        if self.topology.input_bits == 1:
            levels, x = np.array([-1.0, 1.0]), graph.bipolar_quant(graph.input)
        elif self.topology.relu:
            levels, x = np.arange(256) / 255, graph.quant(graph.input, 8, 1 / 255, signed=False)
        else:
            levels, x = np.arange(-128, 128) / 128, graph.quant(graph.input, 8, 1 / 128, signed=True)
        self.distribution = _Distribution.uniform(levels, channels)
        return x

    def _weights(self, layer: _Layer, inputs: int, number: int) -> tuple[str, np.ndarray]:
        """The quantised weight tensor, and its values as (outputs, inputs / groups, kernel rows, kernel columns)."""
        values = self.random.standard_normal((layer.outputs, inputs // layer.groups, *[max(layer.kernel, 1)] * 2), np.float32)
        stored = values if layer.kernel else values[:, :, 0, 0].T
        tensor = self.graph.constant(stored, f"weights_{number}")
        match layer.weight_bits or self.topology.weight_bits:
            case 1:
                return self.graph.bipolar_quant(tensor), np.where(values >= 0, np.float32(1), np.float32(-1))
            case 2:
                return self.graph.quant(tensor, 2, 1.0, signed=True, narrow=True), np.clip(np.round(values), -1, 1)
            case bits:
                # Symmetric, scaled so that each output's greatest weight just fits.
                scale = np.abs(stored).max(axis=tuple(range(1, stored.ndim)) if layer.kernel else 0, keepdims=True)
                return self.graph.quant(tensor, bits, scale / (2 ** (bits - 1) - 1), signed=True, narrow=True), values

    def _matrix(self, layer: _Layer, x: str, number: int) -> tuple[str, np.ndarray]:
        shape = self.graph.shapes[x]
        if not layer.kernel and len(shape) == 4:
            x = self.graph.flatten(x)
            chance = np.repeat(self.distribution.chance, shape[2] * shape[3], axis=0)
            self.distribution = replace(self.distribution, chance=chance)
        tensor, weights = self._weights(layer, self.graph.shapes[x][1], number)
        if layer.kernel:
            return self.graph.conv(x, tensor, layer.stride, layer.pad, layer.groups), weights
        return self.graph.matmul(x, tensor), weights

    def _activation(self, layer: _Layer, x: str, weights: np.ndarray) -> str:
        """Batch norm and quantiser; gains of either sign, as training leaves them."""
        mean, variance = self.distribution.moments
        mean = _sums(weights, mean, layer.groups)
        variance = _sums(weights**2, variance, layer.groups)
        gamma = self.random.uniform(0.5, 1.5, layer.outputs) * self.random.choice([-1, 1], layer.outputs, p=[0.125, 0.875])
        beta = self.random.normal(0.5 if self.topology.relu else 0, 0.25, layer.outputs)
        x = self.graph.batch_norm(x, gamma, beta, mean, variance)
        bits = self.topology.activation_bits
        if self.topology.relu:
            scale = 2.0 / 2**bits
            levels, x = scale * np.arange(2**bits), self.graph.quant(self.graph.relu(x), bits, scale, signed=False)
        elif bits == 1:
            levels, x = np.array([-1.0, 1.0]), self.graph.bipolar_quant(x)
        else:
            limit = 2 ** (bits - 1) - 1
            levels, x = np.arange(-limit, limit + 1.0), self.graph.quant(x, bits, 1.0, signed=True, narrow=True)
        self.distribution = _Distribution.quantised_normal(levels, beta, np.abs(gamma))
        return x

    def build(self) -> onnx.ModelProto:
        x = self._input()
        *hidden, last = self.topology.layers
        for number, layer in enumerate(hidden):
            x, weights = self._matrix(layer, x, number)
            x = self._activation(layer, x, weights)
            if layer.pool:
                x = self.graph.max_pool(x, layer.pool.kernel, layer.pool.stride, layer.pool.pads)
                self.distribution = self.distribution.greatest_of(layer.pool.kernel**2)
        self._matrix(last, x, len(hidden))
        return self.graph.finish("Seeded random weights: for benchmarks and tests, not trained.")


def make(name: str, seed: int = 0) -> onnx.ModelProto:
    """The QONNX model ``name``, one of :data:`NAMES` (a hyphen may stand for an underscore); the same for the same ``seed``.

    Input ``global_in`` and output ``global_out`` are float32 with a batch of 1. MLPs take 784 values and use their signs, CNV
    takes images in [-1, 1), the others images in [0, 1]; the output is the last layer's result.
    Raises ``UserError`` for another name.
    """
    key = name.replace("-", "_")
    if key not in _TOPOLOGIES:
        raise UserError(f"there is no example network {name!r}: choose one of {', '.join(NAMES)}")
    return _Builder(key, _TOPOLOGIES[key], seed).build()
