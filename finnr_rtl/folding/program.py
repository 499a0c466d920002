"""The choice of one option per layer as an integer program, solved by HiGHS."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from finnr_rtl.cost.resources import Resources
from finnr_rtl.folding.space import Space

__all__ = ["Solution", "cheapest", "feasible", "shares", "tightest"]


@dataclass(frozen=True)
class Solution:
    """``rows`` is the option of each layer; ``value`` what was minimised, proven to be within the share ``gap`` of the least."""

    rows: list[int]
    value: float
    gap: float


class _Program:
    """The designs of ``space`` of at most ``limit`` cycles per frame.

    A binary variable says of each option whether it is taken; exactly one is, per layer. A continuous variable for each edge and pair of
    widths is 1 where the stream has these: its sums over one side must agree with the options on the other, so that it is whole where
    they are. A chain of layers in this form has a relaxation that is whole already, were it not for the budget that couples them.
    """

    def __init__(self, space: Space, limit: int):
        self.space = space
        self.rows = [np.flatnonzero(options.cycles <= limit) for options in space.options]
        self.starts = np.concatenate([[0], np.cumsum([len(rows) for rows in self.rows])])
        entries, right = [], []
        for layer, rows in enumerate(self.rows):
            entries.append((len(right), self.starts[layer] + np.arange(len(rows)), 1))
            right.append(1)
        resources = [space.options[layer].resources[rows] for layer, rows in enumerate(self.rows)]
        size = self.starts[-1]
        for edge in space.edges:
            before, after = edge.before[self.rows[edge.source]], edge.after[self.rows[edge.target]]
            left, others = np.unique(before), np.unique(after)
            pairs = size + np.arange(len(left) * len(others)).reshape(len(left), len(others))
            size += pairs.size
            for place, (layer, lanes, widths) in enumerate(((edge.source, before, left), (edge.target, after, others))):
                for index, width in enumerate(widths.tolist()):
                    entries.append((len(right), self.starts[layer] + np.flatnonzero(lanes == width), 1))
                    entries.append((len(right), pairs.take(index, axis=place), -1))
                    right.append(0)
            resources.append(np.array([edge.costs[a, b] for a in left.tolist() for b in others.tolist()]))
        places = [np.column_stack([np.full(len(columns), row), columns, np.full(len(columns), sign)]) for row, columns, sign in entries]
        row, column, sign = np.concatenate(places).T
        self.size = int(size)
        self.equations = csr_array((sign.astype(float), (row, column)), shape=(len(right), self.size))
        self.right = np.array(right, dtype=float)
        self.resources = np.concatenate(resources).T.astype(float)

    def solve(self, objective: np.ndarray, budget: np.ndarray, stretch: bool = False, whole: bool = True) -> Solution | None:
        """Least ``objective`` (by variable) within ``budget`` (by resource); with ``stretch``, the least factor on the budget instead.

        Without ``whole`` options may be taken in part, which is no design but never worse than the best. None where nothing is within
        the budget.
        """
        if min(len(rows) for rows in self.rows) == 0:
            return None
        # In shares of the budget, so that the solver's tolerances mean the same for all; nothing can be had of what there is none of.
        scale = np.maximum(budget, 1)
        usage, bound = self.resources / scale[:, None], budget / scale
        equations, upper = self.equations, np.ones(self.size)
        if stretch:
            usage = np.column_stack([usage, -bound])
            bound = np.zeros(len(bound))
            equations = csr_array((equations.data, equations.indices, equations.indptr), shape=(equations.shape[0], self.size + 1))
            objective, upper = np.append(np.zeros(self.size), 1), np.append(upper, np.inf)
        binary = np.zeros(len(objective))
        binary[: self.starts[-1]] = whole
        result = milp(
            objective,
            integrality=binary,
            bounds=Bounds(0, upper),
            constraints=[LinearConstraint(equations, self.right, self.right), LinearConstraint(usage, -np.inf, bound)],
            options={"mip_rel_gap": 0},
        )
        if result.x is None:
            return None
        rows = [int(own[result.x[start : start + len(own)].argmax()]) for start, own in zip(self.starts[:-1], self.rows, strict=True)]
        return Solution(rows, float(result.fun), float(result.mip_gap or 0))


def _values(resources: Resources) -> np.ndarray:
    return np.array([*vars(resources).values()], dtype=float)


def feasible(space: Space, limit: int, budget: Resources, whole: bool = False) -> bool:
    """Whether the relaxation, or with ``whole`` a design, of at most ``limit`` cycles is within ``budget``: where the relaxation is not,
    no design is. That is known long before the cheapest is."""
    program = _Program(space, limit)
    return program.solve(np.zeros(program.size), _values(budget), whole=whole) is not None


def cheapest(space: Space, limit: int, budget: Resources, whole: Resources) -> Solution | None:
    """The design of at most ``limit`` cycles within ``budget`` that takes the least: least sum of shares of ``whole``; or None."""
    program = _Program(space, limit)
    return program.solve(shares(whole) @ program.resources, _values(budget))


def shares(whole: Resources) -> np.ndarray:
    """What one of each resource is worth where ``whole`` is all there is; what there is none of is worth nothing."""
    return np.array([1 / count if count > 0 else 0 for count in vars(whole).values()])


def tightest(space: Space, limit: int, budget: Resources) -> Solution:
    """The design of at most ``limit`` cycles that comes closest to ``budget``, nearly: of the relaxation, ``value`` of whose worst resource
    is the least there is, each layer's largest part. To prove the closest would take many times as long.

    Raises ``ValueError`` for a budget in which there is none of something.
    """
    if min(vars(budget).values()) < 1:
        raise ValueError(f"budget={budget} must have something of each resource")
    program = _Program(space, limit)
    solution = program.solve(np.zeros(program.size), _values(budget), stretch=True, whole=False)
    assert solution is not None
    return solution
