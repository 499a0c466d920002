"""From a network, a board and a goal to a folding that fits, rooms between the stages included."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from math import inf
from typing import NamedTuple

from finnr_rtl.cost.registry import MODELS
from finnr_rtl.cost.resources import RESOURCES, Resources
from finnr_rtl.dataflow.rooms import size_rooms
from finnr_rtl.dataflow.stages import Stage, lower
from finnr_rtl.errors import UserError
from finnr_rtl.folding.budget import budget
from finnr_rtl.folding.exact import fastest, least_cycles, limits
from finnr_rtl.folding.finn_r import algorithm_1
from finnr_rtl.folding.folding import CHOICES, FoldedNetwork
from finnr_rtl.folding.goal import Goal
from finnr_rtl.folding.program import cheapest, shares
from finnr_rtl.folding.refusals import no_fit, no_target
from finnr_rtl.folding.space import Space
from finnr_rtl.network.network import Network
from finnr_rtl.platforms import Platform

__all__ = ["Optimised", "optimise", "space_of"]

# Products of a cycle that a LUT or a multiplier block can do at the very most; what needs more than there is of both is not counted.
PRODUCTS_PER_CELL = 2

# Cycles per frame of a layer that are looked at, as multiples of the least that the whole can have: what is slower than a design that
# fits needs not be counted.
REACHES = (1, 8, inf)

# Designs whose rooms are sized before a number of cycles is taken to be out of reach.
TRIES = 3


@dataclass(frozen=True, eq=False)
class Optimised:
    """A folding, its ``stages`` with their rooms, what each layer takes by the goal's cost model (what belongs to no layer under the
    empty name) and the ``budget`` that the sum is within.

    ``gap`` is the share by which a better design could undercut this one, at most: in cycles per frame, or where there was a target in
    the sum of the shares of the budget; compared with the best design whose FIFOs take nothing. None where the optimiser proves nothing.
    """

    folded: FoldedNetwork
    stages: list[Stage]
    layers: Mapping[str, Resources]
    budget: Resources
    gap: float | None

    @property
    def total(self) -> Resources:
        """What the design takes."""
        return sum(self.layers.values(), Resources())


def space_of(network: Network, goal: Goal, room: Resources, family: str, reach: float = inf, least: int = 1) -> Space:
    """The designs that the goal's optimiser chooses from, counted by its cost model for a device family; such as are within ``room``
    are all among them. ``least`` cycles per frame are fast enough."""
    model = MODELS[goal.cost_model]
    given, pruned = goal.given, True
    if goal.optimiser == "finn-r":
        # Algorithm 1 chooses factors alone, and may pass through folds that are not worth it.
        automatic = dict.fromkeys(CHOICES, "auto")
        given, pruned = {layer.name: {**automatic, **given.get(layer.name, {})} for layer in network.layers}, False
    layer_cost, core_cost = (lambda layer, fold: model.layer(layer, fold, family)), (lambda config: model.core(config, family))
    return Space(network, given, layer_cost, core_cost, PRODUCTS_PER_CELL * (room.lut + room.dsp), least, pruned, reach)


def optimise(network: Network, board: Platform, goal: Goal, progress: Callable[[str], None] = lambda _: None) -> Optimised:
    """The folding that reaches ``goal`` on ``board``; ``progress`` is told each step.

    The optimisers know what layers and converters take, but not FIFOs, whose depths follow from the whole. So the rooms of what they
    find are sized, and where it is over the budget then, what the rooms take is set aside and the rest is asked for again. Each time
    more is set aside, so this ends: with a design that fits, or because none does. What was set aside was for the rooms of other
    designs, so all that may be faster is bisected once more, with what the rooms there take.

    Raises ``UserError`` where nothing fits, where the target is out of reach, and for caps out of range.
    """
    search = _Search(network, board, goal, progress)
    first = search.choose(Resources())
    best = search.sized(first)
    reserve = Resources()
    while not best.total <= search.room:
        reserve = search.more(reserve, best)
        best = search.sized(search.choose(reserve))
    if goal.optimiser != "exact":
        return search.result(best, None)
    if goal.target_fps:
        bound, value = (_share(space.resources(rows), search.room) for space, rows in (first, best.choice))
        return search.result(best, max(0.0, 1 - bound / value) if value else 0.0)
    bound, space = search.cycles(first), best.choice.space
    between = [limit for limit in limits(space, search.fewest) if bound <= limit < search.cycles(best.choice)]
    low, high = 0, len(between)
    while low < high:
        middle = (low + high) // 2
        found = search.within(space, between[middle])
        if found is None:
            low = middle + 1
        else:
            best, high = found, bisect_left(between, search.cycles(found.choice))
    return search.result(best, max(0.0, 1 - bound / search.cycles(best.choice)))


class _Choice(NamedTuple):
    """A design of a space."""

    space: Space
    rows: list[int]


class _Sized(NamedTuple):
    """A choice with its rooms, and what these take beside what the choice was reckoned to."""

    choice: _Choice
    folded: FoldedNetwork
    stages: list[Stage]
    layers: Mapping[str, Resources]
    total: Resources
    rooms: Resources


class _Search:
    """What is asked for, and the steps towards it."""

    def __init__(self, network: Network, board: Platform, goal: Goal, progress: Callable[[str], None]):
        self.network, self.board, self.goal, self.progress = network, board, goal, progress
        self.room = budget(board, goal.caps)
        self.fewest, self.target = goal.fewest_cycles(network, board), goal.cycles(network, board)
        self.spaces = cache(partial(space_of, network, goal, self.room, least=max(self.fewest, self.target or 1)))

    def cycles(self, choice: _Choice) -> int:
        return max(choice.space.cycles(choice.rows), self.fewest)

    def choose(self, reserve: Resources) -> _Choice:
        """The best choice within the budget less ``reserve``; raises ``UserError`` where there is none."""
        self.progress("comparing foldings")
        rest, rows = self.room - reserve, None
        # A layer slower than the target is of no use; and Algorithm 1 begins with the slowest.
        reaches = {"finn-r": (inf,)}.get(self.goal.optimiser, (1, inf) if self.target else REACHES)
        for reach in reaches:
            space = self.spaces(self.board.family, reach)
            self.progress("choosing a folding")
            rows = self._rows(space, rest)
            if rows is not None:
                return _Choice(space, rows)
        best = fastest(space, self.fewest, rest, self.room)
        if best is None:
            raise no_fit(self.spaces, self.board, self.goal, reserve)
        possible = self.cycles(_Choice(space, best.rows))
        if self.goal.optimiser == "finn-r" and (self.target is None or self.target >= possible):
            raise UserError(
                f"Algorithm 1 meets no design of {self.network.name!r} that fits {self.board.name}, but there is one: --optimiser exact"
            )
        raise no_target(space, self.board, self.goal, self.target, self.fewest, possible)

    def _rows(self, space: Space, rest: Resources) -> list[int] | None:
        """The best rows of ``space`` within ``rest``."""
        if self.goal.optimiser == "finn-r":
            return algorithm_1(space, self.fewest, rest, self.room, self.target)
        if self.target is None:
            solution = fastest(space, self.fewest, rest, self.room)
        elif self.target < max(self.fewest, least_cycles(space)):
            return None
        else:
            solution = cheapest(space, self.target, rest, self.room)
        return solution and solution.rows

    def sized(self, choice: _Choice) -> _Sized:
        """The choice with its rooms."""
        self.progress("sizing FIFOs")
        folded = FoldedNetwork(self.network, choice.space.folds(choice.rows))
        stages = size_rooms(lower(folded))
        layers = MODELS[self.goal.cost_model].layers(folded, stages, self.board.family)
        total = sum(layers.values(), Resources())
        return _Sized(choice, folded, stages, layers, total, total - choice.space.resources(choice.rows))

    def more(self, reserve: Resources, over: _Sized) -> Resources:
        """``reserve``, and of what ``over`` is short of, what its rooms take."""
        return Resources(**{
            name: getattr(over.rooms if getattr(over.total, name) > getattr(self.room, name) else reserve, name) for name in RESOURCES
        })

    def within(self, space: Space, limit: int) -> _Sized | None:
        """A design of at most ``limit`` cycles that is within the budget with its own rooms, as far as a few tries find one."""
        reserve = Resources()
        for _ in range(TRIES):
            self.progress("choosing a folding")
            solution = cheapest(space, limit, self.room - reserve, self.room)
            if solution is None:
                return None
            found = self.sized(_Choice(space, solution.rows))
            if found.total <= self.room:
                return found
            reserve = self.more(reserve, found)
        return None

    def result(self, best: _Sized, gap: float | None) -> Optimised:
        return Optimised(best.folded, best.stages, best.layers, self.room, gap)


def _share(resources: Resources, room: Resources) -> float:
    """Sum of the shares of ``room``."""
    return float(shares(room) @ list(vars(resources).values()))
