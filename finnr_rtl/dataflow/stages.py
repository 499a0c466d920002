"""Lowering: layers become cores, joined by links."""

from collections import Counter
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from finnr_rtl.cores.contract import CoreConfig, StreamSpec
from finnr_rtl.cores.dwc import WidthConverterConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.fork import ForkConfig
from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.dataflow.engines import engine
from finnr_rtl.folding.folding import FoldedNetwork
from finnr_rtl.network.network import InputPort, Network

__all__ = ["Stage", "accelerator_inputs", "accelerator_outputs", "bus_names", "consumers", "conversion", "forking", "lower"]


class _Source(NamedTuple):
    """A link and its stream."""

    link: str
    spec: StreamSpec


@dataclass(frozen=True, eq=False)
class Stage:
    """One core of the accelerator, working for ``layer``; ``sources`` names the links it takes its beats from, port by port.

    A link is named after the stage that gives it, with the number of the port behind where there are several. ``tight`` tells of the
    room behind it, or in its ring, whether one place less would cost throughput: False where there is no less, or more is free; None
    where it has no room, or none has been sized, or that was not found out.
    """

    name: str
    layer: str
    config: CoreConfig
    sources: tuple[str, ...]
    tight: bool | None = None

    @property
    def links(self) -> tuple[str, ...]:
        """The links it gives its beats to."""
        count = len(self.config.outputs)
        return (self.name,) if count == 1 else tuple(f"{self.name}_{port}" for port in range(count))

    def holding(self, beats: int, tight: bool | None = None) -> "Stage":
        """The same stage with room for ``beats`` beats in flight or waiting behind it, or in its ring."""
        key = "slots" if hasattr(self.config, "slots") else "depth"
        return replace(self, config=replace(self.config, **{key: beats}), tight=tight)

    @property
    def room(self) -> int | None:
        """Beats there is room for behind the stage, or in its ring; None where it has none of its own."""
        match self.config:
            case FifoConfig():
                return self.config.depth
            case WalkConfig():
                return self.config.words
            case _:
                return self.config.places if self.decouples else None

    @property
    def decouples(self) -> bool:
        """Whether the stage has room for beats that wait, so that it need not move in step with the next one."""
        return isinstance(self.config, FifoConfig) or hasattr(self.config, "slots")


def consumers(stages: list[Stage]) -> dict[str, tuple[Stage, int]]:
    """The stage and its port that takes each link; the accelerator's output is not among them."""
    return {link: (stage, port) for stage in stages for port, link in enumerate(stage.sources)}


def bus_names(prefix: str, count: int) -> list[str]:
    """Names of the accelerator's buses of one direction: ``s_axis`` alone, or ``s_axis_0``, ``s_axis_1`` .. where there are several."""
    return [prefix] if count == 1 else [f"{prefix}_{n}" for n in range(count)]


def accelerator_inputs(stages: list[Stage]) -> dict[str, StreamSpec]:
    """The links that no stage gives, which are the accelerator's input buses by name, in order; and their streams."""
    given = {link for stage in stages for link in stage.links}
    taken = {link: spec for stage in stages for link, spec in zip(stage.sources, stage.config.inputs, strict=True)}
    return {link: taken[link] for link in sorted(taken.keys() - given, key=lambda link: (len(link), link))}


def accelerator_outputs(stages: list[Stage]) -> dict[str, StreamSpec]:
    """The links that no stage takes, in the order of the accelerator's output buses, which carry their streams."""
    taken = consumers(stages)
    given = {link: spec for stage in stages for link, spec in zip(stage.links, stage.config.outputs, strict=True)}
    return {link: spec for link, spec in given.items() if link not in taken}


def conversion(spec: StreamSpec, lanes: int) -> list[CoreConfig]:
    """The cores in a row between a stream and a reader that takes ``lanes`` values a beat; none where that is how they come."""
    if spec.lanes == lanes:
        return []
    shape = (prod(spec.shape),)
    converter = WidthConverterConfig(spec.dtype, shape, spec.lanes, lanes)
    if lanes > spec.lanes:
        # Wide beats are collected slowly but may be taken in bursts: they wait here, in their final shape.
        return [converter, FifoConfig(converter.output, 2)]
    return [converter]


def forking(spec: StreamSpec, readers: int) -> list[CoreConfig]:
    """The fork between a stream and its readers, and the FIFO that each branch begins with; none where there is one reader."""
    return [] if readers < 2 else [ForkConfig(spec, readers), *[FifoConfig(spec, 2)] * readers]


def lower(folded: FoldedNetwork) -> list[Stage]:
    """The stages of a network in topological order, those that give the outputs last, in their order; rooms still unsized.

    Forks stand where a result has several readers, with a FIFO in each branch; width converters where neighbours' beats differ.
    """
    network = folded.network
    count = len(network.inputs)
    engines = {layer.name: engine(layer, folded.folds[layer.name]) for layer in network.layers}
    readers = Counter(name for layer in network.layers for name in layer.inputs) + Counter(port.layer for port in network.outputs)
    builder = _Builder()
    branches = {}
    for port, link, name in zip(network.inputs, bus_names("s_axis", count), bus_names("input", count), strict=True):
        branches[port.name] = builder.branches(_Source(link, _input(port, network, engines)), name, readers[port.name])
    for layer in network.layers:
        sources = [branches[name].pop(0) for name in layer.inputs]
        for name, config in engines[layer.name]:
            sources = [builder.add(name, layer.name, config, sources)]
        branches[layer.name] = builder.branches(sources[0], layer.name, readers[layer.name])
    outputs = [builder.own(branches[port.layer].pop(0)).link for port in network.outputs]
    last = {link: place for place, link in enumerate(outputs)}
    return sorted(builder.stages, key=lambda stage: max(last.get(link, -1) for link in stage.links))


def _input(port: InputPort, network: Network, engines: dict) -> StreamSpec:
    """The stream of an input: its beats are those that its first reader takes; single values where no layer reads it."""
    layer = next((layer for layer in network.layers if port.name in layer.inputs), None)
    if layer is None:
        return StreamSpec(port.dtype, port.shape, 1)
    _, first = engines[layer.name][0]
    return StreamSpec(port.dtype, port.shape, first.inputs[layer.inputs.index(port.name)].lanes)


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

    def own(self, source: _Source) -> _Source:
        """``source``, given by a stage: a FIFO where it comes straight from an input."""
        if any(source.link in stage.links for stage in self.stages):
            return source
        return self.add(f"{source.link}_fifo", "", FifoConfig(source.spec, 2), [source])

    def branches(self, source: _Source, layer: str, readers: int) -> list[_Source]:
        """A source for each reader of a link."""
        if readers < 2:
            return [source]
        config, *fifos = forking(source.spec, readers)
        fork = self._append(f"{layer}_fork", layer, config, (source.link,))
        return [self.add(f"{link}_fifo", layer, fifo, [_Source(link, source.spec)]) for link, fifo in zip(fork.links, fifos, strict=True)]

    def _converted(self, prefix: str, layer: str, source: _Source, lanes: int) -> _Source:
        for config in conversion(source.spec, lanes):
            suffix = "infifo" if isinstance(config, FifoConfig) else "dwc"
            source = _Source(self._append(f"{prefix}_{suffix}", layer, config, (source.link,)).name, config.output)
        return source
