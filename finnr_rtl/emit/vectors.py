"""Test vectors: what every link of an accelerator must carry for given input frames."""

import numpy as np

from finnr_rtl.cores.contract import StreamSpec
from finnr_rtl.dataflow.stages import Stage, accelerator_input
from finnr_rtl.network.network import Network

__all__ = ["Link", "link_beats", "links", "vector_files"]

Link = tuple[str, StreamSpec]


def links(stages: list[Stage]) -> list[Link]:
    """Every link in stream order by name, with its stream: ``s_axis`` first, those behind the stages in order, the output last."""
    specs = {link: spec for stage in stages for link, spec in zip(stage.links, stage.config.outputs, strict=True)}
    return [("s_axis", accelerator_input(stages)), *specs.items()]


def link_beats(network: Network, stages: list[Stage], frames: np.ndarray) -> dict[str, list[int]]:
    """The payloads of every link for input integers ``frames`` (n, \\*network.input.shape).

    Each stage's NumPy reference computes them from the stage before; the last must agree with the network's own reference.
    """
    specs = dict(links(stages))
    values = {"s_axis": np.asarray(frames, dtype=np.int64)}
    for stage in stages:
        sources = zip(stage.sources, stage.config.inputs, strict=True)
        result = stage.config.reference(*(values[link].reshape(-1, *spec.shape) for link, spec in sources))
        values |= zip(stage.links, result if isinstance(result, tuple) else (result,), strict=True)
    expected = network.execute(frames)[network.output.layer]
    if not np.array_equal(values[stages[-1].links[-1]].reshape(len(frames), -1), expected.reshape(len(frames), -1)):
        raise AssertionError(f"stages of {network.name} do not compute what the network does")
    return {link: specs[link].pack(value) for link, value in values.items()}


def vector_files(network: Network, stages: list[Stage], frames: np.ndarray) -> dict[str, str]:
    """One file per link for ``$readmemh``: ``<link>.hex``, a beat a line."""
    specs = dict(links(stages))
    files = {}
    for name, beats in link_beats(network, stages, frames).items():
        digits = -(-specs[name].width // 4)
        files[f"{name}.hex"] = "".join(f"{beat:0{digits}x}\n" for beat in beats)
    return files
