"""What one layer may be: its legal folds, each with its cycles, its resources and the width of its streams."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import product

import numpy as np

from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cost.resources import Resources
from finnr_rtl.dataflow.engines import engine
from finnr_rtl.folding.folding import Fold, check_fold, legal_choices, legal_factors
from finnr_rtl.network.layers import Conv, Layer

__all__ = ["LayerCost", "Options", "folds", "undominated"]

# Resources of a layer at a fold.
LayerCost = Callable[[Layer, Fold], Resources]


def folds(layer: Layer, given: Mapping[str, int | str]) -> Iterator[Fold]:
    """Every legal fold of ``layer`` that has the values ``given``, in a fixed order.

    What is not given takes each of its legal values; a choice that makes no difference for the layer stays "auto". Unless ``mmv`` or ``pe``
    is given, there are several windows at a time only where all outputs are computed at a time: otherwise results would need transposing.
    """
    legal = {**legal_factors(layer), **legal_choices(layer)}
    most = max(legal["pe"])
    values = [[given[key]] if key in given else legal[key] for key in legal]
    for combination in product(*values):
        fold = Fold(**{**given, **dict(zip(legal, combination, strict=True))})
        if fold.mmv > 1 and fold.pe < most and not given.keys() & {"mmv", "pe"}:
            continue
        try:
            check_fold(layer, fold)
        except ValueError:
            continue
        yield fold


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
    def of(layer: Layer, given: Mapping[str, int | str], cost: LayerCost, most: int) -> "Options":
        """All legal options with the values ``given`` and up to ``most`` products a cycle; if none has so few, those with the fewest."""
        every = tuple(folds(layer, given))
        most = max(most, min(map(_products, every)))
        every = tuple(fold for fold in every if _products(fold) <= most)
        layer = _in_order(layer)
        shapes: dict[tuple, list[CoreConfig]] = {}
        for fold in every:
            key = fold.pe, fold.simd, fold.mmv, fold.window
            if key not in shapes:
                shapes[key] = [config for _, config in engine(layer, fold)]
        cores = [shapes[fold.pe, fold.simd, fold.mmv, fold.window] for fold in every]
        return Options(
            layer,
            every,
            np.array([max(config.cycles for config in row) for row in cores], dtype=np.int64),
            np.array([[*vars(cost(layer, fold)).values()] for fold in every], dtype=np.int64),
            np.array([[spec.lanes for spec in row[0].inputs] for row in cores], dtype=np.int64),
            np.array([row[-1].output.lanes for row in cores], dtype=np.int64),
        )

    def pruned(self) -> "Options":
        """The options worth a thought: no other one with the same streams is at most as slow and as large in every resource."""
        _, streams = np.unique(np.column_stack([self.takes, self.gives]), axis=0, return_inverse=True)
        measure = np.column_stack([self.cycles, self.resources])
        kept = [rows[undominated(measure[rows])] for rows in (np.flatnonzero(streams == kind) for kind in range(streams.max() + 1))]
        return self.only(np.sort(np.concatenate(kept)))

    def only(self, rows: np.ndarray) -> "Options":
        """The options in ``rows``."""
        picked = tuple(self.folds[row] for row in rows)
        return Options(self.layer, picked, self.cycles[rows], self.resources[rows], self.takes[rows], self.gives[rows])

    def __len__(self) -> int:
        return len(self.folds)


class _InOrder(Conv):
    """A convolution whose weights keep their columns' order whichever way its windows come.

    The order makes next to no difference to what cores take, but there is one for each number of channels, and each would have to be
    looked at weight by weight.
    """

    def matrix_by(self, channels):
        return self.matrix


def _in_order(layer: Layer) -> Layer:
    return _InOrder(**{field.name: getattr(layer, field.name) for field in fields(layer)}) if isinstance(layer, Conv) else layer


def _products(fold: Fold) -> int:
    return fold.pe * fold.simd * fold.mmv


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
