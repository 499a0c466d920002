"""Sums of many values."""

from amaranth.hdl import Value

__all__ = ["total"]


def total(values: list[Value]) -> Value:
    """Sum of ``values`` as a balanced tree of additions.

    Synthesis merges a tree of ``+`` into its own carry-save structure, so the shape matters for the width of the result
    (ceil(log2 n) more bits than a value) and for the speed of simulation, not for the LUT count.
    """
    while len(values) > 1:
        pairs = [a + b for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + (values[-1:] if len(values) % 2 else [])
    return values[0]
