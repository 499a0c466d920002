"""FINN-R's Algorithm 1 against the exact optimiser: ``python benchmarks/optimiser.py MODEL.onnx ...``.

For each network and board, both in the same budget and by the same costs: frames per second, and the processor seconds and seconds until
a design with its FIFOs is found that fits; of the exact one how far the best possible may be from it at most, and the processor seconds
to size its FIFOs and predict its cycles once more.
"""

import argparse
import time
from pathlib import Path

from finnr_rtl.dataflow.rooms import size_rooms
from finnr_rtl.dataflow.stages import lower
from finnr_rtl.dataflow.timing import predict
from finnr_rtl.design import Goal
from finnr_rtl.errors import UserError
from finnr_rtl.folding.optimise import Optimised, optimise
from finnr_rtl.frontend import load_network
from finnr_rtl.platforms import load, names


def measured(network, board, goal) -> tuple[str, float, float, Optimised | None]:
    """Frames per second as text, processor seconds, seconds, and the design."""
    start, used = time.perf_counter(), time.process_time()
    try:
        best = optimise(network, board, goal)
    except UserError:
        best = None
    seconds = time.process_time() - used, time.perf_counter() - start
    if best is None:
        return "-", *seconds, None
    cycles = max(goal.fewest_cycles(network, board), *(stage.config.cycles for stage in best.stages))
    return f"{goal.clock(board) * 1e6 / cycles:,.0f}", *seconds, best


def rooms_seconds(best: Optimised) -> float:
    """Processor seconds to size the rooms of a design and to predict its cycles, from its folding on."""
    stages, start = lower(best.folded), time.process_time()
    predict(size_rooms(stages))
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--platform", action="append", choices=names(), help="board, may be given several times (default: all)")
    options = parser.parse_args()
    print("| network | board | Algorithm 1, frames/s | CPU s | s | exact, frames/s | gap | CPU s | s | FIFOs and cycles, CPU s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for path in options.models:
        name = path.parent.name if path.stem == "model" else path.stem
        for board in map(load, options.platform or names()):
            # Read anew for each: what layers take is remembered with the network.
            walked, *first, _ = measured(load_network(path), board, Goal(optimiser="finn-r"))
            found, *second, best = measured(load_network(path), board, Goal())
            gap, rooms = ("", "") if best is None else (f"{best.gap:.1%}", f"{rooms_seconds(best):.1f}")
            seconds = [" | ".join(f"{taken:.1f}" for taken in pair) for pair in (first, second)]
            print(f"| {name} | {board.name} | {walked} | {seconds[0]} | {found} | {gap} | {seconds[1]} | {rooms} |", flush=True)


if __name__ == "__main__":
    main()
