"""Predicted and simulated cycles of every real network that is supported, at three foldings each.

``python benchmarks/cycles.py [MODEL ...]`` takes the folders of ``../shared/models`` by name, each on the board of ``verify_models.py`` or
on that of ``--platform``, and adds their rows to ``benchmarks/data/cycles.json``; rows that are there are skipped, or with ``--again``
those of the package as it is. ``--table`` prints them as Markdown instead.

The foldings: ``fast``, the fastest in a share of the board's LUTs that a computer compiles a simulation of in a minute or two; ``slow``,
a tenth as fast, or what still is simulated in minutes; ``random``, random legal folds, no layer faster than the first folding or slower
than the second. Frames follow each other back to back, as many as it takes until three of them are to come in the steady interval. Exit
code 1 where any figure is off.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from boards import made_with
from verify_models import MODELS, NETWORKS

sys.path.append(str(Path(__file__).resolve().parent.parent / "sim"))
from runner import SimulationError, simulate

from finnr_rtl.dataflow.accelerator import Accelerator
from finnr_rtl.dataflow.engines import engine
from finnr_rtl.dataflow.rooms import size_rooms
from finnr_rtl.dataflow.stages import Stage, lower
from finnr_rtl.dataflow.timing import Cycles, predict
from finnr_rtl.design import Goal, design
from finnr_rtl.emit.output import MANIFEST, write_output
from finnr_rtl.emit.simulation import random_frames, simulation_files
from finnr_rtl.emit.verilog import verilog_files
from finnr_rtl.folding.folding import FoldedNetwork
from finnr_rtl.folding.options import choices, shapes
from finnr_rtl.frontend import load_network
from finnr_rtl.network.network import Network
from finnr_rtl.platforms import Platform, load, names

ROWS = Path(__file__).parent / "data" / "cycles.json"
FOLDINGS = ("fast", "slow", "random")
# Shares of the board's LUTs, its shell among them, where not a quarter: more where no design fits that, less where products would be
# thousands.
SHARES = {"mobilenetv1_vww_w4a4": 0.4, "tinier_yolo_w1a3": 0.23, "jet_tagging_w6a6": 0.15, "kws_mlp_w3a3": 0.15, "cnv_w2a2": 0.15}
# Cycles per frame that are simulated in a few minutes.
SOON = 300_000
# Cycles of a run for which the simulation had better be compiled well.
LONG = 100_000
# Frames that end an interval each behind the one before.
STEADY = 3
COLUMNS = ("network", "platform", "folding", "slowest", "limit", "interval", "simulated_interval", "latency", "simulated_latency", "fill",
           "frames", "seconds")


def random_folding(network: Network, least: int, most: int, seed: int = 1) -> FoldedNetwork:
    """Random legal folds, of every kind, with which each layer takes ``least`` to ``most`` cycles, or about as many."""
    rng, chosen = np.random.default_rng(seed), {}
    for layer in network.layers:
        options = [(max(config.cycles for _, config in engine(layer, shape)), shape) for shape in shapes(layer, {})]
        some = [shape for cycles, shape in options if least <= cycles <= most]
        some = some or [min(options, key=lambda option: abs(option[0] - most))[1]]
        others = {key: str(rng.choice(values)) for key, values in choices(layer, {}).items()}
        chosen[layer.name] = replace(some[rng.integers(len(some))], **others)
    return FoldedNetwork(network, chosen)


def folding(kind: str, network: Network, board: Platform, share: float) -> FoldedNetwork:
    """One of ``FOLDINGS``, in a share of the board's LUTs."""
    fast = design(network, board, Goal(caps={"lut": share}))
    least = fast.cycles.interval
    most = min(10 * least, max(2 * least, SOON))
    match kind:
        case "fast":
            return fast.folded
        case "slow":
            return design(network, board, Goal(target_fps=fast.clock_mhz * 1e6 / most, caps={"lut": share})).folded
        case _:
            return random_folding(network, least, most)


def enough_frames(cycles: Cycles) -> int:
    """Frames of which the last ``STEADY`` end an interval behind the one before, as predicted."""
    gaps = [after - before for before, after in pairwise(cycles.ends)]
    unsteady = max((number for number, gap in enumerate(gaps, 1) if gap != cycles.interval), default=0)
    return unsteady + STEADY + 1


def kinds(folded: FoldedNetwork) -> dict[str, int]:
    """Number of layers by the kinds of choices made for them."""
    every = folded.folds.values()
    return {"layers": len(every), "lines": sum(fold.window == "lines" for fold in every), "mmv": sum(fold.mmv > 1 for fold in every),
            "dsp": sum(fold.arithmetic == "dsp" for fold in every)}


def builds_folder() -> Path:
    """Where simulations are built, and found again by later runs."""
    return Path(tempfile.gettempdir()) / "finnr_rtl_cycles"


