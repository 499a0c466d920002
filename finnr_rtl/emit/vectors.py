"""Test vectors: what every link of an accelerator must carry for given input frames."""

import numpy as np

from finnr_rtl.cores.contract import StreamSpec
from finnr_rtl.dataflow.stages import Stage
from finnr_rtl.network.network import Network

__all__ = ["Link", "link_beats", "links", "vector_files"]

Link = tuple[str, StreamSpec]


def links(stages: list[Stage]) -> list[Link]:
    """Every link in stream order by name, with its stream: ``s_axis`` first, then one behind each stage."""
    return [("s_axis", stages[0].config.input), *((stage.name, stage.config.output) for stage in stages)]


def link_beats(network: Network, stages: list[Stage], frames: np.ndarray) -> dict[str, list[int]]:
    """The payloads of every link for input integers ``frames`` (n, \\*network.input.shape).

    Each stage's NumPy reference computes them from the stage before; the last must agree with the network's own reference.
    """
    values = np.asarray(frames, dtype=np.int64)
    beats = {"s_axis": stages[0].config.input.pack(values)}
    for stage in stages:
        values = stage.config.reference(values.reshape(-1, *stage.config.input.shape))
        beats[stage.name] = stage.config.output.pack(values)
    expected = network.execute(frames)[network.output.layer]
    if not np.array_equal(values.reshape(len(frames), -1), expected.reshape(len(frames), -1)):
        raise AssertionError(f"stages of {network.name} do not compute what the network does")
    return beats


def vector_files(network: Network, stages: list[Stage], frames: np.ndarray) -> dict[str, str]:
    """One file per link for ``$readmemh``: ``<link>.hex``, a beat a line."""
    specs = dict(links(stages))
    files = {}
    for name, beats in link_beats(network, stages, frames).items():
        digits = -(-specs[name].width // 4)
        files[f"{name}.hex"] = "".join(f"{beat:0{digits}x}\n" for beat in beats)
    return files
