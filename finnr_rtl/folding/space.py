"""All designs of a network that folding chooses from: the options of every layer, and what stands between neighbours."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, inf

import numpy as np

from finnr_rtl.cores.contract import CoreConfig, StreamSpec
from finnr_rtl.cost.resources import Resources
from finnr_rtl.dataflow.stages import conversion, forking
from finnr_rtl.folding.folding import Fold
from finnr_rtl.folding.options import LayerCost, Options, quickest
from finnr_rtl.network.layers import Conv
from finnr_rtl.network.network import Network

__all__ = ["CoreCost", "Edge", "Space"]

# Resources of one core.
CoreCost = Callable[[CoreConfig], Resources]


@dataclass(frozen=True, eq=False)
class Edge:
    """The stream between two layers, ``source`` and ``target`` by their places in the network.

    ``before`` holds for each option of ``source`` how many values a beat the stream has there, ``after`` for each option of ``target``
    how many are taken; ``costs`` the resources of what converts them, by these two numbers.
    """

    source: int
    target: int
    before: np.ndarray
    after: np.ndarray
    costs: dict[tuple[int, int], np.ndarray]


class Space:
    """The designs of ``network`` in which layers have the values that ``given`` has for them, by name.

    ``options`` are those of each layer, in the network's order, each with the fork behind it where there is one; those of more than
    ``most`` products a cycle are left out, and, unless ``pruned`` is False, those not worth a thought: what is faster than ``least``
    cycles per frame, or than all layers can be within ``most``, counts as no faster, and what takes more than ``reach`` times as many
    cycles is left out. ``edges`` are all streams between layers. An input comes in the beats that its first reader takes, so an edge may
    lie between two readers. Rooms are not sized: FIFOs are as small as they can be.
    """

    def __init__(
        self,
        network: Network,
        given: Mapping[str, Mapping[str, int | str]],
        layer_cost: LayerCost,
        core_cost: CoreCost,
        most: int,
        least: int = 1,
        pruned: bool = True,
        reach: float = inf,
    ):
        self.network = network
        values = [(layer, given.get(layer.name, {})) for layer in network.layers]
        products = sum(layer.operations // 2 for layer in network.layers if isinstance(layer, Conv))
        least = max(least, ceil(products / most), *(quickest(layer, own) for layer, own in values)) if pruned else 0
        slowest = reach * least if pruned else inf
        self.options = [Options.of(layer, own, layer_cost, most, least, slowest) for layer, own in values]
        if pruned:
            self.options = [options.pruned(least) for options in self.options]
        self.edges: list[Edge] = []
        self._core_cost = core_cost
        for name in (*(port.name for port in network.inputs), *(layer.name for layer in network.layers)):
            self._connect(name)

    def _connect(self, name: str) -> None:
        """The edges from an input or a layer to its readers, and the fork between them."""
        network = self.network
        readers = [(place, port) for place, layer in enumerate(network.layers) for port, link in enumerate(layer.inputs) if link == name]
        count = len(readers) + sum(port.layer == name for port in network.outputs)
        source = next((place for place, layer in enumerate(network.layers) if layer.name == name), None)
        if source is not None:
            before = self.options[source].gives
        elif readers:
            (source, port), *readers = readers
            before = self.options[source].takes[:, port]
        else:
            return
        streams = {lanes: StreamSpec(network.type_of(name), network.shape_of(name), lanes) for lanes in np.unique(before).tolist()}
        forks = {lanes: self._total(forking(spec, count)) for lanes, spec in streams.items()}
        options = self.options[source]
        self.options[source] = replace(options, resources=options.resources + np.array([forks[lanes] for lanes in before.tolist()]))
        for target, port in readers:
            after = self.options[target].takes[:, port]
            costs = {(a, b): self._total(conversion(spec, b)) for a, spec in streams.items() for b in np.unique(after).tolist()}
            self.edges.append(Edge(source, target, before, after, costs))

    def _total(self, configs: list[CoreConfig]) -> np.ndarray:
        return np.array([*vars(sum((self._core_cost(config) for config in configs), Resources())).values()], dtype=np.int64)

    def folds(self, rows: list[int]) -> dict[str, Fold]:
        """The folds of a choice: one option of each layer."""
        return {options.layer.name: options.folds[row] for options, row in zip(self.options, rows, strict=True)}

    def cycles(self, rows: list[int]) -> int:
        """Cycles per frame of a choice: those of its slowest layer; converters are never slower."""
        return max(int(options.cycles[row]) for options, row in zip(self.options, rows, strict=True))

    def resources(self, rows: list[int]) -> Resources:
        """Resources of a choice, converters included."""
        total = sum(options.resources[row] for options, row in zip(self.options, rows, strict=True))
        total = total + sum(edge.costs[int(edge.before[rows[edge.source]]), int(edge.after[rows[edge.target]])] for edge in self.edges)
        return Resources(*total.tolist())
