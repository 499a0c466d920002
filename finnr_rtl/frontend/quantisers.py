"""Quantisers: the operators that turn real numbers into few integers, read from their nodes."""

from dataclasses import dataclass

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, TERNARY, DataType, int_, smallest, uint
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.values import Constant
from finnr_rtl.network.rounding import ROUNDING

__all__ = ["Grid", "Levels", "Whole", "linear_parameters", "read_grid", "read_levels"]

# Element types of integers, by their number in an ONNX file, for nodes that name it.
_INTEGERS = {2: (0, 255), 3: (-128, 127), 4: (0, 65535), 5: (-32768, 32767), 21: (0, 15), 22: (-8, 7)}


def _scalar(node: Node, value, what: str) -> int:
    """A whole number from a tensor of one element."""
    array = None if value is None else np.asarray(value.value)
    if array is None or array.size != 1 or array.reshape(()) != np.round(array.reshape(())):
        raise node.error(f"{what} must be one constant whole number")
    return int(array.reshape(()))


@dataclass(frozen=True, eq=False)
class Grid:
    """A uniform quantiser: ``q = round(clip(x / scale + zero_point))``, which stands for ``scale * (q - zero_point)``.

    ``scale`` and ``zero_point`` keep the shape and element type of the model, since both decide how the float graph rounds. For
    type BIPOLAR, rounding is SIGN: +1 from zero on, else -1. Rounding LINEAR is that of QuantizeLinear: before the zero point is added.
    """

    dtype: DataType
    low: int
    high: int
    scale: np.ndarray
    zero_point: np.ndarray
    rounding: str

    def same(self, other: "Grid") -> bool:
        """Whether both quantise alike."""
        scalars = (self.dtype, self.low, self.high, self.rounding) == (other.dtype, other.low, other.high, other.rounding)
        return scalars and np.array_equal(self.scale, other.scale) and np.array_equal(self.zero_point, other.zero_point)

    @property
    def arguments(self) -> list[np.ndarray]:
        """What may differ per channel."""
        return [self.scale, self.zero_point]

    @property
    def steps(self) -> int:
        return 1 if self.dtype == BIPOLAR else self.high - self.low

    def meaning(self, arguments) -> tuple[np.ndarray, np.ndarray]:
        """(scale, bias) in float64, such that ``scale * q + bias`` is what ``q`` stands for."""
        scale, zero_point = (np.float64(argument) for argument in arguments)
        return scale, 0.0 - scale * zero_point

    def integers(self, x: np.ndarray, arguments) -> np.ndarray:
        """Integers of ``x`` (float32), in the floating type that the float graph uses."""
        scale, zero_point = arguments
        if self.rounding == "LINEAR":
            return np.clip(np.rint(x / scale) + zero_point, self.low, self.high)
        y = x / scale + zero_point
        return ROUNDING[self.rounding](np.clip(y, y.dtype.type(self.low), y.dtype.type(self.high)))

    def reaches(self, x: np.ndarray, arguments) -> np.ndarray:
        """For float32 ``x`` (steps, channels): whether row k gives at least the integer k + 1 steps above the least."""
        level = np.arange(1, self.steps + 1)[:, None] * (2 if self.dtype == BIPOLAR else 1) + self.low
        return self.integers(x, arguments) >= level

    def constant(self, value: Constant) -> Constant:
        """A constant put through the quantiser: its zero point is taken into the integers."""
        integers = self.integers(value.value, self.arguments)
        real = ((integers - self.zero_point) * self.scale).astype(np.float32)
        whole = integers.astype(np.int64) - self.zero_point.astype(np.int64)
        dtype = self.dtype
        if np.any(self.zero_point):
            dtype = smallest(self.low - int(self.zero_point.max()), self.high - int(self.zero_point.min()))
        return Constant(real, whole, np.broadcast_to(np.float64(self.scale), whole.shape), dtype)


