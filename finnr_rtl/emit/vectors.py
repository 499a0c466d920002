"""Test vectors: what every link of an accelerator must carry for given input frames."""

from collections.abc import Mapping

import numpy as np

from finnr_rtl.cores.contract import StreamSpec
from finnr_rtl.dataflow.stages import Stage, accelerator_inputs, accelerator_outputs
from finnr_rtl.network.network import Network

__all__ = ["Frames", "Link", "link_beats", "links", "vector_files"]

Frames = Mapping[str, np.ndarray]
Link = tuple[str, StreamSpec]


def links(stages: list[Stage]) -> list[Link]:
    """Every link in stream order by name, with its stream: the input buses first, those behind the stages in order, the outputs last."""
    specs = {link: spec for stage in stages for link, spec in zip(stage.links, stage.config.outputs, strict=True)}
    return [*accelerator_inputs(stages).items(), *specs.items()]


def link_beats(network: Network, stages: list[Stage], frames: Frames) -> dict[str, list[int]]:
    """The payloads of every link for input integers ``frames``, an array (n, \\*shape) for each input by name.

    Each stage's NumPy reference computes them from the stage before; the outputs must agree with the network's own reference.
    """
    specs = dict(links(stages))
    buses = zip(accelerator_inputs(stages), network.inputs, strict=True)
    values = {bus: np.asarray(frames[port.name], dtype=np.int64) for bus, port in buses}
    for stage in stages:
        sources = zip(stage.sources, stage.config.inputs, strict=True)
        result = stage.config.reference(*(values[link].reshape(-1, *spec.shape) for link, spec in sources))
        values |= zip(stage.links, result if isinstance(result, tuple) else (result,), strict=True)
    results = network.execute(frames)
    for link, port in zip(accelerator_outputs(stages), network.outputs, strict=True):
        if not np.array_equal(values[link].reshape(-1), results[port.layer].reshape(-1)):
            raise AssertionError(f"stages of {network.name} do not compute what the network does at output {port.name}")
    return {link: specs[link].pack(value) for link, value in values.items()}


def vector_files(network: Network, stages: list[Stage], frames: Frames) -> dict[str, str]:
    """One file per link for ``$readmemh``: ``<link>.hex``, a beat a line."""
    specs = dict(links(stages))
    files = {}
    for name, beats in link_beats(network, stages, frames).items():
        digits = -(-specs[name].width // 4)
        files[f"{name}.hex"] = "".join(f"{beat:0{digits}x}\n" for beat in beats)
    return files
