"""The fastest designs and the smallest cores, beside what FINN publishes or was measured to take.

    python benchmarks/fastest.py cores            CNV's cores at FINN's folding, on their own
    python benchmarks/fastest.py whole            CNV at FINN's folding, and the fastest CNV and LFC of 80 % of a PYNQ-Z1 (an hour)
    python benchmarks/fastest.py networks         the fastest design of each network on PYNQ-Z1 and Ultra96 (nothing is synthesised)
    python benchmarks/fastest.py simulated        the same, and the steady state of those designs in Verilator (minutes for each)
    python benchmarks/fastest.py packed           networks of 4 to 8 bits with one product, and with several, in a DSP slice
    python benchmarks/fastest.py --table          all records as Markdown

Counts are of `synth_xilinx -family xc7 -flatten`: "LUT" are LUTs of all sizes, LUT memory and shift registers; "cells" are Yosys' estimate
of logic cells, in which small LUTs share one, with LUTs of two outputs, LUT memory and shift registers. Cycles are per frame. Records go to
benchmarks/data/fastest.json. Exit code 1 where one misses its bar.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from core_synthesis import core_verilog  # noqa: E402
from cycles import builds_folder, enough_frames, simulated, steady_gaps  # noqa: E402

from finnr_rtl.build import build  # noqa: E402
from finnr_rtl.cores.contract import CoreConfig, StreamSpec  # noqa: E402
from finnr_rtl.cores.fifo import FifoConfig  # noqa: E402
from finnr_rtl.cores.mvtu import MvtuConfig  # noqa: E402
from finnr_rtl.cores.packed import PACKED  # noqa: E402
from finnr_rtl.cores.swu import SwuConfig  # noqa: E402
from finnr_rtl.cores.threshold import ThresholdConfig  # noqa: E402
from finnr_rtl.datatypes import BIPOLAR, int_, uint  # noqa: E402
from finnr_rtl.design import Design, Goal, design  # noqa: E402
from finnr_rtl.errors import UserError  # noqa: E402
from finnr_rtl.folding.options import choices  # noqa: E402
from finnr_rtl.frontend import load_network  # noqa: E402
from finnr_rtl.network.batch import batched  # noqa: E402
from finnr_rtl.network.network import Network  # noqa: E402
from finnr_rtl.platforms import load  # noqa: E402
from finnr_rtl.requantiser import Requantiser  # noqa: E402
from finnr_rtl.synthesis.cells import count_cells  # noqa: E402
from finnr_rtl.synthesis.yosys import COMMANDS, find_yosys  # noqa: E402
from finnr_rtl.thresholds import Thresholds  # noqa: E402

MODELS = ROOT.parent / "shared" / "models"
RECORDS = ROOT / "benchmarks" / "data" / "fastest.json"
BOARDS = ("pynq_z1", "ultra96")
# Of the whole chip. Networks of one and two bits need no DSP block.
SHARES = {"lut": 0.8, "bram18": 1.0}
NO_DSP = SHARES | {"dsp": 0.0}
FINN_FOLDING = ROOT / "examples" / "cnv_finn_folding.json"
# Cycles per frame of FINN's overlays on the same boards, from the frames per second that its authors measured or, where input and output
# were what limited those, predicted (Blott et al. 2018; github.com/Xilinx/BNN-PYNQ).
PUBLISHED = {"cnv_w1a1": 32_768, "cnv_w1a2": 32_768, "cnv_w2a2": 115_200, "lfc_w1a1": 512, "lfc_w1a2": 512}
TIMES = 3
# Frames computed together where one by one block RAM cannot bring the weights.
BATCHES = {("lfc_w1a1", "pynq_z1"): 4, ("lfc_w1a2", "ultra96"): 3}
NETWORKS = (*PUBLISHED, "kws_mlp_w3a3", "ad_autoencoder_w8a8", "resnet8_cifar10_w8a8", "mobilenetv1_vww_w8a8", "mobilenetv1_vww_w4a4")
PACKED_NETWORKS = ("resnet8_cifar10_w8a8", "mobilenetv1_vww_w4a4")


def synthesised(files: dict[str, str], top: str) -> dict[str, int]:
    """Counts of Verilog ``files`` by name."""
    with tempfile.TemporaryDirectory() as place:
        for name, text in files.items():
            Path(place, name).write_text(text)
        script = f"read_verilog {' '.join(files)}; {COMMANDS['xc7']} -top {top}; tee -q -o stat.json stat -json -tech xilinx"
        subprocess.run([find_yosys(), "-q", "-p", script], cwd=place, check=True, capture_output=True, text=True)
        found = json.loads(Path(place, "stat.json").read_text())
    kept = {name.removeprefix("\\") for name in found["modules"]}
    cells = {kind: number for kind, number in found["design"]["num_cells_by_type"].items() if kind not in kept}
    small = sum(number for kind, number in cells.items() if kind in {f"LUT{inputs}" for inputs in range(1, 7)})
    total = count_cells(cells)
    return {"lut": total.lut, "cells": found["design"]["estimated_num_lc"] + total.lut - small, "ff": total.ff, "bram18": total.bram18,
            "dsp": total.dsp}


def cores() -> dict[str, tuple[CoreConfig, dict[str, int], str]]:
    """Cores by name, the most that each may take, and what FINN's take."""
    rng = np.random.default_rng(1)
    weights = rng.choice([-1, 1], (64, 576))
    table = Thresholds(rng.integers(-40, 40, (64, 1)), BIPOLAR, -1, np.zeros(64, dtype=bool))
    uniform = Requantiser(rng.integers(2**10, 2**11, 64), rng.integers(-(2**20), 2**20, 64), 18, 0, 255, uint(8))
    return {
        "conv1 MVTU 576 x 64, PE 32, SIMD 32, weights and thresholds":
            (MvtuConfig(BIPOLAR, BIPOLAR, weights, 32, 32, 784, table, storage="block"), {"lut": 3000}, "5,300 LUT"),
        "SWU 30 x 30 x 64, K 3, SIMD 32, 1 bit":
            (SwuConfig(BIPOLAR, (30, 30, 64), (3, 3), (1, 1), (1, 1), (0, 0, 0, 0), 1, 32), {"lut": 120, "bram18": 1},
             "317 LUT, 14,222 cycles"),
        "8-bit activation of 64 channels from 24 bits":
            (ThresholdConfig(int_(24), (784, 64), uniform, 1, threshold_storage="lut"), {"lut": 472, "dsp": 1, "bram18": 0},
             "472 LUT, 23 BRAM18"),
        "FIFO 256 x 32": (FifoConfig(StreamSpec(BIPOLAR, (256, 32), 32), 256), {"lut": 342, "bram18": 1}, "342 LUT"),
    }


