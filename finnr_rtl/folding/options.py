"""What one layer may be: its legal folds, each with its cycles, its resources and the width of its streams."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from math import inf
from weakref import WeakKeyDictionary

import numpy as np

from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cost.resources import Resources
from finnr_rtl.dataflow.engines import engine
from finnr_rtl.folding.folding import Fold, check_fold, legal_choices, legal_factors
from finnr_rtl.network.layers import Conv, Layer

__all__ = ["LayerCost", "Options", "folds", "quickest", "undominated"]

# Resources of a layer at a fold.
LayerCost = Callable[[Layer, Fold], Resources]

# Choices that are priced together, and what their prices depend on beside the layer: a memory's words and their width, or the number of
# products. Few words of weights are in no memory but in the LUTs of products, where these are in LUTs.
PRICED_BY = {
    ("weights", "arithmetic"): ("pe", "simd", "mmv", "window"),
    ("thresholds",): ("pe", "mmv"),
}


def shapes(layer: Layer, given: Mapping[str, int | str]) -> Iterator[Fold]:
    """Every legal combination of factors and windows of ``layer`` that has the values ``given``, in a fixed order; fewer windows at a time
    come before more of the same ``pe`` and ``simd``. Other choices are as given, or "auto"."""
    legal = legal_factors(layer) | {key: values for key, values in legal_choices(layer).items() if key == "window"}
    values = [[given[key]] if key in given else legal[key] for key in legal]
    for combination in product(*values):
        fold = Fold(**{**given, **dict(zip(legal, combination, strict=True))})
        try:
            check_fold(layer, fold)
        except ValueError:
            continue
        yield fold


def choices(layer: Layer, given: Mapping[str, int | str]) -> dict[str, list[str]]:
    """What is left to choose at a shape of ``layer``: where memories and products go, as far as it makes a difference."""
    return {key: values for key, values in legal_choices(layer).items() if key != "window" and key not in given}


def folds(layer: Layer, given: Mapping[str, int | str]) -> Iterator[Fold]:
    """Every legal fold of ``layer`` that has the values ``given``, in a fixed order; what makes no difference for the layer is "auto"."""
    open_ = choices(layer, given)
    for shape in shapes(layer, given):
        for values in product(*open_.values()):
            yield replace(shape, **dict(zip(open_, values, strict=True)))


def quickest(layer: Layer, given: Mapping[str, int | str]) -> int:
    """Cycles per frame that no fold of ``layer`` with the values ``given`` undercuts."""
    most = {key: values[-1] for key, values in legal_factors(layer).items()}
    return min((_cycles(engine(layer, fold)) for fold in shapes(_in_order(layer), {**most, **given})), default=1)


@dataclass(frozen=True, eq=False)
class Options:
    """The options of ``layer``, row by row: ``folds``, ``cycles`` per frame (n,), ``resources`` (n, len(RESOURCES)), and values a beat
    of each stream taken, ``takes`` (n, inputs), and of the one given, ``gives`` (n,)."""

    layer: Layer
    folds: tuple[Fold, ...]
    cycles: np.ndarray
    resources: np.ndarray
    takes: np.ndarray
    gives: np.ndarray

    @staticmethod
    def of(
        layer: Layer, given: Mapping[str, int | str], cost: LayerCost, most: int, least: int, slowest: float = inf
    ) -> "Options":
        """All legal options with the values ``given``, up to ``most`` products a cycle and up to ``slowest`` cycles per frame; if none has
        so few, those with the fewest.

        Where the whole cannot be faster than ``least`` cycles per frame, windows are not taken more at a time than is enough for that: each
        more takes a datapath of its own, and all that it could save is a width converter's registers. Of the choices that add up to the
        same shape those are left out that another one undercuts, whatever else is chosen.
        """
        layer = _in_order(layer)
        every = list(shapes(layer, given))
        most = max(most, min(map(_products, every)))
        pricing = _Pricing(layer, given, cost)
        enough: dict[tuple[int, int], int] = {}
        found = []
        for shape in every:
            matrix = shape.pe, shape.simd
            if _products(shape) > most or shape.mmv > enough.get(matrix, shape.mmv):
                continue
            cores = engine(layer, shape)
            cycles = _cycles(cores)
            if cycles <= least:
                enough[matrix] = shape.mmv
            found.append((shape, cores, cycles))
        slowest = max(slowest, min(cycles for _, _, cycles in found))
        rows = []
        for shape, cores, cycles in found:
            if cycles > slowest:
                continue
            takes, gives = [spec.lanes for spec in cores[0][1].inputs], cores[-1][1].output.lanes
            rows += [(fold, cycles, resources, takes, gives) for fold, resources in pricing.options(shape)]
        found, cycles, resources, takes, gives = zip(*rows, strict=True)
        return Options(layer, found, *(np.array(column, dtype=np.int64) for column in (cycles, resources, takes, gives)))

    def pruned(self, least: int) -> "Options":
        """The options worth a thought: no other one with the same streams is at most as slow and as large in every resource. What is
        faster than ``least`` cycles per frame counts as no faster."""
        _, streams = np.unique(np.column_stack([self.takes, self.gives]), axis=0, return_inverse=True)
        measure = np.column_stack([np.maximum(self.cycles, least), self.resources])
        kept = [rows[undominated(measure[rows])] for rows in (np.flatnonzero(streams == kind) for kind in range(streams.max() + 1))]
        return self.only(np.sort(np.concatenate(kept)))

    def only(self, rows: np.ndarray) -> "Options":
        """The options in ``rows``."""
        picked = tuple(self.folds[row] for row in rows)
        return Options(self.layer, picked, self.cycles[rows], self.resources[rows], self.takes[rows], self.gives[rows])

    def __len__(self) -> int:
        return len(self.folds)


class _Pricing:
    """What a layer takes at each shape and choice.

    Where thresholds go is independent of the rest, so it is priced alone, once for all shapes at which it is the same, and prices are
    added. Sums may be a LUT off, as each is rounded.
    """

    def __init__(self, layer: Layer, given: Mapping[str, int | str], cost: LayerCost):
        self._cost = lambda fold: np.array([*vars(cost(layer, fold)).values()], dtype=np.int64)
        self._choices = choices(layer, given)
        self._known: dict[tuple, list[tuple[dict[str, str], np.ndarray]]] = {}

    def options(self, shape: Fold) -> Iterator[tuple[Fold, np.ndarray]]:
        """The folds of a shape worth a thought and what each takes."""
        shape = replace(shape, **{key: values[0] for key, values in self._choices.items()})
        base = self._cost(shape)
        for combination in product(*(self._prices(shape, base, keys) for keys in PRICED_BY)):
            chosen = {key: value for values, _ in combination for key, value in values.items()}
            yield replace(shape, **chosen), sum((price for _, price in combination), base)

    def _prices(self, shape: Fold, base: np.ndarray, keys: tuple[str, ...]) -> list[tuple[dict[str, str], np.ndarray]]:
        """What the values of some choices take beside what their first ones do; only such as no others undercut."""
        known = keys, *(getattr(shape, name) for name in PRICED_BY[keys])
        if known not in self._known:
            open_ = [key for key in keys if key in self._choices]
            every = [dict(zip(open_, values, strict=True)) for values in product(*(self._choices[key] for key in open_))]
            prices = [self._cost(replace(shape, **values)) - base for values in every[1:]]
            prices = np.array([np.zeros_like(base), *prices])
            self._known[known] = [(every[row], prices[row]) for row in np.sort(undominated(prices))]
        return self._known[known]


class _InOrder(Conv):
    """A convolution whose weights keep their columns' order whichever way its windows come.

    The order makes next to no difference to what cores take, but there is one for each number of channels, and each would have to be
    looked at weight by weight.
    """

    def matrix_by(self, channels):
        return self.matrix


_ordered: WeakKeyDictionary[Conv, _InOrder] = WeakKeyDictionary()


def _in_order(layer: Layer) -> Layer:
    """``layer``, or if that is a convolution, always the same :class:`_InOrder` for it."""
    if not isinstance(layer, Conv):
        return layer
    if layer not in _ordered:
        _ordered[layer] = _InOrder(**{field.name: getattr(layer, field.name) for field in fields(layer)})
    return _ordered[layer]


def _products(fold: Fold) -> int:
    return fold.pe * fold.simd * fold.mmv


def _cycles(cores: list[tuple[str, CoreConfig]]) -> int:
    return max(config.cycles for _, config in cores)


def undominated(measure: np.ndarray) -> np.ndarray:
    """The rows of ``measure`` (n, columns) to which no other row is at most equal in every column; of equal rows, the first."""
    # What dominates a row has no greater sum: in this order it stands before.
    kept = np.argsort(measure.sum(axis=1), kind="stable")
    place = 0
    while place < len(kept):
        rest = kept[place + 1 :]
        kept = np.concatenate([kept[: place + 1], rest[~np.all(measure[kept[place]] <= measure[rest], axis=1)]])
        place += 1
    return kept
