"""Every network on every board of ours: ``python benchmarks/boards.py [--network NAME ...] [--platform NAME ...]``.

For each pair the design chosen by default, with its resources as the cost model predicts them, and the one of FINN-R's Algorithm 1 in the
same budget and by the same costs. What is found goes into ``benchmarks/data/boards.json``, under the names of the network and the
platform, with the last change to the package it was made with; pairs that are in it already are passed over, with ``--again`` those made
with the package as it is, and other keys of a pair are left alone. Ends with 1 where Algorithm 1 has the faster design of a pair.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from finnr_rtl.design import Goal, design
from finnr_rtl.errors import UserError
from finnr_rtl.folding.optimise import optimise
from finnr_rtl.frontend import load_network
from finnr_rtl.network.network import Network
from finnr_rtl.platforms import Platform, load, names

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
RECORDS = Path(__file__).parent / "data" / "boards.json"


def made_with() -> str:
    """The last change to the package, as git knows it."""
    command = ["git", "log", "-1", "--format=%h", "--", "finnr_rtl", "platforms"]
    return subprocess.run(command, cwd=Path(__file__).parents[1], check=True, capture_output=True, text=True).stdout.strip()


def ours(network: Network, board: Platform) -> dict:
    """The default design: cycles per frame, frames per second, resources and their shares of the device, gap, and processor seconds; or why
    there is none."""
    start = time.process_time()
    try:
        best = design(network, board, Goal())
    except UserError as error:
        return {"does_not_fit": str(error).split(": the closest takes ")[-1], "seconds": round(time.process_time() - start, 1)}
    device, total = asdict(board.device), asdict(best.total)
    return {
        "cycles": best.cycles.interval,
        "frames_per_second": round(best.frames_per_second, 1),
        "clock_mhz": best.clock_mhz,
        "resources": total,
        "share": {name: round(count / device[name], 3) for name, count in total.items() if device[name]},
        "gap": round(best.gap, 4),
        "seconds": round(time.process_time() - start, 1),
    }


def algorithm_1(network: Network, board: Platform) -> dict:
    """Cycles per frame and frames per second of Algorithm 1's design, and processor seconds; or that none fits."""
    start, goal = time.process_time(), Goal(optimiser="finn-r")
    try:
        best = optimise(network, board, goal)
    except UserError:
        return {"does_not_fit": True, "seconds": round(time.process_time() - start, 1)}
    cycles = max(goal.fewest_cycles(network, board), *(stage.config.cycles for stage in best.stages))
    seconds = round(time.process_time() - start, 1)
    return {"cycles": cycles, "frames_per_second": round(goal.clock(board) * 1e6 / cycles, 1), "seconds": seconds}


def never_worse(record: dict) -> bool:
    """Whether Algorithm 1 has no faster design."""
    other = record["algorithm_1"].get("cycles")
    return other is None or record["design"].get("cycles", other + 1) <= other


def line(record: dict) -> str:
    """A record as text."""
    best, other = record["design"], record["algorithm_1"]
    walked = f"Algorithm 1: {other['cycles']:,} cycles" if "cycles" in other else "Algorithm 1: none"
    if "cycles" not in best:
        return f"does not fit: {best['does_not_fit']}; {walked}; {best['seconds']} s"
    taken = ", ".join(f"{name.upper()} {best['resources'][name]:,} ({share:.0%})" for name, share in best["share"].items())
    pace = f"{best['cycles']:,} cycles, {best['frames_per_second']:,.0f} frames/s"
    return f"{pace}, {taken}, gap {best['gap']:.1%}, {best['seconds']} s; {walked}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", action="append", help="folder of ../shared/models (default: all)")
    parser.add_argument("--platform", action="append", choices=names(), help="board (default: all)")
    parser.add_argument("--again", action="store_true", help="design pairs anew whose record was made with another package")
    options = parser.parse_args()
    records = json.loads(RECORDS.read_text()) if RECORDS.exists() else {}
    networks = options.network or sorted(path.parent.name for path in MODELS.glob("*/model.onnx"))
    worse, change = [], made_with()
    loaded = {name: load_network(MODELS / name / "model.onnx") for name in networks}
    for platform in options.platform or names():
        board = load(platform)
        for name, network in loaded.items():
            key = f"{name}/{platform}"
            record = records.setdefault(key, {})
            if "algorithm_1" not in record or options.again and record.get("made_with") != change:
                record |= {"design": ours(network, board), "algorithm_1": algorithm_1(network, board), "made_with": change}
                record["never_worse"] = never_worse(record)
                RECORDS.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n")
                print(f"{key}: {line(record)}", flush=True)
            if not record["never_worse"]:
                worse.append(key)
    for key in worse:
        print(f"{key}: Algorithm 1 is faster")
    sys.exit(bool(worse))


if __name__ == "__main__":
    main()
