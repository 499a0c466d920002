"""From a network, a board and a goal to a folding that fits, rooms between the stages included."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from finnr_rtl.cost.registry import MODELS
from finnr_rtl.cost.resources import RESOURCES, Resources
from finnr_rtl.dataflow.rooms import size_rooms
from finnr_rtl.dataflow.stages import Stage, lower
from finnr_rtl.errors import UserError
from finnr_rtl.folding.budget import budget
from finnr_rtl.folding.exact import fastest, least_cycles
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


def space_of(network: Network, goal: Goal, room: Resources, family: str, least: int = 1) -> Space:
    """The designs that the goal's optimiser chooses from, counted by its cost model for a device family; such as are within ``room``
    are all among them. ``least`` cycles per frame are fast enough."""
    model = MODELS[goal.cost_model]
    given, pruned = goal.given, True
    if goal.optimiser == "finn-r":
        # Algorithm 1 chooses factors alone, and may pass through folds that are not worth it.
        automatic = dict.fromkeys(CHOICES, "auto")
        given, pruned = {layer.name: {**automatic, **given.get(layer.name, {})} for layer in network.layers}, False
    layer_cost, core_cost = (lambda layer, fold: model.layer(layer, fold, family)), (lambda config: model.core(config, family))
    return Space(network, given, layer_cost, core_cost, PRODUCTS_PER_CELL * (room.lut + room.dsp), least, pruned)


def optimise(network: Network, board: Platform, goal: Goal, progress: Callable[[str], None] = lambda _: None) -> Optimised:
    """The folding that reaches ``goal`` on ``board``; ``progress`` is told each step.

    The optimisers know what layers and converters take, but not FIFOs, whose depths follow from the whole. So the rooms of what they
    find are sized, and where it is over the budget then, what the rooms take is set aside and the rest is asked for again. Each time
    more is set aside, so this ends: with a design that fits, or because none does.

    Raises ``UserError`` where nothing fits, where the target is out of reach, and for caps out of range.
    """
    room = budget(board, goal.caps)
    progress("comparing foldings")
    spaces = cache(partial(space_of, network, goal, room, least=max(goal.fewest_cycles(network, board), goal.cycles(board) or 1)))
    model = MODELS[goal.cost_model]
    space = spaces(board.family)
    reserve, bound = Resources(), None
    while True:
        progress("choosing a folding")
        rows = _choose(spaces, network, board, goal, room, reserve)
        counted = space.resources(rows)
        value = _share(counted, room) if goal.target_fps else max(space.cycles(rows), goal.fewest_cycles(network, board))
        bound = value if bound is None else bound
        progress("sizing FIFOs")
        folded = FoldedNetwork(network, space.folds(rows))
        stages = size_rooms(lower(folded))
        layers = model.layers(folded, stages, board.family)
        total = sum(layers.values(), Resources())
        if total <= room:
            gap = max(0.0, 1 - bound / value) if goal.optimiser == "exact" and value else None
            return Optimised(folded, stages, layers, room, gap)
        rooms = total - counted
        reserve = Resources(**{
            name: getattr(rooms if getattr(total, name) > getattr(room, name) else reserve, name) for name in RESOURCES
        })


def _share(resources: Resources, room: Resources) -> float:
    """Sum of the shares of ``room``."""
    return float(shares(room) @ list(vars(resources).values()))


def _choose(
    spaces: Callable[[str], Space], network: Network, board: Platform, goal: Goal, room: Resources, reserve: Resources
) -> list[int]:
    """The best rows within ``room`` less ``reserve``; raises ``UserError`` where there are none."""
    space, fewest, target = spaces(board.family), goal.fewest_cycles(network, board), goal.cycles(board)
    rest = room - reserve
    if goal.optimiser == "finn-r":
        rows = algorithm_1(space, fewest, rest, room, target)
    elif target is None:
        solution = fastest(space, fewest, rest, room)
        rows = solution and solution.rows
    else:
        solution = cheapest(space, target, rest, room) if target >= max(fewest, least_cycles(space)) else None
        rows = solution and solution.rows
    if rows is not None:
        return rows
    best = fastest(space, fewest, rest, room)
    if best is None:
        raise no_fit(spaces, board, goal, reserve)
    possible = max(fewest, space.cycles(best.rows))
    if goal.optimiser == "finn-r" and (target is None or target >= possible):
        raise UserError(f"Algorithm 1 meets no design of {network.name!r} that fits {board.name}, but there is one: --optimiser exact")
    raise no_target(space, board, goal, target, fewest, possible)
