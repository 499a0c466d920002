"""Speed of whole-network simulation inside cocotb, all checks on: ``python benchmarks/simulation_speed.py [MODEL.onnx ...]``.

Without arguments: CNV of the zoo, in w1a1, folded for a PYNQ-Z1. Prints how long the simulator's build takes, and of each run of the
network bench the cycles, the wall seconds inside the test, and cycles per second.
"""

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "sim")]

from runner import simulate  # noqa: E402

from finnr_rtl.build import build  # noqa: E402
from finnr_rtl.zoo import make  # noqa: E402


def measure(model: Path, folder: Path, simulator: str) -> None:
    """Build, simulate twice (the second time without compiling), print."""
    build(model, "pynq_z1", folder)
    sources = [*sorted((folder / "rtl").glob("*.v")), folder / "sim" / "tb.v"]

    def run():
        start = time.perf_counter()
        results = simulate(sources, "tb", "network_bench", build_dir=folder.parent / "build", simulator=simulator,
                           env={"NETWORK_BENCH": str(folder / "sim")}, beside=[folder / "sim" / "vectors"])
        return time.perf_counter() - start, results

    first, _ = run()
    second, results = run()
    print(f"{model.stem}: {simulator} builds it in {first - second:.1f} s", flush=True)
    period = 2
    for name, nanoseconds, seconds in results.tests:
        cycles = nanoseconds / period
        print(f"  {re.sub('_', ' ', name.split('.')[-1])}: {cycles:,.0f} cycles in {seconds:.2f} s, {cycles / seconds:,.0f} per second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--simulator", choices=["verilator", "icarus"], default="verilator")
    options = parser.parse_args()
    os.environ.setdefault("COCOTB_LOG_LEVEL", "ERROR")
    with tempfile.TemporaryDirectory() as place:
        models = options.models
        if not models:
            models = [Path(place) / "cnv_w1a1.onnx"]
            models[0].write_bytes(make("cnv_w1a1").SerializeToString(deterministic=True))
        for model in models:
            measure(model, Path(place) / "out", options.simulator)


if __name__ == "__main__":
    main()
