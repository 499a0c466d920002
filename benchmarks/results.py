"""The page of results: ``python benchmarks/results.py > docs/results.md``.

Prints what the other scripts have recorded in ``benchmarks/data/``: cycles (``cycles.py``), FIFOs (``one_less.py``), resources
(``whole_costs.py``), designs on boards (``boards.py``), and paths within a cycle (``clock.py``, ``place_and_route.py``).
"""

import json
from pathlib import Path

import clock

DATA = Path(__file__).parent / "data"
RESOURCES = ("lut", "ff", "bram18", "dsp")


def table(headings: list[str], rows: list[list]) -> str:
    """A table in Markdown, names to the left and numbers to the right."""
    lines = [headings, ["---"] + ["---:"] * (len(headings) - 1), *rows]
    return "\n".join("| " + " | ".join(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) + " |" for row in lines)


def records(name: str):
    path = DATA / name
    return json.loads(path.read_text()) if path.exists() else []


def ratio(predicted: int, measured: int) -> str:
    return f"{predicted / measured:.3f}" if measured else "1" if not predicted else "-"


def cycles() -> str:
    rows = [
        [row["network"], row["folding"], f"{row['slowest']} ({row['limit']})", row["interval"], row["simulated_interval"], row["latency"],
         row["simulated_latency"], row["fill"], ratio(row["interval"], row["simulated_interval"])]
        for row in records("cycles.json")
    ]
    return table(["network", "folding", "slowest stage (its limit)", "cycles per frame, predicted", "simulated", "latency, predicted",
                  "simulated", "fill", "ratio"], rows)


def rooms() -> str:
    rows = [[row["network"], row["room"], row["places"], row["interval"], row["one_less_predicted"], row["one_less_simulated"]]
            for row in records("one_less.json")]
    return table(["network", "room", "beats", "cycles per frame", "with one less, predicted", "simulated"], rows)


def resources() -> str:
    headings = ["network", "board", "folding", "cycles per frame"]
    headings += [f"{name.upper()} {what}" for name in RESOURCES for what in ("predicted", "Yosys", "ratio")]
    rows = []
    for row in records("whole_synthesis.json"):
        predicted, found = row["predicted"], row["synthesised"]
        rows.append([row["network"], row["platform"], row.get("fold") or "chosen", row["cycles"],
                     *(cell for name in RESOURCES for cell in (predicted[name], found[name], ratio(predicted[name], found[name])))])
    return table(headings, rows)


def boards() -> str:
    rows = []
    for key, row in sorted(dict(records("boards.json")).items()):
        network, board = key.split("/")
        ours, theirs = row["design"], row["algorithm_1"]
        if "does_not_fit" in ours:
            rows.append([network, board, "does not fit", "", "", "", "", "", ""])
            continue
        fits = "does_not_fit" not in theirs
        share, fps = ours["share"], ours["frames_per_second"]
        rows.append([
            network, board, ours["cycles"], round(fps), round(theirs["frames_per_second"]) if fits else "none",
            ratio(fps, theirs["frames_per_second"]) if fits else "-", f"{ours['gap']:.1%}",
            *(f"{share[name]:.0%}" if name in share else "-" for name in ("lut", "bram18")),
        ])
    return table(["network", "board", "cycles per frame", "frames/s", "Algorithm 1, frames/s", "ratio", "gap", "LUT", "BRAM18"], rows)


def placed() -> str:
    rows = [[name, row["mhz"], row["logic"], row["routing"], f"`{row['start']}` to `{row['end']}`"]
            for name, row in dict(records("place_and_route.json")).items()]
    return table(["core", "MHz", "logic, ns", "routing, ns", "slowest path"], rows)


def main():
    print(f"""# Results

Printed by `benchmarks/results.py` from the records of the scripts beside it.

## Cycles

Predicted, and counted in Verilator over frames back to back (`benchmarks/cycles.py`): "fast" is the fastest design in a part of the
board, "slow" a tenth as fast, "random" random legal folds. Latency is from the first beat taken to the first one given, fill until the
slowest stage waits no more.

{cycles()}

## FIFOs

Rooms that the model calls tight, with one beat less (`benchmarks/one_less.py`).

{rooms()}

## Resources

The whole accelerator as the cost model predicts it, and as Yosys counts it (`benchmarks/whole_costs.py`).

{resources()}

## Boards

The fastest design in a board's budget, and that of FINN-R's Algorithm 1 in the same budget by the same costs (`benchmarks/boards.py`).
The gap is by how much another folding could be faster at most.

{boards()}

## Clock

The longest paths of cores within a cycle, after `synth_xilinx -family xc7 -flatten` (`benchmarks/clock.py`). Over the bar is a core with a
path between registers of more than six LUTs and one carry chain; a DSP slice counts like three LUTs. Kinds are those of
`benchmarks/core_sweep.py`, single cores those of `benchmarks/clock_extremes.py`.

{clock.table(clock.load())}

Cores placed and routed for an ECP5, LFE5U-85F of speed grade 6 (`benchmarks/place_and_route.py`):

{placed()}""")


if __name__ == "__main__":
    main()
