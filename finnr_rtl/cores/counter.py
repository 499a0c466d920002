"""Loop counters."""

from amaranth.hdl import Module, Signal

__all__ = ["counter"]


def counter(m: Module, name: str, count: int, advance, start: int = 0) -> tuple[Signal, Signal]:
    """A counter 0 .. count-1, from ``start`` on, that steps when ``advance`` is high; and whether it stands at its last value."""
    value = Signal(range(max(count, 2)), name=name, init=start)
    last = Signal(name=f"{name}_last")
    if count == 1:
        m.d.comb += last.eq(1)
        return value, last
    m.d.comb += last.eq(value == count - 1)
    with m.If(advance):
        m.d.sync += value.eq(value + 1)
        if count & (count - 1):  # a power of two wraps by itself
            with m.If(last):
                m.d.sync += value.eq(0)
    return value, last
