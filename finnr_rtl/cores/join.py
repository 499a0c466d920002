"""Streams taken together: the input side of cores that combine several."""

from amaranth.hdl import Cat, Module, Signal

__all__ = ["join"]


def join(m: Module, ports: list, place) -> Signal:
    """High while a beat is taken from every one of ``ports``, which is when all offer one and ``place`` is high."""
    for port in ports:
        # Whether a port is ready must not depend on what it offers itself.
        others = [other.valid for other in ports if other is not port]
        m.d.comb += port.ready.eq(Cat(place, *others).all())
    take = Signal()
    m.d.comb += take.eq(Cat(place, *(port.valid for port in ports)).all())
    return take
