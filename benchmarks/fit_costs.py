"""The constants of the cost model: measured with Yosys, then fitted.

    python benchmarks/fit_costs.py sweep --family xc7 --count 40 [--kinds mvtu fifo ..]     synthesise what is not measured yet (hours)
    python benchmarks/fit_costs.py renew --family xc7                                       synthesise again what has changed since
    python benchmarks/fit_costs.py fit                                                     constants from all measurements (seconds)

``sweep`` takes configurations 0 to ``count - 1`` of each kind in ``core_sweep.py`` and appends to ``data/core_synthesis.json`` what each
takes on its own; one whose Verilog has changed since is measured again. ``renew`` does that alone. ``fit`` writes
``finnr_rtl/cost/constants.json`` and prints the residuals, those of every fourth configuration, which the fit does not see, apart.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from core_sweep import KINDS, configuration  # noqa: E402
from core_synthesis import FAMILIES, load, sweep  # noqa: E402
from sweep_parts import Arithmetic, Words  # noqa: E402

from finnr_rtl.cost.adders import Operand  # noqa: E402
from finnr_rtl.cost.contents import columns  # noqa: E402
from finnr_rtl.cost.cores import compose  # noqa: E402
from finnr_rtl.cost.parts import Parts  # noqa: E402
from finnr_rtl.cost.resources import Resources  # noqa: E402
from finnr_rtl.emit.images import WIDE  # noqa: E402

CONSTANTS = ROOT / "finnr_rtl" / "cost" / "constants.json"
# Families from whose measurements each one's constants come: UltraScale+ has the LUTs of 7-series.
ALIKE = {"xc7": ("xc7",), "xcup": ("xc7", "xcup"), "ecp5": ("ecp5",), "ice40": ("ice40",)}
# Smaller cores' errors count as if they were of so many LUT (or FF); above LARGE LUT, BAR is what we allow ourselves.
FLOOR, LARGE, BAR = 60, 200, 0.15
ROUNDS = 10
PULL = 0.1
# LUTs of four inputs for one of six, roughly.
SMALL_LUTS = 2


def predicted(entry: dict) -> Parts:
    """What the model counts of a measured configuration."""
    parts = Parts(entry["family"])
    config = configuration(entry["kind"], entry["number"])
    if isinstance(config, Words):
        codes = np.array([[row >> bit & 1 for bit in range(config.width)] for row in config.rows])
        # A module of its own, and so as a wide one.
        parts.rom(len(config.rows), WIDE, False, columns(codes, 1, parts.trees))
    elif isinstance(config, Arithmetic):
        _arithmetic(config, parts)
    else:
        compose(config, parts)
    return parts


def _arithmetic(config: Arithmetic, parts: Parts) -> None:
    widths = sum(shape.width for shape in config.shapes)
    parts.ff += widths + (widths if config.multiplied else config.width)
    if config.multiplied:
        parts.product(1, *config.shapes, widths)
    else:
        parts.sum(tuple(Operand(shape.width, shape.signed) for shape in config.shapes), config.width)


def held_out(entry: dict) -> bool:
    """Whether the fit does not see a measurement."""
    return entry["number"] % 4 == 3


def fit_family(entries: list[dict], likely: dict[str, float] | None = None) -> dict[str, float]:
    """LUTs per unit of each feature: non-negative least squares of the relative error, small cores counting as ones of ``FLOOR`` LUT.

    Done again and again with less weight on what lies far off (Cauchy's), so that few odd cores do not spoil all others. Constants that
    measurements say little of stay near the ``likely`` ones, which count like one core that is off by ``PULL`` for each that is doubled
    or 0.
    """
    likely = likely or {}
    seen = [(entry, predicted(entry)) for entry in entries if not held_out(entry)]
    names = sorted({name for _, parts in seen for name in parts.features})
    weight = np.array([1 / max(entry["lut"], FLOOR) for entry, _ in seen])
    matrix = np.array([[parts.features.get(name, 0.0) for name in names] for _, parts in seen]) * weight[:, None]
    # Columns of like size, which is all the same to the solution but not to the solver.
    size = np.maximum(np.abs(matrix).max(axis=0), 1e-9)
    wanted = np.array([max(0, entry["lut"] - parts.fixed) for entry, parts in seen]) * weight
    trust = np.ones(len(seen))
    near = np.array([PULL / likely[name] if likely.get(name) else 0.0 for name in names])
    for _ in range(ROUNDS):
        solution, _ = nnls(np.vstack([matrix * trust[:, None], np.diag(near)]) / size, np.concatenate([wanted * trust, (near > 0) * PULL]))
        off = matrix @ (solution / size) - wanted
        trust = 1 / np.sqrt(1 + (off / BAR) ** 2)
    return {name: round(float(value), 4) for name, value in zip(names, solution / size, strict=True)}


def report(family: str, entries: list[dict], constants: dict[str, float]) -> None:
    """Residuals by kind, seen and unseen apart."""
    rows = [(entry, predicted(entry).resources(constants)) for entry in entries]
    print(f"{family}: LUT off by, in %, and how many of the cores above {LARGE} LUT are beyond {BAR:.0%}; FF off by, in %")
    for title, part in (("seen", False), ("unseen", True)):
        chosen = [(entry, found) for entry, found in rows if held_out(entry) == part]
        for kind in sorted({entry["kind"] for entry, _ in chosen}):
            _line(f"{title} {kind}", [row for row in chosen if row[0]["kind"] == kind])
        if chosen:
            _line(f"{title}, all", chosen)


def _line(title: str, rows: list[tuple[dict, Resources]]) -> None:
    off = {name: np.array([(getattr(found, name) - entry[name]) / max(entry[name], FLOOR) for entry, found in rows])
           for name in ("lut", "ff")}
    large = np.array([entry["lut"] > LARGE for entry, _ in rows], dtype=bool)
    beyond = int((np.abs(off["lut"][large]) > BAR).sum())
    wrong = {name: sum(getattr(found, name) != entry[name] for entry, found in rows) for name in ("bram18", "dsp", "ff")}
    lut, ff = (100 * np.abs(off[name]) for name in ("lut", "ff"))
    print(f"  {title:26} {len(rows):4}  LUT mean {lut.mean():5.1f} worst {lut.max():5.1f}  beyond {beyond:3} of {large.sum():3}"
          f"  FF mean {ff.mean():4.1f} worst {ff.max():5.1f} not exact {wrong['ff']:3}"
          f"  BRAM18 wrong {wrong['bram18']}  DSP wrong {wrong['dsp']}")


def fit() -> None:
    """Write the constants of every family that is measured, and print the residuals."""
    constants, entries = {}, load()
    for family, alike in ALIKE.items():
        likely = None
        if family == "ecp5":
            likely = {name: SMALL_LUTS * value for name, value in constants["xc7"].items()}
        elif family == "ice40":
            likely = constants["ecp5"]
        constants[family] = fit_family([entry for entry in entries if entry["family"] in alike], likely)
        report(family, [entry for entry in entries if entry["family"] == family], constants[family])
    CONSTANTS.write_text(json.dumps(constants, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("sweep", help="synthesise what is not measured yet")
    measuring.add_argument("--count", type=int, default=40, help="configurations of each kind")
    measuring.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    renewing = commands.add_parser("renew", help="synthesise again what is measured and has changed since")
    for command in (measuring, renewing):
        command.add_argument("--family", choices=FAMILIES, default="xc7")
        command.add_argument("--jobs", type=int, default=1, help="Yosys processes at a time")
    commands.add_parser("fit", help="constants from all measurements")
    options = parser.parse_args()
    if options.command == "sweep":
        sweep(options.family, [(kind, number) for number in range(options.count) for kind in options.kinds], options.jobs)
    elif options.command == "renew":
        sweep(options.family, [(e["kind"], e["number"]) for e in load() if e["family"] == options.family], options.jobs)
    else:
        fit()


if __name__ == "__main__":
    main()
