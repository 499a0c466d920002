"""From a network, a board and a goal to a design: every choice made, cycles and resources known, nothing written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from finnr_rtl.cost.predict import stages_cost
from finnr_rtl.cost.resources import Resources
from finnr_rtl.dataflow.stages import Stage
from finnr_rtl.dataflow.timing import Cycles, predict
from finnr_rtl.folding.folding import FoldedNetwork
from finnr_rtl.folding.goal import Goal
from finnr_rtl.folding.optimise import optimise
from finnr_rtl.garbage import uncollected
from finnr_rtl.network.network import Network
from finnr_rtl.platforms import Platform

__all__ = ["Design", "Goal", "design"]


@dataclass(frozen=True, eq=False)
class Design:
    """A folded network and what will come of it on ``board``: ``stages`` with their rooms, the ``cycles`` of the whole, and what each
    stage takes, by name, in ``costs``, as our own cost model predicts it.

    ``layers`` is what each layer takes by the cost model of the ``goal``, what belongs to no layer under the empty name; ``total`` their
    sum, which is within ``budget``. ``gap`` is the share by which another folding could be better at most (see
    :class:`finnr_rtl.folding.optimise.Optimised`), None where that is not known.
    """

    folded: FoldedNetwork
    board: Platform
    goal: Goal
    stages: list[Stage]
    cycles: Cycles
    costs: Mapping[str, Resources]
    layers: Mapping[str, Resources]
    total: Resources
    budget: Resources
    gap: float | None

    @property
    def clock_mhz(self) -> float:
        """The design's clock."""
        return self.goal.clock(self.board)

    @property
    def batches_per_second(self) -> float:
        """At the design's clock."""
        return self.clock_mhz * 1e6 / self.cycles.interval

    @property
    def frames_per_second(self) -> float:
        """At the design's clock, all frames of a batch counted."""
        return self.clock_mhz * 1e6 * self.folded.network.batch / self.cycles.interval


@uncollected()
def design(network: Network, board: Platform, goal: Goal, progress: Callable[[str], None] = lambda _: None) -> Design:
    """The design for ``goal``; ``progress`` is told each step. Raises ``UserError`` where there is none."""
    best = optimise(network, board, goal, progress)
    progress("computing cycles")
    costs = stages_cost(best.stages, board.family)
    return Design(best.folded, board, goal, best.stages, predict(best.stages), costs, best.layers, best.total, best.budget, best.gap)