@dataclass(frozen=True, eq=False)
class Whole:
    """The quantiser of values that are whole numbers already, from ``low`` to ``high``: each stands for itself."""

    low: int
    high: int

    @property
    def dtype(self) -> DataType:
        return smallest(self.low, self.high)

    @property
    def arguments(self) -> list[np.ndarray]:
        return []

    @property
    def steps(self) -> int:
        return self.high - self.low

    def meaning(self, _) -> tuple[np.ndarray, np.ndarray]:
        """Scale 1 and bias 0."""
        return np.float64(1), np.float64(0)

    def integers(self, x: np.ndarray, _) -> np.ndarray:
        """``x`` itself."""
        return x

    def reaches(self, x: np.ndarray, _) -> np.ndarray:
        """For float32 ``x`` (steps, channels): whether row k is at least the integer k + 1 steps above the least."""
        return x >= np.arange(self.low + 1, self.high + 1)[:, None]


@dataclass(frozen=True, eq=False)
class Levels:
    """A quantiser given by thresholds (MultiThreshold): ``q = low + #{i : x >= thresholds[i]}`` stands for ``scale * q + bias``.

    ``arguments`` holds one array per step, each of a shape that broadcasts to the tensor, rising from step to step. BIPOLAR
    counts by two.
    """

    dtype: DataType
    low: int
    high: int
    arguments: list[np.ndarray]
    scale: float
    bias: float

    @property
    def steps(self) -> int:
        return len(self.arguments)

    def meaning(self, _) -> tuple[np.ndarray, np.ndarray]:
        """(scale, bias) in float64, such that ``scale * q + bias`` is what ``q`` stands for."""
        return np.float64(self.scale), np.float64(self.bias)

    def integers(self, x: np.ndarray, arguments) -> np.ndarray:
        """Integers of ``x`` (float32)."""
        count = sum((x >= threshold).astype(np.int64) for threshold in arguments)
        return 2 * count - 1 if self.dtype == BIPOLAR else self.low + count

    def reaches(self, x: np.ndarray, arguments) -> np.ndarray:
        """For float32 ``x`` (steps, channels): whether row k is at or above threshold k."""
        return np.stack([row >= threshold for row, threshold in zip(x, arguments, strict=True)])


def read_grid(node: Node, inputs: list[Constant | None]) -> Grid:
    """The quantiser of a Quant, IntQuant or BipolarQuant node; ``inputs`` are its parameters (scale, zero point, bit width).

    Raises ``UserError`` where a parameter is not constant, or not one that integers can follow.
    """
    if not inputs or any(not isinstance(parameter, Constant) for parameter in inputs):
        raise node.error("scale, zero point and bit width must be constants; export the model for inference")
    scale = np.asarray(inputs[0].value)
    if not np.all(np.isfinite(scale)) or np.any(scale == 0):
        raise node.error("its scale must be finite and not zero, so it cannot be made integer")
    if node.op == "BipolarQuant":
        return Grid(BIPOLAR, -1, 1, scale, np.zeros((), dtype=scale.dtype), "SIGN")
    zero_point = np.asarray(inputs[1].value)
    if not np.array_equal(zero_point, np.round(zero_point)):
        raise node.error("its zero point is not a whole number, so it cannot be made integer")
    bits = _scalar(node, inputs[2], "the bit width")
    signed, narrow = bool(node.get("signed", 1)), bool(node.get("narrow", 1))
    rounding = str(node.get("rounding_mode", "ROUND")).upper()
    modes = [mode for mode in ROUNDING if mode != "SIGN"]
    if rounding not in modes:
        raise node.error(f"rounding mode {rounding} is not known; known are {', '.join(modes)}")
    if not 1 <= bits <= 32:
        raise node.error(f"a bit width of {bits} is not supported; 1 to 32 expected")
    if bits == 1 and signed:
        return Grid(BIPOLAR, -1, 1, scale, zero_point, "SIGN")
    low = narrow - (1 << (bits - 1)) if signed else 0
    high = (1 << (bits - 1)) - 1 if signed else (1 << bits) - 1 - narrow
    if low == high:
        raise node.error("one bit in narrow range holds a single value; use a wider type or narrow=0")
    dtype = TERNARY if (low, high) == (-1, 1) else int_(bits) if signed else uint(bits)
    return Grid(dtype, low, high, scale, zero_point, rounding)


