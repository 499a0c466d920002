"""Predicted and simulated cycles of every real network that is supported, at three foldings each.

``python benchmarks/cycles.py [MODEL ...]`` takes the folders of ``../shared/models`` by name. The foldings: ``default``, as `build`
chooses it; ``slower``, a quarter as fast; ``random``, random legal folds, the slowest layer taking up to eight times the default. Frames
follow each other back to back. ``--foldings`` chooses among them, ``--json FILE`` appends the rows to a file. Exit code 1 where any
figure is off.
"""

import argparse
import json
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from verify_models import MODELS, NETWORKS

from finnr_rtl.build import build
from finnr_rtl.dataflow.engines import engine
from finnr_rtl.design import Goal, design
from finnr_rtl.folding.folding import FoldedNetwork, write_folding
from finnr_rtl.folding.options import folds
from finnr_rtl.frontend import load_network
from finnr_rtl.network.network import Network
from finnr_rtl.platforms import load
from finnr_rtl.verify import verify

FOLDINGS = ("default", "slower", "random")
COLUMNS = ("network", "folding", "slowest", "limit", "II predicted", "simulated", "latency predicted", "simulated", "fill", "frames",
           "ratio", "seconds")


def random_folding(network: Network, most: int, seed: int = 1) -> FoldedNetwork:
    """Random legal folds, of every kind, with which each layer takes at most ``most`` cycles, and no less than a sixteenth of that: more
    logic would only take longer to compile."""
    rng, chosen = np.random.default_rng(seed), {}
    for layer in network.layers:
        options = [(max(config.cycles for _, config in engine(layer, fold)), fold) for fold in folds(layer, {})]
        some = [fold for cycles, fold in options if most // 16 <= cycles <= most]
        some = some or [min(options, key=lambda option: abs(option[0] - most))[1]]
        chosen[layer.name] = some[rng.integers(len(some))]
    return FoldedNetwork(network, chosen)


def folding(kind: str, network: Network, platform: str) -> FoldedNetwork:
    """One of ``FOLDINGS``."""
    board = load(platform)
    default = design(network, board, Goal())
    match kind:
        case "default":
            return default.folded
        case "slower":
            return design(network, board, Goal(target_fps=default.frames_per_second / 4)).folded
        case _:
            return random_folding(network, 8 * default.cycles.interval)


def row(name: str, kind: str, platform: str, frames: int, folder: Path) -> dict:
    """Figures of one network at one folding; ``ratio`` is 1 where every one is exact."""
    start = time.perf_counter()
    model = MODELS / name / "model.onnx"
    network = load_network(model)
    choice = folder / f"{name}_{kind}.json"
    choice.write_text(write_folding(folding(kind, network, platform)))
    built = build(model, platform, folder / f"{name}_{kind}", fold=choice)
    predicted = built.cycles
    found = {"network": name, "folding": kind, "slowest": predicted.bottleneck, "limit": predicted.limit, "interval": predicted.interval,
             "latency": predicted.latency, "fill": predicted.fill, "frames": frames}
    result = verify(folder / f"{name}_{kind}", frames, runs=("back_to_back",)).runs["back_to_back"]
    ends = result["ends"]
    steady = [after - before for before, after in pairwise(ends[-4:])]
    good = not result["faults"] and set(steady) == {predicted.interval} and result["latency"] == predicted.latency
    return {**found, "simulated_interval": steady[-1], "simulated_latency": result["latency"], "ends": ends, "faults": result["faults"],
            "ratio": 1 if good else steady[-1] / predicted.interval, "exact": good, "seconds": round(time.perf_counter() - start, 1)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--foldings", nargs="+", choices=FOLDINGS, default=FOLDINGS)
    parser.add_argument("--frames", type=int, default=5, help="5 or more: the last three are to be steady (default 5)")
    parser.add_argument("--json", type=Path, help="append the rows to this file, a list of objects")
    options = parser.parse_args()
    if not MODELS.is_dir():
        print(f"{MODELS} is not here; nothing to compare")
        return 0
    names = options.models or [name for name in NETWORKS if (MODELS / name).is_dir()]
    print(" | ".join(COLUMNS), flush=True)
    exact = True
    for name in names:
        for kind in options.foldings:
            with tempfile.TemporaryDirectory() as place:
                got = row(name, kind, NETWORKS.get(name, (3, "aws_f1"))[1], options.frames, Path(place))
            exact &= got["exact"]
            figures = (got[key] for key in ("network", "folding", "slowest", "limit", "interval", "simulated_interval", "latency",
                                            "simulated_latency", "fill", "frames", "ratio", "seconds"))
            print(" | ".join(map(str, figures)), *got["faults"][:3], flush=True)
            if options.json:
                rows = json.loads(options.json.read_text()) if options.json.exists() else []
                options.json.write_text(json.dumps([*rows, got], indent=1) + "\n")
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
