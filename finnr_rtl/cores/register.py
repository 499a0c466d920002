"""Registers that control goes through: of outputs, and of stages of a pipeline."""

from amaranth.hdl import Module, Signal

__all__ = ["fold_stage", "output_place"]


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


def fold_stage(m: Module, name: str, valid, fold) -> tuple[Signal, Signal]:
    """``valid`` and ``fold`` one cycle later."""
    next_valid = Signal(name=f"{name}_valid")
    next_fold = Signal(len(fold), name=f"{name}_fold", reset_less=True)
    m.d.sync += [next_valid.eq(valid), next_fold.eq(fold)]
    return next_valid, next_fold
