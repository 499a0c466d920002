"""The page of results: ``python benchmarks/results.py > docs/results.md``.

Prints what the other scripts have recorded in ``benchmarks/data/``: designs on boards (``boards.py``, ``pairs.py``), cycles
(``cycles.py``), resources (``whole_costs.py``), FIFOs (``one_less.py``), the fastest designs (``fastest.py``), and paths within a cycle
(``clock.py``, ``place_and_route.py``).
"""

import json
from pathlib import Path

import clock
import fastest
from cycles import key

DATA = Path(__file__).parent / "data"
RESOURCES = ("lut", "ff", "bram18", "dsp")


def table(headings: list[str], rows: list[list]) -> str:
    """A table in Markdown, names to the left and numbers to the right; rows may end early."""
    rows = [row + [""] * (len(headings) - len(row)) for row in rows]
    lines = [headings, ["---"] + ["---:"] * (len(headings) - 1), *rows]
    return "\n".join("| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) + " |" for row in lines)


def records(name: str):
    path = DATA / name
    return json.loads(path.read_text()) if path.exists() else []


def ratio(predicted: float, measured: float) -> str:
    return f"{predicted / measured:.3f}" if measured else "1" if not predicted else "-"


def both(predicted: int, measured: int | None = None) -> str:
    """What is predicted, and where it was measured that as well, and their ratio."""
    return f"{predicted:,}" if measured is None else f"{predicted:,} / {measured:,} ({ratio(predicted, measured)})"


def cycles() -> str:
    rows = [
        [row["network"], row["platform"], row["folding"], f"{row['slowest']} ({row['limit']})", row["interval"], row["simulated_interval"],
         row["latency"], row["simulated_latency"], row["fill"], ratio(row["interval"], row["simulated_interval"])]
        for row in records("cycles.json")
    ]
    return table(["network", "board", "folding", "slowest stage (its limit)", "cycles per frame, predicted", "simulated",
                  "latency, predicted", "simulated", "fill", "ratio"], rows)


def rooms() -> str:
    rows = [[row["network"], row["room"], row["places"], row["interval"], row["one_less_predicted"], row["one_less_simulated"]]
            for row in records("one_less.json")]
    return table(["network", "room", "beats", "cycles per frame", "with one less, predicted", "simulated"], rows)


def pairs() -> str:
    """Every network on every board: a design of each that was measured, and the fastest in the whole budget beside Algorithm 1's."""
    headings = ["network", "board", "measured design", "cycles per frame", "latency", *map(str.upper, RESOURCES), "fastest, frames/s",
                "Algorithm 1", "gap"]
    made, rows = {(row["network"], row["platform"]): row for row in records("pairs.json")}, []
    for pair, row in sorted(dict(records("boards.json")).items()):
        ours, theirs, found = row["design"], row["algorithm_1"], made.get(tuple(pair.split("/")), {})
        if "cycles" not in ours:
            rows.append([*pair.split("/"), f"does not fit: {ours['does_not_fit']}"])
            continue
        cells = [""] * 7
        if "predicted" in found:
            ran = found["simulated"]
            cells = [f"{found['made_for']}, {found['share']:.0%}", both(found["interval"], ran["interval"]),
                     both(found["latency"], ran["latency"])]
            cells += [both(count, found["synthesised"][name]) for name, count in taken(found["predicted"])]
        rows.append([*pair.split("/"), *cells, *pace(ours, theirs), f"{ours['gap']:.1%}"])
    return table(headings, rows)


def pace(ours: dict, theirs: dict) -> list[str]:
    """Frames per second of both optimisers."""
    fps = f"{ours['frames_per_second']:,.0f}"
    if "cycles" not in theirs:
        return [fps, "none fits"]
    return [f"{fps} ({ratio(ours['frames_per_second'], theirs['frames_per_second'])})", f"{theirs['frames_per_second']:,.0f}"]


def fastest_designs() -> str:
    """What the fastest design of each pair takes."""
    rows = []
    for pair, row in sorted(dict(records("boards.json")).items()):
        ours = row["design"]
        if "cycles" in ours:
            counts = [f"{count:,} ({ours['share'].get(name, 0):.0%})" for name, count in taken(ours["resources"])]
            rows.append([*pair.split("/"), ours["cycles"], *counts])
    return table(["network", "board", "cycles per frame", *map(str.upper, RESOURCES)], rows)


def wholes() -> str:
    """Other designs that were synthesised."""
    rows = []
    for row in records("whole_synthesis.json"):
        share, rate = row["max_lut"], row["target_fps"]
        goals = f"{share:.0%} of the LUTs" if share else "", f"{rate:,.0f} frames/s" if rate else ""
        folding = row["fold"] or ", ".join(filter(None, goals)) or "whole budget"
        counts = [both(count, row["synthesised"][name]) for name, count in taken(row["predicted"])]
        rows.append([row["network"], row["platform"], folding, row["cycles"], *counts])
    return table(["network", "board", "folding", "cycles per frame", *map(str.upper, RESOURCES)], sorted(rows))


def measured() -> str:
    """What of the designs was measured, and how far predictions are off."""
    rows = [row for row in records("pairs.json") if "predicted" in row]
    ran = {row["verilog"]: row["simulated"]["exact"] for row in rows} | {key(row): row["exact"] for row in records("cycles.json")}
    made = {(row["verilog"], *row["synthesised"].values()): row for row in rows}
    made = [*made.values(), *records("whole_synthesis.json")]
    lut, ff = (max(abs(row["predicted"][kind] / row["synthesised"][kind] - 1) for row in made) for kind in ("lut", "ff"))
    wrong = sum(row["predicted"][kind] != row["synthesised"][kind] for row in made for kind in ("bram18", "dsp"))
    return f"""Verilator ran {len(ran)} designs, and the cycles of {sum(ran.values())} are predicted exactly; Yosys made {len(made)}, whose
LUTs are off by {lut:.1%} and flip-flops by {ff:.1%} at most, and block RAMs or DSP blocks in {wrong}. {len(rows)} pairs are among them.
Predictions are those of the package as it was when each was measured."""


def taken(resources: dict) -> list[tuple[str, int]]:
    return [(name, resources[name]) for name in RESOURCES]


def placed() -> str:
    rows = [[name, row["mhz"], row["logic"], row["routing"], f"`{row['start']}` to `{row['end']}`"]
            for name, row in dict(records("place_and_route.json")).items()]
    return table(["core", "MHz", "logic, ns", "routing, ns", "slowest path"], rows)


def main():
    print(f"""# Results

Printed by `benchmarks/results.py` from the records of the scripts beside it.

## Designs

One row for each network and board. Figures that were measured stand behind the predicted ones, with their ratio. The measured design is
the fastest in as few tenths of a device's LUTs as there are any in, for this board or a smaller one: Verilog is the same on all boards of
a family (`benchmarks/pairs.py`). {measured()}

The fastest design is that in the board's whole budget, its frames per second those of the default clock (and their ratio to those of
FINN-R's Algorithm 1 in the same budget by the same costs); the gap is by how much another folding could be faster at most
(`benchmarks/boards.py`).

{pairs()}

The fastest designs, as predicted, and their shares of the device:

{fastest_designs()}

Other designs, synthesised by Yosys (`benchmarks/whole_costs.py`):

{wholes()}

## Cycles

Predicted, and counted in Verilator over frames back to back (`benchmarks/cycles.py`): "fast" is the fastest design in a part of the
board, "slow" a tenth as fast, "random" random legal folds. Latency is from the first beat taken to the first one given, fill until the
slowest stage waits no more.

{cycles()}

## FIFOs

Rooms that the model calls tight, with one beat less (`benchmarks/one_less.py`).

{rooms()}

## The fastest

CNV and its cores beside FINN's, and the fastest design in 80 % of a board's LUTs, without DSP blocks where FINN has published a
design (`benchmarks/fastest.py`).

{fastest.table(fastest.load_records())}

## Clock

The longest paths of cores within a cycle, after `synth_xilinx -family xc7 -flatten` (`benchmarks/clock.py`). Over the bar is a core with a
path between registers of more than six LUTs and one carry chain; a DSP slice counts like three LUTs. Kinds are those of
`benchmarks/core_sweep.py`, single cores those of `benchmarks/clock_extremes.py`.

{clock.table(clock.load())}

Cores placed and routed for an ECP5, LFE5U-85F of speed grade 6 (`benchmarks/place_and_route.py`):

{placed()}""")


if __name__ == "__main__":
    main()
