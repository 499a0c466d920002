"""Integer types of streams and weights, named as in ``qonnx.core.datatype``."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["BIPOLAR", "TERNARY", "DataType", "int_", "smallest", "uint"]


@dataclass(frozen=True)
class DataType:
    """A set of integers and the bits that carry one of them.

    ``name`` is BIPOLAR ({-1, +1} in one bit: 0 is -1, 1 is +1), TERNARY ({-1, 0, +1} in two bits of two's complement),
    INT<n> (two's complement) or UINT<n>, 1 <= n <= 64. INT1 is not a type: one signed bit is BIPOLAR.

    Raises ``ValueError`` for any other name.
    """

    name: str

    def __post_init__(self):
        match = re.fullmatch(r"BIPOLAR|TERNARY|INT([1-9]\d?)|UINT([1-9]\d?)", self.name)
        if not match or self.name == "INT1" or int(match[1] or match[2] or 1) > 64:
            raise ValueError(f"unknown data type {self.name!r}: BIPOLAR, TERNARY, INT2..INT64 or UINT1..UINT64 expected")

    def __str__(self):
        return self.name

    @cached_property
    def bits(self) -> int:
        """Width of one value, in bits."""
        return {"BIPOLAR": 1, "TERNARY": 2}.get(self.name) or int(re.sub(r"\D", "", self.name))

    @cached_property
    def signed(self) -> bool:
        """Whether the bits are two's complement (BIPOLAR is not: its one bit is a code)."""
        return self.name == "TERNARY" or self.name.startswith("INT")

    @property
    def min(self) -> int:
        """Least value."""
        if self.name in ("BIPOLAR", "TERNARY"):
            return -1
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        """Greatest value."""
        if self.name in ("BIPOLAR", "TERNARY"):
            return 1
        return (1 << (self.bits - self.signed)) - 1

    def allows(self, values) -> bool:
        """Whether every one of ``values`` (any integer array) is of this type."""
        values = np.asarray(values)
        if values.size == 0:
            return True
        in_range = self.min <= int(values.min()) and int(values.max()) <= self.max
        return in_range and not (self.name == "BIPOLAR" and bool(np.any(values == 0)))

    def encode(self, values) -> np.ndarray:
        """The bits of ``values`` as unsigned integers below ``2 ** bits`` (uint64, same shape)."""
        values = np.asarray(values, dtype=np.int64)
        if self.name == "BIPOLAR":
            return (values > 0).astype(np.uint64)
        return values.astype(np.uint64) & np.uint64((1 << self.bits) - 1)

    def decode(self, codes) -> np.ndarray:
        """Inverse of :meth:`encode` (int64, same shape)."""
        codes = np.asarray(codes, dtype=np.uint64)
        if self.name == "BIPOLAR":
            return 2 * codes.astype(np.int64) - 1
        if not self.signed:
            return codes.astype(np.int64)
        shift = np.uint64(64 - self.bits)
        return (codes << shift).astype(np.int64) >> np.int64(64 - self.bits)


BIPOLAR = DataType("BIPOLAR")
TERNARY = DataType("TERNARY")


def int_(bits: int) -> DataType:
    """INT<bits>."""
    return DataType(f"INT{bits}")


def uint(bits: int) -> DataType:
    """UINT<bits>."""
    return DataType(f"UINT{bits}")


def smallest(low: int, high: int) -> DataType:
    """The narrowest two's complement or unsigned type that holds ``low`` to ``high``."""
    if low >= 0:
        return uint(max(1, int(high).bit_length()))
    return int_(1 + max(1, int(high).bit_length(), int(-low - 1).bit_length()))
