"""What every core promises: its streams, what it computes, and when.

A core module holds a frozen ``<Name>Config`` dataclass, which is the contract, and the :class:`Core` that fulfils it.
The generic bench in ``sim/`` and the composition in ``dataflow/`` use nothing but this contract.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod

import numpy as np
from amaranth.hdl import unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.schedule import Schedule
from finnr_rtl.datatypes import DataType
from finnr_rtl.divisors import divisors

__all__ = ["Core", "CoreConfig", "StreamSpec", "address_bits", "constant_beat", "port_names", "require_divisor"]


@dataclass(frozen=True)
class StreamSpec:
    """One frame on one stream: a tensor, row-major, channels innermost, ``lanes`` values per beat.

    Lane 0 is the first value and sits in the least significant bits of the payload.
    """

    dtype: DataType
    shape: tuple[int, ...]
    lanes: int

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return prod(self.shape) // self.lanes

    @property
    def width(self) -> int:
        """Payload width, in bits."""
        return self.lanes * self.dtype.bits

    def signature(self) -> stream.Signature:
        """The Amaranth stream that carries it."""
        return stream.Signature(unsigned(self.width))

    def pack(self, frames: np.ndarray) -> list[int]:
        """Payloads of all beats of ``frames`` (n, \\*shape), in order."""
        # Bits as bytes of their own: a large map has tens of millions of values, and as words its bits would take gigabytes.
        codes = self.dtype.encode(frames).astype("<u8", copy=False).reshape(-1, 1).view(np.uint8)
        bits = np.unpackbits(codes, axis=1, count=self.dtype.bits, bitorder="little")
        rows = np.packbits(bits.reshape(-1, self.width), axis=1, bitorder="little")
        return [int.from_bytes(row.tobytes(), "little") for row in rows]


def port_names(prefix: str, count: int) -> list[str]:
    """Names of the stream ports of one direction: ``i`` alone, or ``i0``, ``i1`` .. where there are several."""
    return [prefix] if count == 1 else [f"{prefix}{n}" for n in range(count)]


class CoreConfig(ABC):
    """Base of every core's frozen configuration dataclass.

    A core with one input defines ``input``, one with several ``inputs``; the same holds for outputs. Construction raises
    ``ValueError`` with a sentence naming the parameter, the value and the rule.
    """

    @property
    def input(self) -> StreamSpec:
        """The stream taken on port ``i`` by a core with one input."""
        (only,) = self.inputs
        return only

    @property
    def output(self) -> StreamSpec:
        """The stream given on port ``o`` by a core with one output."""
        (only,) = self.outputs
        return only

    @property
    def inputs(self) -> tuple[StreamSpec, ...]:
        """The streams taken: on port ``i``, or on ``i0``, ``i1`` .. where there are several."""
        return (self.input,)

    @property
    def outputs(self) -> tuple[StreamSpec, ...]:
        """The streams given: on port ``o``, or on ``o0``, ``o1`` .. where there are several."""
        return (self.output,)

    def members(self) -> dict[str, wiring.Member]:
        """The component's stream ports, for its signature."""
        ports = {name: In(spec.signature()) for name, spec in zip(port_names("i", len(self.inputs)), self.inputs, strict=True)}
        ports |= {name: Out(spec.signature()) for name, spec in zip(port_names("o", len(self.outputs)), self.outputs, strict=True)}
        return ports

    @abstractmethod
    def reference(self, *x: np.ndarray) -> np.ndarray | tuple[np.ndarray, ...]:
        """Integers (frames, \\*shape) of every input to integers (frames, \\*shape), in NumPy; a tuple of them for several outputs."""

    @abstractmethod
    def schedule(self) -> Schedule:
        """When each beat is taken and offered; exact."""

    @property
    def cycles(self) -> int:
        """Cycles per frame in steady state, from the shapes alone: the interval of :meth:`schedule` where rooms are left to the core."""
        return max(spec.beats for spec in (*self.inputs, *self.outputs))

    @abstractmethod
    def create(self) -> "Core":
        """The hardware: a component with the stream ports of :meth:`members` in the ``sync`` domain."""


class Core(wiring.Component):
    """The hardware of a contract: a component with the stream ports of its ``config``, ``self._config`` to the cores themselves."""

    def __init__(self, config: CoreConfig):
        self._config = config
        super().__init__(config.members())


def constant_beat(spec: StreamSpec, value: int) -> int:
    """Payload of a beat of ``spec`` with ``value`` in every lane."""
    return StreamSpec(spec.dtype, (spec.lanes,), spec.lanes).pack(np.full((1, spec.lanes), value))[0]


def address_bits(depth: int) -> int:
    """Width of an address of ``depth`` words; 1 for a single word, since Verilog has no zero-width ports."""
    return max(1, (depth - 1).bit_length())


def require_divisor(parameter: str, value: int, of: str, whole: int) -> None:
    """Raise ``ValueError`` unless ``value`` divides ``whole``."""
    if value < 1 or whole % value:
        legal = ", ".join(map(str, divisors(whole)))
        raise ValueError(f"{parameter}={value} must divide {of}={whole}; legal values are {legal}")
