"""Sums of many values."""

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed

__all__ = ["saved_total", "total"]


def total(values: list[Value]) -> Value:
    """Sum of ``values`` as a balanced tree of additions.

    Synthesis merges a tree of ``+`` into its own carry-save structure, so the shape matters for the width of the result
    (ceil(log2 n) more bits than a value) and for the speed of simulation, not for the LUT count.
    """
    while len(values) > 1:
        pairs = [a + b for a, b in zip(values[::2], values[1::2], strict=False)]
        values = pairs + (values[-1:] if len(values) % 2 else [])
    return values[0]


def saved_total(m: Module, name: str, values: list[Value], width: int | None = None, one: bool = False) -> Value:
    """The same where some values have low bits that are always 0; the lowest ``width`` bits, as a signed number, if given. ``one`` more is
    added to three values or more.

    Synthesis would join such additions only here and there, as it looks through no sum whose lowest bits are those of one term. So three
    numbers are made two, a full adder for each bit, until one carry chain adds the last two.
    """
    shape = signed(width) if width else total(values).shape()
    some = [value for value in values if not (isinstance(value, Const) and value.value == 0)] or [Const(0)]
    rows = [Cat(value[: shape.width], _sign(value).replicate(max(0, shape.width - len(value)))) for value in some]
    for step in range(len(rows) - 2):
        first, second, third, *rows = rows
        either, carry = (Signal(shape.width, name=f"{name}_{what}{step}") for what in ("sum", "carry"))
        below = Const(one and step == 0, 1)
        m.d.comb += [either.eq(first ^ second ^ third), carry.eq(Cat(below, first & second | first & third | second & third))]
        rows += [either, carry]
    exact = total([row.as_signed() for row in rows] if shape.signed else rows)[: shape.width]
    return exact.as_signed() if shape.signed else exact


def _sign(value: Value) -> Value:
    """The bit that stands above all others."""
    return value[-1] if value.shape().signed else Const(0, 1)
