"""Accelerators of hand-made networks as folders of Verilog with their bench, for tests."""

from pathlib import Path

import numpy as np

from finnr_rtl.dataflow.accelerator import Accelerator
from finnr_rtl.dataflow.stages import Stage, lower
from finnr_rtl.dataflow.timing import predict, size_rooms
from finnr_rtl.emit.output import write_output
from finnr_rtl.emit.simulation import random_frames, simulation_files
from finnr_rtl.emit.verilog import verilog_files
from finnr_rtl.folding.folding import CHOICES, STORAGES, Fold, FoldedNetwork, check_fold, legal_factors
from finnr_rtl.folding.windows import window_style
from finnr_rtl.network.layers import Layer
from finnr_rtl.network.network import Network


def fast(network: Network) -> FoldedNetwork:
    """The folding with the fewest cycles among those whose windows come tap by tap."""
    folds = {}
    for layer in network.layers:
        legal = legal_factors(layer)
        folds[layer.name] = max((Fold(max(legal["pe"]), simd) for simd in legal["simd"]), key=lambda fold: _tap_by_tap(layer, fold))
    return FoldedNetwork(network, folds)


def _tap_by_tap(layer: Layer, fold: Fold) -> int:
    return fold.simd if window_style(layer, fold) != "lines" else 0


def random(network: Network, seed: int) -> FoldedNetwork:
    """A random legal folding."""
    rng = np.random.default_rng(seed)
    folds = {layer.name: _random_fold(layer, rng) for layer in network.layers}
    return FoldedNetwork(network, folds)


def _random_fold(layer: Layer, rng: np.random.Generator) -> Fold:
    legal = {**legal_factors(layer), "window": CHOICES["window"], "weights": STORAGES}
    while True:
        fold = Fold(**{key: values[rng.integers(len(values))] for key, values in legal.items()})
        try:
            check_fold(layer, fold)
        except ValueError:
            continue
        return fold


def emit(folded: FoldedNetwork, folder: Path, frames: int = 3) -> list[Stage]:
    """Write ``rtl/`` and ``sim/`` of an accelerator named ``net`` to ``folder``; returns its stages."""
    stages = size_rooms(lower(folded))
    cycles = predict(stages)
    network = folded.network
    bench = simulation_files("net", network, stages, cycles, random_frames(network, frames))
    files = {f"rtl/{path}": text for path, text in verilog_files(Accelerator("net", stages), cycles).items()}
    files |= {f"sim/{path}": text for path, text in bench.items()}
    write_output(folder, {**files, "manifest.json": "{}"})
    return stages
