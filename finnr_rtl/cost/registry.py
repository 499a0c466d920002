"""The cost models a design may be counted by, behind one interface."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from weakref import WeakKeyDictionary

from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cores.dwc import WidthConverterConfig
from finnr_rtl.cores.line_buffer import LineBufferConfig
from finnr_rtl.cores.ram import free_words
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.cost import finn_r, predict
from finnr_rtl.cost.resources import Resources
from finnr_rtl.dataflow.engines import engine
from finnr_rtl.dataflow.stages import Stage, conversion
from finnr_rtl.folding.folding import Fold, FoldedNetwork
from finnr_rtl.network.layers import Layer

__all__ = ["MODELS", "CostModel"]


@dataclass(frozen=True)
class CostModel:
    """``layer(layer, fold, family)`` and ``core(config, family)``, for what stands between layers, are quick and may be a little off;
    ``layers(folded, stages, family)`` counts a design whose rooms are sized, by layer."""

    layer: Callable[[Layer, Fold, str], Resources]
    core: Callable[[CoreConfig, str], Resources]
    layers: Callable[[FoldedNetwork, list[Stage], str], dict[str, Resources]]


@cache
def _ring_words(config: WalkConfig) -> int:
    return config.depth_for()


@cache
def _rows_held(config: LineBufferConfig) -> int:
    return config.rows_held


def _with_ring(config: CoreConfig) -> CoreConfig:
    """The same core with the size of its ring foretold from that of the unit which takes whole pixels.

    A ring's exact size follows from every beat of a frame, and there are many configurations to compare. Where the beats of a pixel are
    written together and read together, all but the newest pixel are in the ring as a whole, and this is exact; where windows are read
    channel by channel it is near.
    """
    if isinstance(config, LineBufferConfig):
        return replace(config, depth=config.depth or _rows_held(replace(config, simd=config.shape[2], mmv=1)))
    if not isinstance(config, WalkConfig) or config.depth:
        return config
    if isinstance(config, SwuConfig):
        beats = config.folds * (_ring_words(replace(config, simd=config.shape[2])) - 1) + 1
    else:
        beats = _ring_words(config)
    return replace(config, depth=max(config.footprint, free_words(beats, config.input.width)))


@cache
def _known(config: CoreConfig, family: str) -> Resources:
    return predict.core_cost(_with_ring(config), family)


def _core(config: CoreConfig, family: str) -> Resources:
    """The cost of a core, quickly."""
    if isinstance(config, WidthConverterConfig):
        # How long a frame is makes no difference, and the same pairs of widths come again and again.
        return _known(replace(config, shape=(config.lanes_in * config.lanes_out,)), family)
    # Sliding windows depend on few of a fold's values; matrix units are known by identity alone.
    return _known(config, family) if isinstance(config, WalkConfig | LineBufferConfig) else predict.core_cost(config, family)


# What layers take, for as long as there are these layers: the same for every board of a family, and every goal.
_known_layers: WeakKeyDictionary[Layer, dict[tuple[Fold, str], Resources]] = WeakKeyDictionary()


def _layer(layer: Layer, fold: Fold, family: str) -> Resources:
    known = _known_layers.setdefault(layer, {})
    if (fold, family) not in known:
        cores = [config for _, config in engine(layer, fold)]
        for before, after in pairwise(list(cores)):
            cores += conversion(before.output, after.input.lanes)
        known[fold, family] = sum((_core(config, family) for config in cores), Resources())
    return known[fold, family]


def _stages_by_layer(folded: FoldedNetwork, stages: list[Stage], family: str) -> dict[str, Resources]:
    """Stages by the layer they work for; what works for none, and the buses' counters, under the empty name."""
    costs = {layer.name: Resources() for layer in folded.network.layers}
    spent = Resources()
    for stage, cost in zip(stages, predict.stages_cost(stages, family).values(), strict=True):
        costs[stage.layer] = costs.get(stage.layer, Resources()) + cost
        spent += cost
    rest = predict.whole_cost(stages, family) - spent
    return costs | {"": costs.get("", Resources()) + rest}


def _published(folded: FoldedNetwork, stages: list[Stage], family: str) -> dict[str, Resources]:
    return {layer.name: finn_r.layer_cost(layer, folded.folds[layer.name], family) for layer in folded.network.layers}


MODELS = {
    "finnr_rtl": CostModel(_layer, _core, _stages_by_layer),
    # FINN-R's functions know nothing of converters, forks and FIFOs.
    "finn-r": CostModel(finn_r.layer_cost, lambda config, family: Resources(), _published),
}