def measure_cores() -> list[dict]:
    entries = []
    for name, (config, bar, other) in cores().items():
        found = synthesised({"core.v": core_verilog(config, "core", "xc7")}, "core_core")
        entries.append({"what": name, "cycles": config.schedule().interval, **found, "bar": bar, "finn": other})
    return entries


def measure_whole() -> list[dict]:
    """The accelerators of CNV and LFC."""
    most = {"cells": 42_560, "bram18": 280, "dsp": 0}
    goals = {
        "CNV w1a1 at FINN's folding": ("cnv_w1a1", {"fold": FINN_FOLDING, "target_fps": 3051},
                                       {"lut": 13_000, "ff": 13_000, "bram18": 120, "dsp": 0, "cycles": 32_768}, "22,800 LUT, 205 BRAM18"),
        "CNV w1a1, fastest on PYNQ-Z1": ("cnv_w1a1", {"caps": NO_DSP}, most | {"cycles": 3_277}, "32,768 cycles"),
        "LFC w1a1, fastest on PYNQ-Z1": ("lfc_w1a1", {"caps": NO_DSP, "batch": 4}, most | {"cycles": 170}, "512 cycles"),
    }
    entries = []
    for name, (network, goal, bar, other) in goals.items():
        model, batch = MODELS / network / "model.onnx", goal.get("batch", 1)
        with tempfile.TemporaryDirectory() as place:
            start = time.process_time()
            result = build(model, "pynq_z1", Path(place, "net"), **goal)
            seconds = round(time.process_time() - start, 1)
            files = {path.name: path.read_text() for path in sorted(Path(place, "net", "rtl").glob("*.v"))}
            top = json.loads(Path(place, "net", "manifest.json").read_text())["top"]
        found = synthesised(files, top)
        cycles = _per_frame(result.cycles.interval, batch)
        entries.append({"what": name, "cycles": cycles, **found, "predicted": vars(result.total), "build_seconds": seconds, "bar": bar,
                        "finn": other})
    return entries


def measure_networks(names: list[str], boards: list[str], simulation: bool) -> Iterator[dict]:
    for name in names:
        network = load_network(MODELS / name / "model.onnx")
        for board in boards:
            batch = BATCHES.get((name, board), 1)
            entry = {"what": f"{name}, fastest on {board}"} | ({"batch": batch} if batch > 1 else {})
            if name in PUBLISHED:
                entry |= {"bar": {"cycles": _per_frame(PUBLISHED[name], TIMES)}, "finn": f"{PUBLISHED[name]:,} cycles"}
            try:
                best = design(batched(network, batch), load(board), Goal(caps=NO_DSP if name in PUBLISHED else SHARES))
                entry |= {"cycles": _per_frame(best.cycles.interval, batch)}
                entry |= _counts(best)
                if simulation:
                    entry |= _steady_state(best)
            except UserError as error:
                entry["refused"] = str(error)
            yield entry


