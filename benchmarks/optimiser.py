"""FINN-R's Algorithm 1 against the exact optimiser: ``python benchmarks/optimiser.py MODEL.onnx ...``.

For each network and board, both in the same budget and by the same costs: frames per second, the seconds until a design with its FIFOs
is found that fits, and of the exact one how far the best possible may be from it at most.
"""

import argparse
import time
from pathlib import Path

from finnr_rtl.design import Goal
from finnr_rtl.errors import UserError
from finnr_rtl.folding.optimise import optimise
from finnr_rtl.frontend import load_network
from finnr_rtl.platforms import load, names


def measured(network, board, goal) -> tuple[str, str, float]:
    """Frames per second and gap, as text, and seconds."""
    start = time.perf_counter()
    try:
        best = optimise(network, board, goal)
    except UserError:
        return "-", "", time.perf_counter() - start
    cycles = max(goal.fewest_cycles(network, board), *(stage.config.cycles for stage in best.stages))
    gap = "" if best.gap is None else f"{best.gap:.1%}"
    return f"{goal.clock(board) * 1e6 / cycles:,.0f}", gap, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--platform", action="append", choices=names(), help="board, may be given several times (default: all)")
    options = parser.parse_args()
    print("| network | board | Algorithm 1, frames/s | seconds | exact, frames/s | gap | seconds |")
    print("|---|---|---|---|---|---|---|")
    for path in options.models:
        network = load_network(path)
        name = path.parent.name if path.stem == "model" else path.stem
        for board in map(load, options.platform or names()):
            walked, _, first = measured(network, board, Goal(optimiser="finn-r"))
            best, gap, second = measured(network, board, Goal())
            print(f"| {name} | {board.name} | {walked} | {first:.1f} | {best} | {gap} | {second:.1f} |", flush=True)


if __name__ == "__main__":
    main()
