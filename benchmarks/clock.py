"""Paths within a cycle of synthesised cores, by `synth_xilinx -family xc7 -flatten`: LUTs and carry chains one behind the other.

    python benchmarks/clock.py [kind ..] [--count N] [--extremes] [--build FOLDER ..]

For each kind of core of benchmarks/core_sweep.py, by default all, the worst path of its first N configurations; of each core of
benchmarks/clock_extremes.py; and of each stage of the builds given. What was synthesised before is kept in benchmarks/data/clock.json until
its Verilog is another.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from clock_extremes import EXTREMES  # noqa: E402
from core_sweep import KINDS as CORES  # noqa: E402
from core_sweep import configuration  # noqa: E402
from core_synthesis import core_verilog  # noqa: E402

from finnr_rtl.synth import Built  # noqa: E402
from finnr_rtl.synthesis import paths  # noqa: E402
from finnr_rtl.synthesis.yosys import COMMANDS, find_yosys  # noqa: E402

MEASUREMENTS = ROOT / "benchmarks" / "data" / "clock.json"
# Configurations that one Yosys process does.
BATCH = 8
# No cores of their own, or variants of another kind.
LEFT_OUT = ("words", "lanes", "products", "sums")


def measure(designs: dict[str, tuple[str, str]]) -> dict[str, dict]:
    """The longest paths of each design, a top module and its Verilog."""
    with tempfile.TemporaryDirectory() as place:
        modules = [module for module, _ in designs.values()]
        instances = "".join(f"  (* keep *) {module} instance_{module} ();\n" for module in modules)
        texts = [text for _, text in designs.values()]
        Path(place, "cores.v").write_text("\n".join(texts) + f"\nmodule all_cores;\n{instances}endmodule\n")
        tops = " ".join(modules)
        script = (
            f"read_verilog cores.v; setattr -mod -set keep_hierarchy 1 {tops}; {COMMANDS['xc7']} -top all_cores; "
            f"setattr -mod -unset keep_hierarchy; setattr -mod -set keep_hierarchy 1 {tops}; flatten; select {tops}; "
            "write_json -selected cores.json"
        )
        subprocess.run([find_yosys(), "-q", "-p", script], cwd=place, check=True, capture_output=True, text=True)
        netlists = json.loads(Path(place, "cores.json").read_text())["modules"]
    return {
        name: {kind: [[path.luts, path.chains, path.slices, path.start, path.end] for path in front]
               for kind, front in paths.worst_paths(netlists[module]).items() if front}
        for name, (module, _) in designs.items()
    }


def load() -> dict[str, dict]:
    return json.loads(MEASUREMENTS.read_text()) if MEASUREMENTS.exists() else {}


def store(entries: dict[str, dict]) -> None:
    """One measurement a line, sorted, so that a new one changes one line."""
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entries[name])}" for name in sorted(entries))
    MEASUREMENTS.write_text(f"{{\n{lines}\n}}\n")


def refresh(designs: dict[str, tuple[str, str]]) -> dict[str, dict]:
    """Measurements of all designs, those made anew whose Verilog is not that of an earlier one."""
    entries = load()
    digests = {name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, (_, text) in designs.items()}
    waiting = [name for name in designs if entries.get(name, {}).get("verilog") != digests[name]]
    for at in range(0, len(waiting), BATCH):
        batch = waiting[at : at + BATCH]
        found = measure({name: designs[name] for name in batch})
        entries = load() | {name: {"verilog": digests[name], **found[name]} for name in batch}
        store(entries)
        print(f"{min(at + BATCH, len(waiting))} of {len(waiting)}", file=sys.stderr, flush=True)
    return {name: entries[name] for name in designs}


def weight(path: paths.Path) -> tuple:
    """Order of paths: those beyond the bar last; a carry chain is worth about two LUTs."""
    return not path.within, path.luts + 2 * path.chains + paths.SLICE_LUTS * path.slices


def table(entries: dict[str, dict]) -> str:
    """The worst paths in Markdown; numbered cores of a kind share a row."""
    kinds: dict[str, list[dict]] = {}
    for name, entry in entries.items():
        kinds.setdefault(name if " " in name else name.rstrip("0123456789"), []).append(entry)
    lines = ["| core | " + " | ".join(paths.KINDS) + " | over | worst between registers |", "|---" * (len(paths.KINDS) + 3) + "|"]
    for kind, measured in kinds.items():
        fronts = [{ends: [paths.Path(*path) for path in entry.get(ends, ())] for ends in paths.KINDS} for entry in measured]
        worst = {ends: max((path for front in fronts for path in front[ends]), key=weight, default=None) for ends in paths.KINDS}
        over = sum(not all(path.within for path in front[paths.KINDS[0]]) for front in fronts)
        between = worst[paths.KINDS[0]]
        lines.append(f"| {kind} | " + " | ".join(str(path or "-") for path in worst.values())
                     + f" | {over} of {len(fronts)} | `{between.start}` to `{between.end}` |")
    return "\n".join(lines)


def stages(folder: Path) -> dict[str, tuple[str, str]]:
    """Module and Verilog of each stage of a build."""
    modules = Built.load(folder).modules(folder.resolve())
    return {f"{folder.name} {stage}": (module, "\n".join(path.read_text() for path in files))
            for stage, (module, files) in modules.items() if stage}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=[kind for kind in CORES if kind not in LEFT_OUT])
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--extremes", action="store_true")
    parser.add_argument("--build", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    designs = {f"{kind}{number}": (f"{kind}{number}_core", core_verilog(configuration(kind, number), f"{kind}{number}", "xc7"))
               for kind in arguments.kinds for number in range(arguments.count)}
    if arguments.extremes:
        for number, (name, config) in enumerate(EXTREMES.items()):
            designs[name] = f"extreme{number}_core", core_verilog(config, f"extreme{number}", "xc7")
    for folder in arguments.build:
        designs |= stages(folder)
    print(table(refresh(designs)))


if __name__ == "__main__":
    main()
