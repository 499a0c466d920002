"""Accelerators of hand-made networks as folders of Verilog with their bench, for tests."""

from pathlib import Path

import numpy as np

from finnr_rtl.dataflow.accelerator import Accelerator
from finnr_rtl.dataflow.rooms import size_rooms
from finnr_rtl.dataflow.stages import Stage, lower
from finnr_rtl.dataflow.timing import Cycles, predict
from finnr_rtl.emit.output import write_output
from finnr_rtl.emit.simulation import random_frames, simulation_files
from finnr_rtl.emit.verilog import verilog_files
from finnr_rtl.folding.folding import STORAGES, Fold, FoldedNetwork, legal_factors
from finnr_rtl.network.network import Network


def fast(network: Network) -> FoldedNetwork:
    """The folding with the fewest cycles."""
    folds = {}
    for layer in network.layers:
        folds[layer.name] = Fold(**{key: max(values) for key, values in legal_factors(layer).items()})
    return FoldedNetwork(network, folds)


def random(network: Network, seed: int) -> FoldedNetwork:
    """A random legal folding."""
    rng = np.random.default_rng(seed)
    folds = {}
    for layer in network.layers:
        factors = {key: int(rng.choice(values)) for key, values in legal_factors(layer).items()}
        folds[layer.name] = Fold(**factors, weights=str(rng.choice(STORAGES)))
    return FoldedNetwork(network, folds)


def emit(folded: FoldedNetwork, folder: Path, frames: int = 3) -> list[Stage]:
    """Write ``rtl/`` and ``sim/`` of an accelerator named ``net`` to ``folder``; returns its stages."""
    stages = size_rooms(lower(folded))
    write(folded.network, stages, folder, frames)
    return stages


def write(network: Network, stages: list[Stage], folder: Path, frames: int = 3) -> Cycles:
    """The same of given stages; returns what is predicted of them, every frame one by one."""
    cycles = predict(stages, max(frames, 2))
    bench = simulation_files("net", network, stages, cycles, random_frames(network, frames))
    files = {f"rtl/{path}": text for path, text in verilog_files(Accelerator("net", stages), cycles).items()}
    files |= {f"sim/{path}": text for path, text in bench.items()}
    write_output(folder, {**files, "manifest.json": "{}"})
    return cycles
