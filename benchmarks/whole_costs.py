"""Whole accelerators, as the optimiser folds them, beside what the cost model says of them.

    python benchmarks/whole_costs.py MODEL.onnx ... --platform pynq_z1 [--max-lut 0.1] [--target-fps N] [--fold FILE] [--stages]

Prints predicted and synthesised resources and their ratio. ``--stages`` synthesises every stage on its own too, and names those of which
the model is furthest off. Records go to the file that ``--json`` names, one a line, each in the place of an older one of the same
network, platform and goal.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from finnr_rtl.build import build  # noqa: E402
from finnr_rtl.cost.predict import whole_cost  # noqa: E402
from finnr_rtl.platforms import load  # noqa: E402
from finnr_rtl.synth import Built  # noqa: E402
from finnr_rtl.synthesis.yosys import run_yosys, yosys_version  # noqa: E402

RECORDS = ROOT / "benchmarks" / "data" / "whole_synthesis.json"
COUNTED = ("lut", "ff", "bram18", "dsp")
# Stages that are named where every one is synthesised.
WORST = 8


def measure(model: Path, platform: str, max_lut: float | None, target_fps: float | None, fold: Path | None, stages: bool) -> dict:
    """Predicted and synthesised resources of one network, and of its stages where they are asked for."""
    family = load(platform).family
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "build")
        design = build(model, platform, folder, target_fps=target_fps, fold=fold, caps={"lut": max_lut} if max_lut else None)
        tasks = Built.load(folder).modules(folder)
        counts = run_yosys(tasks if stages else {"": tasks[""]}, family, 1, lambda name, done, total: None)
    entry = {
        "network": model.parent.name if model.stem == "model" else model.stem, "platform": platform, "max_lut": max_lut,
        "target_fps": target_fps, "fold": fold and fold.name, "cycles": design.cycles.interval, "tool": yosys_version(),
        "predicted": vars(whole_cost(design.stages, family)), "synthesised": vars(counts.pop("")),
    }
    for name, found in counts.items():
        entry.setdefault("stages", {})[name] = {"predicted": vars(design.costs[name]), "synthesised": vars(found)}
    return entry


def line(entry: dict) -> str:
    cells = []
    for kind in COUNTED:
        said, found = entry["predicted"][kind], entry["synthesised"][kind]
        cells.append(f"{said} / {found}" + (f" ({said / found - 1:+.1%})" if found else ""))
    goals = (("at most LUT share", "max_lut"), ("frames/s", "target_fps"), ("by", "fold"))
    goal = [f"{name} {entry[key]}" for name, key in goals if entry.get(key)]
    return f"| {entry['network']} | {entry['platform']} | {', '.join(goal)} | {' | '.join(cells)} |"


def worst(entry: dict) -> list[str]:
    """The stages furthest off in LUTs."""
    def off(stage):
        return stage["predicted"]["lut"] - stage["synthesised"]["lut"]

    stages = sorted(entry.get("stages", {}).items(), key=lambda pair: -abs(off(pair[1])))
    return [f"    {name}: {line(entry | stage)}" for name, stage in stages[:WORST]]


def record(path: Path, entry: dict) -> None:
    def key(record):
        return [str(record.get(name)) for name in ("platform", "network", "max_lut", "target_fps", "fold")]

    kept = [old for old in (json.loads(path.read_text()) if path.exists() else []) if key(old) != key(entry)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(json.dumps(old) for old in sorted([*kept, entry], key=key)) + "\n]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--platform", default="pynq_z1")
    parser.add_argument("--max-lut", type=float, metavar="X", help="share of the device's LUT to use")
    parser.add_argument("--target-fps", type=float, metavar="N")
    parser.add_argument("--fold", type=Path, metavar="FILE", help="values that layers keep, as for build")
    parser.add_argument("--stages", action="store_true", help="synthesise each stage on its own too")
    parser.add_argument("--json", type=Path, default=RECORDS, metavar="FILE")
    options = parser.parse_args()
    print("| network | platform | goal | LUT predicted / Yosys | FF | BRAM18 | DSP |\n|---|---|---|---|---|---|---|")
    for model in options.models:
        entry = measure(model, options.platform, options.max_lut, options.target_fps, options.fold, options.stages)
        print("\n".join([line(entry), *worst(entry)]), flush=True)
        record(options.json, {key: value for key, value in entry.items() if key != "stages"})


if __name__ == "__main__":
    main()
