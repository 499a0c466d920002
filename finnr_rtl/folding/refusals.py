"""What a user is told who asks for more than there is."""

from collections.abc import Callable

import numpy as np

from finnr_rtl.cost.resources import RESOURCES, Resources
from finnr_rtl.errors import UserError
from finnr_rtl.folding.budget import budget
from finnr_rtl.folding.exact import least_cycles
from finnr_rtl.folding.goal import Goal
from finnr_rtl.folding.program import cheapest, tightest
from finnr_rtl.folding.space import Space
from finnr_rtl.network.summary import unit
from finnr_rtl.platforms import Platform, load, names

__all__ = ["no_fit", "no_target"]


def no_fit(spaces: Callable[[str], Space], board: Platform, goal: Goal, reserve: Resources) -> UserError:
    """That nothing fits ``board`` at any speed, not even the design that comes closest: what is short, by how much, and the smallest of
    our boards on which it would fit.

    ``spaces`` gives the designs for a device family; ``reserve`` is what FIFOs take beside them.
    """
    space, have = spaces(board.family), budget(board, goal.caps)
    need = _closest(space, have, reserve)
    short = [name for name in RESOURCES if getattr(need, name) > getattr(have, name)]
    over = need - have
    lacks = ", ".join(
        f"{getattr(need, name):,} {name.upper()}, of which {getattr(have, name):,} may be used ({getattr(over, name):,} short)"
        for name in short
    )
    larger = None
    boards = sorted((load(name) for name in names() if name != board.name), key=lambda other: (other.device.lut, other.name))
    for other in boards:
        designs = spaces(other.family)
        if cheapest(designs, _slowest(designs), budget(other, goal.caps) - reserve, other.device) is not None:
            larger = other
            break
    remedy = f"the smallest of our boards on which it would fit is {larger.name}" if larger else "it fits none of our boards"
    given = " with the folds given" if goal.given else ""
    name = space.network.name
    return UserError(f"network {name!r} does not fit {board.name} at any folding{given}: the closest takes {lacks or 'more'}; {remedy}")


def _slowest(space: Space) -> int:
    return max(int(options.cycles.max()) for options in space.options)


def _closest(space: Space, have: Resources, reserve: Resources) -> Resources:
    """What the design takes that comes closest to ``have``, rooms included."""
    # Of what is not there at all, one: else nothing could come close to it.
    room = Resources(*np.maximum(1, [*vars(have - reserve).values()]).tolist())
    solution = tightest(space, _slowest(space), room)
    return space.resources(solution.rows) + reserve


def no_target(space: Space, board: Platform, goal: Goal, wanted: int, fewest: int, possible: int) -> UserError:
    """That ``wanted`` cycles per batch are too few, why, and that ``possible`` are the fewest; memory needs at least ``fewest``."""
    clock, batch = goal.clock(board), space.network.batch
    each = unit(batch)
    least = least_cycles(space)
    if wanted < fewest:
        reason = f"the memory of {board.name} takes {fewest:,} cycles to bring a {each} and to take its result"
    elif wanted < least:
        slow = max(space.options, key=lambda options: int(options.cycles.min()))
        reason = f"layer {slow.layer.name!r} takes {least:,} cycles at its fastest{' with the fold given' if goal.given else ''}"
    else:
        reason = f"no folding of {wanted:,} cycles fits the budget on {board.name}"
    asked = f"{goal.target_fps:,.0f} frames/s at {clock:g} MHz leave {wanted:,} cycles per {each}, but {reason}"
    most = f"the most possible is {clock * 1e6 * batch / possible:,.0f} frames/s ({possible:,} cycles per {each})"
    return UserError(f"{asked}; {most}")
