"""Predictions beside measurements for every network on every board: ``python benchmarks/pairs.py [--network NAME ...] [--platform ...]``.

A board that a network fits on (as ``boards.py`` found) gets a design that a computer simulates and synthesises in minutes: one that was
measured for another board with slices like its own, where it fits, or the fastest in as few tenths of the device's LUTs as there are any
in. Each is run in Verilator, frames back to back until three end an interval behind the one before and every beat compared, and made by
Yosys as a whole. What is the same Verilog is simulated once, and made once for each family; UltraScale differs from UltraScale+ in URAM
alone. Boards are gone through by family, the smaller ones first.

Rows go into ``benchmarks/data/pairs.json``; those that are there are passed over, with ``--again`` those of the package as it is: others
are predicted anew, and measured where their Verilog is another one.
Exit code 1 where cycles are not exact.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path

from boards import RECORDS, made_with
from cycles import MODELS, builds_folder, enough_frames, simulated, steady_gaps

from finnr_rtl.cost.predict import whole_cost
from finnr_rtl.dataflow.accelerator import Accelerator
from finnr_rtl.dataflow.stages import Stage
from finnr_rtl.dataflow.timing import Cycles, predict
from finnr_rtl.design import Goal, design
from finnr_rtl.emit.verilog import verilog_files
from finnr_rtl.errors import UserError
from finnr_rtl.families import SLICES
from finnr_rtl.folding.budget import budget
from finnr_rtl.frontend import load_network
from finnr_rtl.network.network import Network
from finnr_rtl.platforms import Platform, load, names
from finnr_rtl.synthesis.yosys import run_yosys

ROWS = Path(__file__).parent / "data" / "pairs.json"
# Families in the order in which they are gone through, and which one's synthesis stands for each.
FAMILIES = {"xc7": "xc7", "xcup": "xcup", "xcu": "xcup", "ecp5": "ecp5", "ice40": "ice40"}
# Shares of a device's LUTs.
TENTHS = [tenths / 10 for tenths in range(1, 11)]
TOP = "net"
# A design of few LUTs, and where it comes from.
Found = tuple[str, float, list[Stage]]


def boards() -> list[Platform]:
    """By family, and by LUTs within one."""
    return sorted(map(load, names()), key=lambda board: ([*FAMILIES].index(board.family), board.lut))


def smallest(network: Network, board: Platform) -> Found | None:
    """The fastest design in as few tenths of the LUTs as there are any in, or None."""
    for share in TENTHS:
        try:
            return board.name, share, design(network, board, Goal(caps={"lut": share})).stages
        except UserError:
            continue
    return None


def fits(stages: list[Stage], board: Platform) -> bool:
    return whole_cost(stages, board.family) <= budget(board, {})


def run(network: Network, stages: list[Stage], cycles: Cycles, family: str) -> dict:
    """Cycles as Verilator counts them."""
    frames = enough_frames(cycles)
    result = simulated(network, stages, cycles, frames, builds_folder(), family)
    steady = steady_gaps(result)
    exact = not result["faults"] and steady == {cycles.interval} and result["latency"] == cycles.latency
    return {"interval": max(steady, default=None), "latency": result["latency"], "frames": frames, "exact": exact}


def made(verilog: dict[str, str], family: str) -> dict:
    """What Yosys makes of it."""
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place, name) for name in verilog]
        for path, text in zip(files, verilog.values(), strict=True):
            path.write_text(text)
        return vars(run_yosys({"": (TOP, sorted(path for path in files if path.suffix == ".v"))}, family, 1, lambda *_: None)[""])


def row(network: Network, board: Platform, found: Found, rows: list[dict]) -> dict:
    """A design on a board as predicted and as measured, here or in another of ``rows``."""
    made_for, share, stages = found
    cycles = predict(stages)
    verilog = verilog_files(Accelerator(TOP, stages), cycles, board.family)
    digest = hashlib.sha256(json.dumps(verilog, sort_keys=True).encode()).hexdigest()[:12]
    same = [other for other in rows if other.get("verilog") == digest]
    alike = [other for other in same if FAMILIES[load(other["platform"]).family] == FAMILIES[board.family]]
    return {
        "made_for": made_for, "share": share, "verilog": digest, "interval": cycles.interval, "latency": cycles.latency,
        "predicted": vars(whole_cost(stages, board.family)),
        "simulated": same[0]["simulated"] if same else run(network, stages, cycles, board.family),
        "synthesised": alike[0]["synthesised"] if alike else made(verilog, board.family),
    }


def store(rows: list[dict]) -> list[dict]:
    """Add rows to the file, in place of older ones of the same network and board; another run may have been writing."""
    kept = {(row["network"], row["platform"]): row for row in [*records(), *rows]}
    every = [kept[key] for key in sorted(kept)]
    ROWS.write_text("[\n" + ",\n".join(map(json.dumps, every)) + "\n]\n")
    return every


def records() -> list[dict]:
    return json.loads(ROWS.read_text()) if ROWS.exists() else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", action="append", help="folder of ../shared/models (default: all)")
    parser.add_argument("--platform", action="append", choices=names(), help="a board of platforms/ (default: all)")
    parser.add_argument("--again", action="store_true", help="rows anew that were made with another state of the package")
    options = parser.parse_args()
    change, exact, designed = made_with(), True, json.loads(RECORDS.read_text())
    for name in options.network or sorted(path.parent.name for path in MODELS.glob("*/model.onnx")):
        network, designs = load_network(MODELS / name / "model.onnx"), {}
        for board in boards():
            if options.platform and board.name not in options.platform:
                continue
            rows = records()
            known = [row for row in rows if not options.again or row["made_with"] == change]
            if any((row["network"], row["platform"]) == (name, board.name) for row in known):
                continue
            alike = designs.setdefault(board.family in SLICES or board.family, [])
            found = next((found for found in alike if fits(found[2], board)), None)
            if found is None and "cycles" in designed[f"{name}/{board.name}"]["design"] and (found := smallest(network, board)):
                alike.append(found)
            new = {"network": name, "platform": board.name, "made_with": change} | (row(network, board, found, rows) if found else {})
            store([new])
            exact &= not found or new["simulated"]["exact"]
            print(json.dumps(new), flush=True)
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
