"""Registers of sums."""

from amaranth.hdl import Shape, Signal

from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["accumulator", "rescales"]


def accumulator(shape: Shape, name: str, rescaled: bool) -> Signal:
    """A new register ``name`` for a sum, which a requantiser reads if ``rescaled``.

    On 7-series, Yosys (0.70) moves a register before a multiplier, and an adder before that, into the multiplier's DSP slice. It removes
    the adder even where others read the register too, as the next sum or the search for exceptions does: the hardware is wrong without a
    word. ``keep`` keeps such a register, and so its adder, out of the slice.
    """
    return Signal(shape, name=name, reset_less=True, attrs={"keep": "true"} if rescaled else {})


def rescales(activation: Thresholds | Requantiser | None) -> bool:
    """Whether ``activation`` multiplies the sums that it reads."""
    return isinstance(activation, Requantiser)