def simulated(network: Network, stages: list[Stage], cycles: Cycles, frames: int, builds: Path, family: str = "xc7") -> dict:
    """What the network bench finds back to back, every beat of every link compared."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bench = simulation_files("net", network, stages, cycles, random_frames(network, frames))
        files = {f"rtl/{path}": text for path, text in verilog_files(Accelerator("net", stages), cycles, family).items()}
        write_output(folder / "net", files | {f"sim/{path}": content for path, content in bench.items()} | {MANIFEST: "{}"})
        rtl, sim = folder / "net" / "rtl", folder / "net" / "sim"
        # Short runs are worth no time of the C++ compiler.
        optimise = "-O0" if cycles.latency + frames * cycles.interval < LONG else "-O1"
        results = sim / "results.json"
        try:
            simulate([*sorted(rtl.glob("*.v")), sim / "tb.v"], "tb", "network_bench", build_dir=builds, tests="back_to_back$",
                     env={"NETWORK_BENCH": str(sim)}, beside=[sim / "vectors"], optimise=optimise)
        except SimulationError:
            # Faults are in the results, where there are any.
            if not results.exists():
                raise
        return json.loads(results.read_text())["back_to_back"]


def steady_gaps(result: dict) -> set[int]:
    """Cycles from frame to frame at the end of a run."""
    return {after - before for before, after in pairwise(result.get("ends", [])[-STEADY - 1 :])}


def key(row: dict) -> tuple[str, str, str]:
    """What a row is of: network, board and folding."""
    return row["network"], row["platform"], row["folding"]


def row(name: str, board: str, kind: str, share: float, builds: Path) -> dict:
    """Figures of one network at one folding; ``exact`` tells whether every one is."""
    start = time.perf_counter()
    network, platform = load_network(MODELS / name / "model.onnx"), load(board)
    folded = folding(kind, network, platform, share)
    stages = size_rooms(lower(folded))
    predicted = predict(stages)
    frames = enough_frames(predicted)
    # The slowest stage takes one step a cycle at most, and so many a frame: in steady state it must take one in every cycle.
    work = max(stage.config.schedule().work for stage in stages)
    result = simulated(network, stages, predicted, frames, builds, platform.family)
    ends, steady = result.get("ends", []), steady_gaps(result)
    exact = not result["faults"] and steady == {predicted.interval} == {work} and result["latency"] == predicted.latency
    return {
        "network": name, "platform": board, "folding": kind, "slowest": predicted.bottleneck, "limit": predicted.limit, "work": work,
        "interval": predicted.interval, "simulated_interval": max(steady, default=None), "latency": predicted.latency,
        "simulated_latency": result.get("latency"), "fill": predicted.fill, "frames": frames, "ends": ends, "exact": exact,
        "faults": result["faults"][:3], "choices": kinds(folded), "seconds": round(time.perf_counter() - start),
    }


def table(rows: list[dict]) -> str:
    """The rows as a Markdown table."""
    head = ("network", "board", "folding", "slowest stage", "limit", "cycles per frame, predicted", "simulated", "first output, predicted",
            "simulated", "filled after", "frames")
    lines = [f"| {' | '.join(head)} |", "|---|---|---|---|---|" + "---:|" * (len(head) - 5)]
    for found in sorted(rows, key=lambda found: (*key(found)[:2], FOLDINGS.index(found["folding"]))):
        figures = [f"{found[column]:,}" if isinstance(found[column], int) else str(found[column]) for column in COLUMNS[:-1]]
        lines.append(f"| {' | '.join(figures)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--foldings", nargs="+", choices=FOLDINGS, default=FOLDINGS)
    parser.add_argument("--platform", choices=names(), help="board of every network")
    parser.add_argument("--max-lut", type=float, help="share of the board's LUTs that the first two foldings may take (default: 0.25)")
    parser.add_argument("--json", type=Path, default=ROWS, help="the rows, a list of objects")
    parser.add_argument("--again", action="store_true", help="do rows anew that were made with another state of the package")
    parser.add_argument("--table", action="store_true", help="print the rows that there are as Markdown")
    options = parser.parse_args()
    rows = json.loads(options.json.read_text()) if options.json.exists() else []
    if options.table:
        print(table(rows))
        return 0
    if not MODELS.is_dir():
        print(f"{MODELS} is not here; nothing to compare")
        return 0
    change = made_with()
    known = {key(found) for found in rows if not options.again or found.get("made_with") == change}
    print(" | ".join(COLUMNS), flush=True)
    exact = True
    for name in options.models or [name for name in NETWORKS if (MODELS / name).is_dir()]:
        board = options.platform or NETWORKS[name][1]
        for kind in options.foldings:
            if (name, board, kind) in known:
                continue
            found = row(name, board, kind, options.max_lut or SHARES.get(name, 0.25), builds_folder())
            exact &= found["exact"]
            print(" | ".join(str(found[column]) for column in COLUMNS), *found["faults"], flush=True)
            rows = [old for old in rows if key(old) != key(found)] + [found | {"made_with": change}]
            options.json.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
