"""The best design of a space, proven: the fastest within a budget, or the cheapest that is fast enough."""

from bisect import bisect_left

from finnr_rtl.cost.resources import Resources
from finnr_rtl.folding.program import Solution, cheapest, feasible
from finnr_rtl.folding.space import Space

__all__ = ["fastest", "least_cycles", "limits"]


def least_cycles(space: Space) -> int:
    """Cycles per frame of the slowest layer at its fastest, whatever that takes."""
    return max(int(options.cycles.min()) for options in space.options)


def limits(space: Space, fewest: int) -> list[int]:
    """Every number of cycles per frame that a design may have, rising; ``fewest`` in place of what is below it."""
    least = max(fewest, least_cycles(space))
    return sorted({max(least, cycles) for options in space.options for cycles in options.cycles.tolist()})


def fastest(space: Space, fewest: int, budget: Resources, whole: Resources) -> Solution | None:
    """The design of fewest cycles within ``budget``, but no fewer than ``fewest``, and of all these the one that takes the least
    share of ``whole``; None where nothing is within the budget.

    What is within the budget at some number of cycles is so at any greater one, so candidates are bisected: first with the relaxation,
    which is quick to rule out most, then from there on with whole designs, of which only the last one need be the cheapest.
    """
    candidates = limits(space, fewest)
    if not feasible(space, candidates[-1], budget):
        return None
    low = bisect_left(candidates, True, key=lambda limit: feasible(space, limit, budget))
    # The relaxation is seldom wrong by much: rising steps from where it begins to find room, then back.
    high, step = low, 1
    while high < len(candidates) and not feasible(space, candidates[high], budget, whole=True):
        low, high, step = high + 1, max(high + 1, min(high + step, len(candidates) - 1)), 2 * step
    high = bisect_left(candidates, True, low, min(high, len(candidates)), key=lambda limit: feasible(space, limit, budget, whole=True))
    # The first of them, but for what the solver tolerates.
    return next(filter(None, (cheapest(space, limit, budget, whole) for limit in candidates[high:])), None)
