"""How much of a board a design may take."""

from collections.abc import Mapping

from finnr_rtl.cost.resources import RESOURCES, Resources
from finnr_rtl.errors import UserError
from finnr_rtl.platforms import Platform

__all__ = ["CAPS", "budget"]

# Shares of a device that placers and routers can still work with. FINN-R fills 0.7 of the LUTs (2.5 of its tool's device model); there are
# two flip-flops to a LUT, in the same slices, so they get the same share. Memories and multipliers stand in columns of their own, where
# less depends on what is next to them.
CAPS = {"lut": 0.7, "ff": 0.7, "bram18": 0.9, "dsp": 0.9, "uram": 0.9}


def budget(board: Platform, caps: Mapping[str, float]) -> Resources:
    """What a design may take of ``board``: of each resource the share ``caps`` of the device, 0 <= x <= 1 (where there is none, that of
    ``CAPS``), less what the shell takes.

    Raises ``UserError`` for a cap out of range.
    """
    for name, share in caps.items():
        if name not in RESOURCES:
            raise UserError(f"there is no resource {name!r} to cap: choose one of {', '.join(RESOURCES)}")
        if not 0 <= share <= 1:
            raise UserError(f"--max-{name} {share:g} is out of range: give a share of the device from 0 to 1, e.g. {CAPS[name]:g}")
    shares = {**CAPS, **caps}
    return Resources(
        **{name: max(0, int(shares[name] * getattr(board.device, name)) - getattr(board.shell, name)) for name in RESOURCES}
    )
