"""Syntheses of single cores: the measurements behind the cost model's constants."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from core_sweep import configuration  # noqa: E402
from sweep_parts import Arithmetic, Words  # noqa: E402

from finnr_rtl.cores.contract import CoreConfig  # noqa: E402
from finnr_rtl.dataflow.accelerator import Accelerator  # noqa: E402
from finnr_rtl.dataflow.stages import Stage, bus_names  # noqa: E402
from finnr_rtl.emit.convert import convert  # noqa: E402
from finnr_rtl.emit.images import rom_module  # noqa: E402
from finnr_rtl.emit.names import plain_names  # noqa: E402
from finnr_rtl.synthesis.cells import count_cells  # noqa: E402
from finnr_rtl.synthesis.yosys import COMMANDS, find_yosys  # noqa: E402

__all__ = ["FAMILIES", "load", "sweep"]

MEASUREMENTS = ROOT / "benchmarks" / "data" / "core_synthesis.json"
# Configurations that one Yosys process does.
BATCH = 24
# UltraScale is counted like UltraScale+.
FAMILIES = ("xc7", "xcup", "ecp5", "ice40")


def core_verilog(config: CoreConfig | Words | Arithmetic, name: str, family: str) -> str:
    """Verilog of one core as an accelerator's stage has it on ``family``, or of a part; its top module is ``<name>_core``."""
    if isinstance(config, Words):
        return rom_module(f"{name}_core", config.rows, config.width, block=False)
    if isinstance(config, Arithmetic):
        return config.verilog(f"{name}_core", family)
    stage = Stage("core", "", config, tuple(bus_names("s_axis", len(config.inputs))))
    modules, roms, shared, kept = convert(Accelerator(name, [stage]), family)
    hierarchies = plain_names(modules, roms, [name, *shared, *(module for below in shared.values() for module in below)])
    return "\n".join(("(* keep_hierarchy *)\n" if module in kept else "") + text for module, text in hierarchies.items() if module != name)


def load() -> list[dict]:
    return json.loads(MEASUREMENTS.read_text()) if MEASUREMENTS.exists() else []


def store(entries: list[dict]) -> None:
    """One measurement a line, sorted, so that a new one changes one line."""
    entries = sorted(entries, key=lambda e: (e["family"], e["kind"], e["number"]))
    MEASUREMENTS.parent.mkdir(exist_ok=True)
    aside = MEASUREMENTS.with_suffix(".new")
    aside.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")
    aside.replace(MEASUREMENTS)


def synthesise(family: str, texts: dict[str, str]) -> dict[str, dict]:
    """Cells of each design, by the name of its top module; all in one go, since much of the time of a small one is Yosys' own."""
    with tempfile.TemporaryDirectory() as place:
        instances = "".join(f"  (* keep *) {top} instance_{top} ();\n" for top in texts)
        Path(place, "cores.v").write_text("\n".join(texts.values()) + f"\nmodule all_cores;\n{instances}endmodule\n")
        script = f"read_verilog cores.v; setattr -mod -set keep_hierarchy 1 {' '.join(texts)}; {COMMANDS[family]} -top all_cores; " \
                 "tee -q -o stat.json stat -json"
        subprocess.run([find_yosys(), "-q", "-p", script], cwd=place, check=True, capture_output=True, text=True)
        modules = json.loads(Path(place, "stat.json").read_text())["modules"]
        return {top: _cells(modules, f"\\{top}") for top in texts}


def _cells(modules: dict, name: str) -> Counter:
    """Cells of a module with those of modules below it whose boundary was kept."""
    total = Counter()
    for kind, number in modules[name]["num_cells_by_type"].items():
        below = _cells(modules, f"\\{kind}") if f"\\{kind}" in modules else {kind: 1}
        total.update({cell: number * count for cell, count in below.items()})
    return total


def sweep(family: str, configurations: Iterable[tuple[str, int]], jobs: int) -> None:
    """Measure those, kinds and numbers, that are not measured yet, or whose Verilog is another now."""
    entries = {(e["family"], e["kind"], e["number"]): e for e in load()}
    waiting = []
    for kind, number in configurations:
        name = f"{kind}{number}"
        text = core_verilog(configuration(kind, number), name, family)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        known = entries.get((family, kind, number))
        if known is None or known["verilog"] != digest:
            waiting.append((kind, number, digest, name, text))
    batches = [waiting[at : at + BATCH] for at in range(0, len(waiting), BATCH)]

    def run(batch):
        cells = synthesise(family, {f"{name}_core": text for *_, name, text in batch})
        return [
            {"family": family, "kind": kind, "number": number, "verilog": digest, **vars(count_cells(cells[f"{name}_core"]))}
            for kind, number, digest, name, _ in batch
        ]

    done = 0
    with ThreadPoolExecutor(jobs) as executor:
        for found in executor.map(run, batches):
            # Read again, as another sweep may have been writing.
            fresh = {(e["family"], e["kind"], e["number"]): e for e in [*load(), *found]}
            store(list(fresh.values()))
            done += len(found)
            print(f"{family}: {done} of {len(waiting)}", flush=True)
