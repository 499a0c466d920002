"""Flow control of an output register."""

from amaranth.hdl import Module, Signal

__all__ = ["output_place"]


def output_place(m: Module, name: str, port, launch) -> Signal:
    """High while a beat may be launched into the register behind stream ``port``: it is empty, or its beat is given.

    ``launch`` is high in cycles in which a beat is launched; it is offered from the next one on. The caller keeps the payload.
    """
    filled = Signal(name=f"{name}_filled")
    place = Signal(name=f"{name}_place")
    m.d.comb += [port.valid.eq(filled), place.eq(~filled | port.ready)]
    with m.If(launch):
        m.d.sync += filled.eq(1)
    with m.Elif(port.ready):
        m.d.sync += filled.eq(0)
    return place
