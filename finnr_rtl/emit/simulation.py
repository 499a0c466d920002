"""The ``sim/`` folder of an output directory: all it takes to check the Verilog without this package."""

import json
from pathlib import Path

import numpy as np

from finnr_rtl.data_folders import folder
from finnr_rtl.dataflow.stages import Stage
from finnr_rtl.dataflow.timing import Cycles, early_beats
from finnr_rtl.datatypes import DataType
from finnr_rtl.emit.testbench import testbench
from finnr_rtl.emit.vectors import Frames, links, vector_files
from finnr_rtl.network.network import Network

__all__ = ["random_frames", "simulation_files"]

SCRIPTS = ("run.py", "runner.py", "network_bench.py")


def random_frames(network: Network, count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Seeded random input integers (count, \\*shape), for ``count`` frames or batches of them, over the whole type of each input, by its
    name."""
    rng = np.random.default_rng(seed)
    return {port.name: _random(rng, port.dtype, (count, *port.shape)) for port in network.inputs}


def _random(rng: np.random.Generator, dtype: DataType, shape: tuple[int, ...]) -> np.ndarray:
    if dtype.name == "BIPOLAR":
        return rng.choice(np.array([-1, 1]), shape)
    return rng.integers(dtype.min, dtype.max, shape, endpoint=True)


def simulation_files(top: str, network: Network, stages: list[Stage], cycles: Cycles, frames: Frames) -> dict[str, str | bytes]:
    """Bench, scripts, vectors and expected figures for input integers ``frames`` by input, by path."""
    specs, early = links(stages), early_beats(stages)
    count = len(next(iter(frames.values())))
    slowest = max(cycles.interval, *(spec.beats for _, spec in specs))
    expected = {
        "frames": count,
        "interval": cycles.interval,
        "latency": cycles.latency,
        "ends": list(cycles.ends[:count]),
        "stalled_interval": 2 * slowest,
        "seed": 1,
        "links": [{"name": name, "beats": count * spec.beats, "early": early.get(name, 0)} for name, spec in specs],
    }
    scripts = folder("sim")
    return {
        **{name: Path(scripts / name).read_bytes() for name in SCRIPTS},
        "expected.json": json.dumps(expected, indent=1) + "\n",
        "tb.v": testbench(top, stages, count),
        **{f"vectors/{name}": text for name, text in vector_files(network, stages, frames).items()},
    }
