"""What is asked of a design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from finnr_rtl.errors import UserError

if TYPE_CHECKING:
    from finnr_rtl.network.network import Network
    from finnr_rtl.platforms import Platform

__all__ = ["COST_MODELS", "OPTIMISERS", "Goal"]

OPTIMISERS = ("exact", "finn-r")
COST_MODELS = ("finnr_rtl", "finn-r")


@dataclass(frozen=True)
class Goal:
    """``target_fps`` frames per second with the least resources, or, where it is None, as many as the board's budget allows, at
    ``clock_mhz`` (None: the board's own clock).

    ``given`` has the values that layers must keep, by name: fields of ``Fold``, as many as wanted. ``caps`` are shares of the device, by
    resource (see ``folding.budget``). ``optimiser`` is one of ``OPTIMISERS``: "exact", or "finn-r" for FINN-R's Algorithm 1;
    ``cost_model``, one of ``COST_MODELS``, is what it counts resources by. Raises ``UserError`` for other names.
    """

    target_fps: float | None = None
    clock_mhz: float | None = None
    given: Mapping[str, Mapping[str, int | str]] = field(default_factory=dict)
    caps: Mapping[str, float] = field(default_factory=dict)
    optimiser: str = "exact"
    cost_model: str = "finnr_rtl"

    def __post_init__(self):
        for option, value, known in (("optimiser", self.optimiser, OPTIMISERS), ("cost-model", self.cost_model, COST_MODELS)):
            if value not in known:
                raise UserError(f"--{option} {value!r} is unknown: choose one of {', '.join(known)}")

    def clock(self, board: Platform) -> float:
        """The design's clock in MHz."""
        return self.clock_mhz or board.clock_mhz

    def cycles(self, network: Network, board: Platform) -> int | None:
        """Most cycles per batch with which the target is reached; None without one."""
        return max(1, int(self.clock(board) * 1e6 * network.batch / self.target_fps)) if self.target_fps else None

    def fewest_cycles(self, network: Network, board: Platform) -> int:
        """Cycles per batch below which the board's memory would not keep up."""
        taken, given = (
            [prod(network.shape_of(name)) * network.type_of(name).bits for name in names]
            for names in ([port.name for port in network.inputs], [port.layer for port in network.outputs])
        )
        return board.memory.cycles(taken, given, self.clock(board))
