"""What hardware takes of a device."""

from dataclasses import dataclass, fields

__all__ = ["RESOURCES", "Resources"]


@dataclass(frozen=True)
class Resources:
    """Counts of cells, of a design or of a device.

    ``lut`` are lookup tables (six inputs on Xilinx devices, four on ECP5 and iCE40), those used as memory or shift registers included;
    ``ff`` flip-flops; ``bram18`` block RAMs of 18 kbit, halves where a device has them twice as large, and of 4 kbit on iCE40; ``dsp``
    multiplier blocks; ``uram`` the 288 kbit memories of UltraScale+.
    """

    lut: int = 0
    ff: int = 0
    bram18: int = 0
    dsp: int = 0
    uram: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(*(getattr(self, name) + getattr(other, name) for name in RESOURCES))

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(*(getattr(self, name) - getattr(other, name) for name in RESOURCES))

    def __le__(self, other: "Resources") -> bool:
        """Whether there is no more of anything here than in ``other``."""
        return all(getattr(self, name) <= getattr(other, name) for name in RESOURCES)


RESOURCES = tuple(field.name for field in fields(Resources))