def _steady_state(best: Design) -> dict:
    """Cycles per frame in Verilator, every beat of every link compared with the reference, and what was at fault."""
    network = best.folded.network
    result = simulated(network, best.stages, best.cycles, enough_frames(best.cycles), builds_folder(), best.board.family)
    latency = [] if result["latency"] == best.cycles.latency else [f"latency of {result['latency']}, not {best.cycles.latency}"]
    return {"simulated": _per_frame(max(steady_gaps(result), default=0), network.batch), "faults": [*latency, *result["faults"][:3]]}


def measure_packed() -> list[dict]:
    """Cycles of the fastest design in the same budget, where arithmetic is in LUTs or slices of one product, and where all is allowed."""
    entries = []
    for name in PACKED_NETWORKS:
        network, board = load_network(MODELS / name / "model.onnx"), load(BOARDS[0])
        several = design(network, board, Goal(caps=SHARES))
        single = min((design(network, board, Goal(caps=SHARES, given=_arithmetic(network, word))) for word in ("auto", "lut")),
                     key=lambda found: found.cycles.interval)
        for what, best in (("one product", single), ("several", several)):
            entries.append({"what": f"{name}, {what} in a slice", "cycles": best.cycles.interval} | _counts(best))
    return entries


def _arithmetic(network: Network, word: str) -> dict[str, dict[str, str]]:
    """The folding of all layers whose products can share slices; by "auto" wide ones have one each."""
    return {layer.name: {"arithmetic": word} for layer in network.layers if PACKED[0] in choices(layer, {}).get("arithmetic", ())}


def _counts(found: Design) -> dict[str, int]:
    return {key: getattr(found.total, key) for key in ("lut", "ff", "bram18", "dsp")}


def _per_frame(cycles: int, frames: int) -> float:
    """Whole where it is."""
    return cycles // frames if cycles % frames == 0 else round(cycles / frames, 2)


def missed(entry: dict) -> list[str]:
    """The figures of an entry that are over its bar, or missing."""
    late = ["simulated"] if entry.get("simulated", entry.get("cycles")) != entry.get("cycles") or entry.get("faults") else []
    return late + [key for key, most in entry.get("bar", {}).items() if entry.get(key, most + 1) > most]


def table(entries: list[dict]) -> str:
    kinds = ("cycles", "simulated", "lut", "cells", "ff", "bram18", "dsp")
    lines = ["| what | " + " | ".join(kinds) + " | at most | FINN | |", "|---|" + "---:|" * len(kinds) + "---|---|---|"]
    for entry in entries:
        bar = ", ".join(f"{key} {most:,}" for key, most in entry.get("bar", {}).items())
        figures = " | ".join(f"{entry[kind]:,}" if kind in entry else "" for kind in kinds)
        verdict = "refused" if "refused" in entry else f"missed: {', '.join(missed(entry))}" if missed(entry) else "met" if bar else ""
        what = entry["what"] + (f", in batches of {entry['batch']} frames" if "batch" in entry else "")
        lines.append(f"| {what} | {figures} | {bar} | {entry.get('finn', '')} | {verdict} |")
    return "\n".join(lines)


def load_records() -> list[dict]:
    return json.loads(RECORDS.read_text()) if RECORDS.exists() else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help="cores, whole, simulated, packed (default: all), networks")
    parser.add_argument("--network", action="append", choices=NETWORKS, help="of `networks` and `simulated` only these")
    parser.add_argument("--board", action="append", choices=BOARDS, help="of `networks` and `simulated` only these")
    parser.add_argument("--table", action="store_true", help="print the records that there are")
    options = parser.parse_args()
    known = {entry["what"]: entry for entry in load_records()}
    asked = options.network or list(NETWORKS), options.board or list(BOARDS)
    jobs = {"cores": measure_cores, "whole": measure_whole, "simulated": lambda: measure_networks(*asked, True), "packed": measure_packed,
            "networks": lambda: measure_networks(*asked, False)}
    if unknown := set(options.parts) - set(jobs):
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(jobs)}")
    for part in [] if options.table else options.parts or list(jobs)[:-1]:
        for entry in jobs[part]():
            known[entry["what"]] = entry
            RECORDS.write_text("[\n" + ",\n".join(map(json.dumps, known.values())) + "\n]\n")
    print(table(list(known.values())))
    return int(any(map(missed, known.values())))


if __name__ == "__main__":
    sys.exit(main())
