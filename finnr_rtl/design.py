"""From a network, a board and a goal to a design: every choice made, cycles and resources known, nothing written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from finnr_rtl.cost.resources import Resources
from finnr_rtl.dataflow.rooms import size_rooms
from finnr_rtl.dataflow.stages import Stage, lower
from finnr_rtl.dataflow.timing import Cycles, predict
from finnr_rtl.folding.balance import balance
from finnr_rtl.folding.folding import Fold, FoldedNetwork
from finnr_rtl.network.network import Network
from finnr_rtl.platforms import Platform

__all__ = ["Design", "Goal", "design"]


@dataclass(frozen=True)
class Goal:
    """What is asked of a design: ``target_fps`` frames per second with the least resources, or, where it is None, as many as the
    board's budget allows, at ``clock_mhz`` (None: the board's own clock). Layers in ``fixed`` keep their folds."""

    target_fps: float | None = None
    clock_mhz: float | None = None
    fixed: Mapping[str, Fold] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Design:
    """A folded network and what will come of it on ``board`` at ``clock_mhz``: ``stages`` with their rooms, the ``cycles`` of the
    whole, and what each stage takes, by name, in ``costs``."""

    folded: FoldedNetwork
    board: Platform
    clock_mhz: float
    stages: list[Stage]
    cycles: Cycles
    costs: dict[str, Resources]

    @property
    def frames_per_second(self) -> float:
        """At the design's clock."""
        return self.clock_mhz * 1e6 / self.cycles.interval


def design(network: Network, board: Platform, goal: Goal, progress: Callable[[str], None] = lambda _: None) -> Design:
    """The design for ``goal``; ``progress`` is told each step. Raises ``UserError`` where there is none."""
    clock = goal.clock_mhz or board.clock_mhz
    target = max(1, int(clock * 1e6 / goal.target_fps)) if goal.target_fps else None
    progress("folding")
    folded = balance(network, board, target, goal.fixed)
    progress("computing cycles")
    stages = size_rooms(lower(folded))
    return Design(folded, board, clock, stages, predict(stages), {stage.name: Resources() for stage in stages})
