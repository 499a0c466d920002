"""Lowering: layers become cores, joined by links."""

from collections import Counter
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from finnr_rtl.cores.contract import CoreConfig, StreamSpec
from finnr_rtl.cores.dwc import WidthConverterConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.fork import ForkConfig
from finnr_rtl.dataflow.engines import engine
from finnr_rtl.folding.folding import FoldedNetwork
from finnr_rtl.network.network import Network

__all__ = ["Stage", "accelerator_input", "consumers", "lower"]


class _Source(NamedTuple):
    """A link and its stream."""

    link: str
    spec: StreamSpec


@dataclass(frozen=True, eq=False)
class Stage:
    """One core of the accelerator, working for ``layer``; ``sources`` names the links it takes its beats from, port by port.

    A link is named after the stage that gives it, with the number of the port behind where there are several.
    """

    name: str
    layer: str
    config: CoreConfig
    sources: tuple[str, ...]

    @property
    def links(self) -> tuple[str, ...]:
        """The links it gives its beats to."""
        count = len(self.config.outputs)
        return (self.name,) if count == 1 else tuple(f"{self.name}_{port}" for port in range(count))

    def holding(self, beats: int) -> "Stage":
        """The same stage with room for ``beats`` beats in flight or waiting behind it."""
        key = "depth" if isinstance(self.config, FifoConfig) else "slots"
        return replace(self, config=replace(self.config, **{key: beats}))

    @property
    def decouples(self) -> bool:
        """Whether the stage has room for beats that wait, so that it need not move in step with the next one."""
        return isinstance(self.config, FifoConfig) or hasattr(self.config, "slots")


def consumers(stages: list[Stage]) -> dict[str, tuple[Stage, int]]:
    """The stage and its port that takes each link; the accelerator's output is not among them."""
    return {link: (stage, port) for stage in stages for port, link in enumerate(stage.sources)}


def accelerator_input(stages: list[Stage]) -> StreamSpec:
    """The stream of the link that no stage gives."""
    given = {link for stage in stages for link in stage.links}
    return next(spec for stage in stages for link, spec in zip(stage.sources, stage.config.inputs, strict=True) if link not in given)


def lower(folded: FoldedNetwork) -> list[Stage]:
    """The stages of a network in topological order, the one that gives the output last; rooms still unsized.

    Forks stand where a result has several readers, with a FIFO in each branch; width converters where neighbours' beats differ.
    """
    network = folded.network
    engines = {layer.name: engine(layer, folded.folds[layer.name]) for layer in network.layers}
    readers = Counter(name for layer in network.layers for name in layer.inputs) + Counter([network.output.layer])
    builder = _Builder()
    branches = {network.input.name: builder.branches(_input(network, engines), "input", readers[network.input.name])}
    for layer in network.layers:
        sources = [branches[name].pop(0) for name in layer.inputs]
        for name, config in engines[layer.name]:
            sources = [builder.add(name, layer.name, config, sources)]
        branches[layer.name] = builder.branches(sources[0], layer.name, readers[layer.name])
    output = branches[network.output.layer].pop(0).link
    return sorted(builder.stages, key=lambda stage: output in stage.links)


def _input(network: Network, engines: dict) -> _Source:
    """The accelerator's input: its beats are those that its first reader takes."""
    layer = next(layer for layer in network.layers if network.input.name in layer.inputs)
    _, first = engines[layer.name][0]
    lanes = first.inputs[layer.inputs.index(network.input.name)].lanes
    return _Source("s_axis", StreamSpec(network.input.dtype, network.input.shape, lanes))


class _Builder:
    """Stages so far."""

    def __init__(self):
        self.stages: list[Stage] = []

    def _append(self, name: str, layer: str, config: CoreConfig, sources: tuple[str, ...]) -> Stage:
        """A new stage, its name numbered where there is one of that name: a layer's cores may need several converters."""
        names, number = {stage.name for stage in self.stages}, 2
        unique = name
        while unique in names:
            unique, number = f"{name}_{number}", number + 1
        self.stages.append(Stage(unique, layer, config, sources))
        return self.stages[-1]

    def add(self, name: str, layer: str, config: CoreConfig, sources: list[_Source]) -> _Source:
        """A stage behind ``sources``, whose beats are converted to what its ports take."""
        several = len(sources) > 1
        links = []
        for port, (source, spec) in enumerate(zip(sources, config.inputs, strict=True)):
            links.append(self._converted(f"{layer}_{port}" if several else layer, layer, source, spec.lanes).link)
        return _Source(self._append(name, layer, config, tuple(links)).name, config.outputs[0])

    def branches(self, source: _Source, layer: str, readers: int) -> list[_Source]:
        """A source for each reader of a link."""
        if readers < 2:
            return [source]
        fork = self._append(f"{layer}_fork", layer, ForkConfig(source.spec, readers), (source.link,))
        spec = source.spec
        return [self.add(f"{link}_fifo", layer, FifoConfig(spec, 2), [_Source(link, spec)]) for link in fork.links]

    def _converted(self, prefix: str, layer: str, source: _Source, lanes: int) -> _Source:
        before = source.spec
        if before.lanes == lanes:
            return source
        converter = WidthConverterConfig(before.dtype, (prod(before.shape),), before.lanes, lanes)
        converted = self._append(f"{prefix}_dwc", layer, converter, (source.link,))
        if lanes < before.lanes:
            return _Source(converted.name, converter.output)
        # Wide beats are collected slowly but may be taken in bursts: they wait here, in their final shape.
        fifo = FifoConfig(converter.output, 2)
        return _Source(self._append(f"{prefix}_infifo", layer, fifo, (converted.name,)).name, fifo.output)