def linear_parameters(node: Node, scale, zero_point, rank: int, axis: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """(scale, zero point, bounds of the integers), arrays such that they broadcast to a tensor of ``rank``.

    Raises ``UserError`` where they are not constants of a kind that integers follow.
    """
    if not isinstance(scale, Constant) or not isinstance(zero_point, Constant | None):
        raise node.error("its scale and zero point must be constant")
    factor = np.asarray(scale.value, dtype=np.float32)
    if not np.all(np.isfinite(factor)) or np.any(factor <= 0):
        raise node.error("its scale must be positive and finite")
    if zero_point is None:
        zero, bounds = np.zeros((), dtype=np.float32), _INTEGERS.get(node.get("output_dtype", 2) or 2)
    else:
        kind = str(zero_point.value.dtype)
        bits = int("".join(c for c in kind if c.isdigit()) or 0)
        if "int" not in kind:
            raise node.error(f"its zero point has element type {kind}; an integer type expected")
        bounds = (0, (1 << bits) - 1) if kind.startswith("u") else (-(1 << bits - 1), (1 << bits - 1) - 1)
        zero = np.asarray(zero_point.value).astype(np.float32)
    if bounds is None:
        raise node.error("gives integers of a type that is not supported")
    if factor.ndim == 1 and factor.size > 1:
        shape = [-1 if dimension == axis % rank else 1 for dimension in range(rank)]
        factor, zero = factor.reshape(shape), (zero.reshape(shape) if zero.size > 1 else zero.reshape(()))
    elif factor.size > 1:
        raise node.error("has scales in blocks, which is not supported; one per tensor or per channel expected")
    else:
        factor, zero = factor.reshape(()), zero.reshape(())
    return factor, zero, bounds


def read_levels(node: Node, thresholds: Constant | None, rank: int) -> Levels:
    """The quantiser of a MultiThreshold node whose data has ``rank`` dimensions; ``thresholds`` is (channels or 1, steps).

    Raises ``UserError`` where the thresholds are not constant or ``out_dtype`` is not an integer type.
    """
    if not isinstance(thresholds, Constant) or thresholds.value.ndim != 2:
        raise node.error("its thresholds must be a constant of shape (channels, steps)")
    rows = np.sort(thresholds.value, axis=1)
    scale, bias = float(node.get("out_scale", 1.0)), float(node.get("out_bias", 0.0))
    name, steps = str(node.get("out_dtype", "")), rows.shape[1]
    if scale == 0:
        raise node.error("out_scale is 0, so its output cannot be made integer")
    layout = str(node.get("data_layout", "")) or {3: "NWC"}.get(rank, "NCHW")
    axis = layout.find("C") if "C" in layout and layout.find("C") < rank else 1
    shape = [-1 if dimension == axis else 1 for dimension in range(rank)]
    arguments = [column.reshape(shape) for column in rows.T]
    if name == "BIPOLAR" and steps == 1:
        # Counts 0 and 1 become -1 and +1.
        return Levels(BIPOLAR, -1, 1, arguments, scale / 2, bias + scale / 2)
    base = bias / scale
    low = int(base) if base == int(base) else 0
    try:
        dtype = uint(1) if name == "BINARY" else DataType(name)
    except ValueError:
        raise node.error(f"its out_dtype {name!r} is not an integer type; BIPOLAR, INTn or UINTn expected") from None
    if not dtype.allows([low, low + steps]) or dtype == BIPOLAR:
        dtype = smallest(low, low + steps)
    return Levels(dtype, low, low + steps, arguments, scale, bias - scale * low)
