"""FINN-R's Algorithm 1 (Blott et al., ACM TRETS 11(3), 2018, section 4.4), kept to compare with.

It "systematically widens the most pressing bottlenecks", as in the tool of that time: first Q, then P, then M, each to its next legal
divisor. A design that does not fit is passed over, but does not end the walk: block RAM may fall again where memories get shallower. M
was an option of that tool.
"""

from dataclasses import replace

import numpy as np

from finnr_rtl.cost.resources import Resources
from finnr_rtl.folding.folding import Fold, legal_factors
from finnr_rtl.folding.program import shares
from finnr_rtl.folding.space import Space
from finnr_rtl.network.layers import Conv

__all__ = ["algorithm_1"]

# The tool's limits per layer; Q does not span kernel taps.
MOST = {"simd": 32, "pe": 32, "mmv": 64}


def algorithm_1(space: Space, fewest: int, budget: Resources, whole: Resources, target: int | None) -> list[int] | None:
    """The rows of the design that Algorithm 1 ends with, within ``budget``: the fastest it meets, or, with a ``target``, the first of at
    most so many cycles per frame. None where it meets none.

    ``space`` must have every fold of a layer, not only those worth it. The published algorithm knows no layers without products: these
    take the least share of ``whole`` that keeps up with the slowest that has some. Designs are measured by our cycles, and what is
    faster than ``fewest`` cycles per frame counts as no faster.
    """
    layers = space.network.layers
    places = [{fold: row for row, fold in enumerate(options.folds)} for options in space.options]
    rows = [_start(options.folds) for options in space.options]
    products = [place for place, layer in enumerate(layers) if isinstance(layer, Conv)]
    worth = shares(whole)
    best, best_cycles = None, None
    while True:
        pace = max((_mvtu_cycles(layers[place], space.options[place].folds[rows[place]]) for place in products), default=1)
        for place, options in enumerate(space.options):
            if place not in products:
                rows[place] = _cheapest(options.cycles, options.resources @ worth, pace)
        cycles = max(fewest, space.cycles(rows))
        if target is not None:
            if cycles <= target:
                return rows if space.resources(rows) <= budget else None
        elif (best_cycles is None or cycles < best_cycles) and space.resources(rows) <= budget:
            best, best_cycles = list(rows), cycles
        slowest = next((place for place in products if _mvtu_cycles(layers[place], space.options[place].folds[rows[place]]) == pace), None)
        wider = None if slowest is None else _wider(layers[slowest], space.options[slowest].folds[rows[slowest]], places[slowest])
        if wider is None:
            return best
        rows[slowest] = wider


def _mvtu_cycles(layer: Conv, fold: Fold) -> int:
    """Cycles per frame of the layer's products alone, which is where the algorithm looks for the bottleneck."""
    return layer.operations // 2 // (fold.pe * fold.simd * fold.mmv)


def _start(folds: tuple[Fold, ...]) -> int:
    """The fold without any parallelism, as far as it is free."""
    return min(range(len(folds)), key=lambda row: (folds[row].pe * folds[row].simd * folds[row].mmv, row))


def _wider(layer: Conv, fold: Fold, places: dict[Fold, int]) -> int | None:
    """The row of the next fold of a layer; None where it can be widened no more."""
    for key, most in MOST.items():
        for value in legal_factors(layer)[key]:
            spans_taps = key == "simd" and layer.weights.shape[3] % value
            if getattr(fold, key) < value <= most and not spans_taps and replace(fold, **{key: value}) in places:
                return places[replace(fold, **{key: value})]
    return None


def _cheapest(cycles: np.ndarray, costs: np.ndarray, pace: int) -> int:
    """The row of least cost within ``pace``, or the fastest where none is."""
    within = np.flatnonzero(cycles <= max(pace, cycles.min()))
    return int(within[costs[within].argmin()])
