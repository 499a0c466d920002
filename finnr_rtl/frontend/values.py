"""What a tensor of the model is, seen from the accelerator: a constant, integers on a stream, or something the host computes."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from finnr_rtl.datatypes import DataType
from finnr_rtl.network.functions import Function
from finnr_rtl.network.layers import Shape

__all__ = ["Constant", "HostValue", "Stream", "revised"]

# Values (integers times channels) that are looked at one by one, and how many of them at once.
_MAX_VALUES = 1 << 26
_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor known before the network runs.

    ``value`` is what the float graph sees. Where a quantiser made it, ``integers`` (int64) and ``scale`` (float64), both of the
    shape of ``value``, give it as ``scale * integers`` with ``dtype`` holding every integer.
    """

    value: np.ndarray
    integers: np.ndarray | None = None
    scale: np.ndarray | None = None
    dtype: DataType | None = None

    def relabelled(self, relabel) -> "Constant":
        """With ``relabel`` (array to array, values untouched) applied to every part."""
        if self.integers is None:
            return Constant(relabel(self.value))
        return Constant(relabel(self.value), relabel(self.integers), relabel(self.scale), self.dtype)


def revised(argument: np.ndarray, shape: Shape, channels: int) -> np.ndarray | None:
    """An argument per channel of a map of ``shape``, for the same stream seen with ``channels`` channels per pixel.

    Scalars stay. None where pixels would need different values.
    """
    argument = np.asarray(argument)
    if argument.ndim == 0 or channels == shape[2]:
        return argument
    rows = np.tile(argument, shape[0] * shape[1]).reshape(-1, channels)
    return rows[0] if np.array_equal(rows, np.broadcast_to(rows[0], rows.shape)) else None


@dataclass(frozen=True, eq=False)
class Stream:
    """A tensor that integers carry: ``chain(float32(scale * q + bias))``, ``q`` those of ``producer``, in [low, high].

    ``order`` has the shape of the model's tensor (batch 1 included); it holds the place of each element in the row-major map of
    ``shape``. ``scale`` and ``bias`` (float64) and the arguments of ``chain`` are scalars or one value per channel of that map.
    ``sole`` tells that nothing else reads ``producer``'s integers. The network's input is ``raw`` until a layer decides how its
    elements travel: until then ``shape`` is one pixel holding the model's elements in their own order.

    A sum keeps its ``terms``, so that a quantiser can choose multipliers of its own for them.
    """

    producer: str
    shape: Shape
    order: np.ndarray
    scale: np.ndarray
    bias: np.ndarray
    low: int
    high: int
    chain: tuple[Function, ...] = ()
    sole: bool = True
    raw: bool = False
    terms: tuple["Stream", ...] = ()

    def viewed(self, shape: Shape) -> "Stream | None":
        """The same row-major values as a map of ``shape``; None where scales or constants then differ between pixels."""
        parts = [revised(part, self.shape, shape[2]) for part in (self.scale, self.bias)]
        chain = []
        for function in self.chain:
            chain.append(function.mapped(lambda argument: revised(argument, self.shape, shape[2])))
            parts += chain[-1].arguments
        if any(part is None for part in parts):
            return None
        return replace(self, shape=shape, scale=parts[0], bias=parts[1], chain=tuple(chain))

    def aligned(self, arrays: list[np.ndarray]) -> tuple["Stream", list[np.ndarray]]:
        """``arrays``, which broadcast to the model's tensor, as arguments per channel.

        Where a value differs between pixels, the stream is seen as one pixel whose channels are all its values. Raises
        ``ValueError`` where an array does not broadcast to the tensor.
        """
        placed = [self._placed(np.asarray(array)) for array in arrays]
        narrow = [revised(array, (1, 1, self.order.size), self.shape[2]) for array in placed]
        if all(array is not None for array in narrow):
            return self, narrow
        return self.viewed((1, 1, self.order.size)), placed

    def _placed(self, array: np.ndarray) -> np.ndarray:
        """``array`` per element of the row-major map, or a scalar."""
        if array.size == 1 and array.ndim <= self.order.ndim:
            return array.reshape(())
        spread = np.broadcast_to(array, self.order.shape)
        placed = np.empty(self.order.size, dtype=array.dtype)
        placed[self.order.reshape(-1)] = spread.reshape(-1)
        return placed

    def channel(self, index: int) -> "Stream":
        """The same functions for one channel only: every argument is that channel's scalar."""

        def one(argument):
            return np.asarray(argument)[index] if np.ndim(argument) else argument

        chain = tuple(function.mapped(one) for function in self.chain)
        return replace(self, scale=one(self.scale), bias=one(self.bias), chain=chain)

    @property
    def channels(self) -> int:
        return self.shape[2]

    @property
    def countable(self) -> bool:
        """Whether every integer of every channel can be looked at in reasonable time."""
        return (self.high - self.low + 1) * self.channels <= _MAX_VALUES

    def every_integer(self) -> Iterator[np.ndarray]:
        """All integers from ``low`` to ``high``, each for every channel: blocks (integers, channels) that memory holds with ease."""
        rows = max(_AT_ONCE // self.channels, 1)
        for first in range(self.low, self.high + 1, rows):
            yield np.arange(first, min(first + rows, self.high + 1))[:, None] + np.zeros(self.channels, dtype=np.int64)

    @property
    def direction(self) -> np.ndarray:
        """Per channel: +1 where the value never falls as the integer rises, -1 where it never rises, 0 where it is constant."""
        direction = np.broadcast_to(np.sign(self.scale), self.channels)
        for function in self.chain:
            direction = direction * function.direction
        return direction

    @property
    def affine(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(scale, bias) of the whole, float64 per channel, where every function of the chain is affine; else None."""
        scale, bias = np.float64(self.scale), np.float64(self.bias)
        for function in self.chain:
            if function.affine is None:
                return None
            slope, offset = function.affine
            scale, bias = scale * slope, bias * slope + offset
        return np.broadcast_to(scale, self.channels), np.broadcast_to(bias, self.channels)

    def evaluate(self, q: np.ndarray) -> np.ndarray:
        """What the float graph holds for integers ``q`` (..., channels): float32 of the same shape."""
        x = (q * self.scale + self.bias).astype(np.float32)
        for function in self.chain:
            x = function(x)
        return x


@dataclass(frozen=True, eq=False)
class HostValue:
    """A tensor that the host computes from the integers of ``stream`` (whose chain is affine): ``tail`` lists its steps.

    ``shape`` is that of the model's tensor, batch 1 included.
    """

    stream: Stream
    shape: tuple[int, ...]
    tail: tuple[dict, ...] = field(default=())

    def then(self, step: dict, shape: tuple[int, ...] | None = None) -> "HostValue":
        """With one more step, giving ``shape`` (by default, the shape stays)."""
        return HostValue(self.stream, self.shape if shape is None else shape, (*self.tail, step))
