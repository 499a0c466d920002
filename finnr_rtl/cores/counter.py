"""Loop counters."""

from amaranth.hdl import Module, Signal

__all__ = ["counter"]


def counter(m: Module, name: str, count: int, advance, start: int = 0, early: bool = False) -> tuple[Signal, Signal]:
    """A counter 0 .. count-1, from ``start`` on, that steps when ``advance`` is high; and whether it stands at its last value.

    With ``early`` that is known from a register, which costs one and leaves more time to what depends on it.
    """
    value = Signal(range(max(count, 2)), name=name, init=start)
    last = Signal(name=f"{name}_last")
    if count == 1:
        m.d.comb += last.eq(1)
        return value, last
    if early and count > 2:
        reached = Signal(name=f"{name}_reached", init=start == count - 1)
        with m.If(advance):
            m.d.sync += reached.eq(value == count - 2)
        m.d.comb += last.eq(reached)
    else:
        m.d.comb += last.eq(value == count - 1)
    with m.If(advance):
        m.d.sync += value.eq(value + 1)
        if count & (count - 1):  # a power of two wraps by itself
            with m.If(last):
                m.d.sync += value.eq(0)
    return value, last
