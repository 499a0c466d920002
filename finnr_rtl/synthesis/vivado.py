"""Vivado: Tcl scripts that run anywhere the folder is copied to, and what its utilisation reports say."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from finnr_rtl.cost.resources import Resources
from finnr_rtl.errors import UserError

__all__ = ["FAMILIES", "parse_utilization", "run_vivado", "tool_version", "vivado_scripts"]

FAMILIES = ("xc7", "xcu", "xcup")

# What is counted by which line of a report, and how many of ours one of theirs is: a tile of block RAM is two of 18 kbit.
_LINES = {
    "Slice LUTs": ("lut", 1), "CLB LUTs": ("lut", 1),
    "Slice Registers": ("ff", 1), "CLB Registers": ("ff", 1),
    "Block RAM Tile": ("bram18", 2),
    "DSPs": ("dsp", 1),
    "URAM": ("uram", 1),
}


def vivado_scripts(tasks: dict[str, tuple[str, list[Path]]], part: str, clock_mhz: float) -> dict[str, str]:
    """Files of a folder beside ``rtl/``, by name: a script for each task, a module and its Verilog, ``synth.tcl`` for all, the clock."""
    modules = [module for module, _ in tasks.values()]
    files = {
        # The top names its clock as AXI does, stages as Amaranth does.
        "clock.xdc": f"create_clock -name clock -period {1000 / clock_mhz:.3f} [get_ports -quiet {{aclk clk}}]\n",
        "synth.tcl": "# Synthesises everything; run it in this folder: vivado -mode batch -source synth.tcl\n"
                     + "".join(f"source {module}.tcl\n" for module in modules),
    }
    for module, paths in tasks.values():
        sources = " ".join(f"../rtl/{path.name}" for path in paths)
        files[f"{module}.tcl"] = (
            f"# Synthesises {module} out of context; run it in this folder: vivado -mode batch -source {module}.tcl\n"
            f"create_project -in_memory -part {part}\n"
            f"read_verilog {{{sources}}}\n"
            "read_xdc clock.xdc\n"
            f"synth_design -top {module} -part {part} -mode out_of_context\n"
            f"report_utilization -file {module}_utilization.rpt\n"
            f"report_timing_summary -file {module}_timing.rpt\n"
            "close_project\n"
        )
    return files


def run_vivado(
    folder: Path, tasks: dict[str, tuple[str, list[Path]]], progress: Callable[[str, int, int], None]
) -> tuple[str, dict[str, Resources]] | None:
    """Version of Vivado and what each task takes, by the scripts in ``folder``; None where there is no ``vivado`` on PATH.

    ``progress`` is told the task finished, how many are, and of how many. Raises ``UserError`` where Vivado fails.
    """
    vivado = shutil.which("vivado")
    if vivado is None:
        return None
    counts, version = {}, "Vivado"
    for name, (module, _) in tasks.items():
        log = folder / f"{module}.log"
        command = [vivado, "-mode", "batch", "-nojournal", "-log", log.name, "-source", f"{module}.tcl"]
        report = folder / f"{module}_utilization.rpt"
        report.unlink(missing_ok=True)
        nowhere = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        done = subprocess.run(command, cwd=folder, check=False, **nowhere)
        if done.returncode or not report.exists():
            raise UserError(f"Vivado failed on {module}: see {log}")
        text = report.read_text()
        try:
            counts[name], version = parse_utilization(text), tool_version(text)
        except ValueError as error:
            raise UserError(f"{report}: {error}") from None
        progress(name, len(counts), len(tasks))
    return version, counts


def parse_utilization(text: str) -> Resources:
    """Resources that a report of ``report_utilization`` says are used. Raises ``ValueError`` where one is missing that every family has."""
    used: dict[str, int] = {}
    for label, number in re.findall(r"^\| *([^|]+?)\*? *\| *([\d.]+) *\|", text, re.M):
        if label in _LINES:
            kind, size = _LINES[label]
            used.setdefault(kind, round(float(number) * size))
    missing = [kind for kind in ("lut", "ff", "bram18", "dsp") if kind not in used]
    if missing:
        raise ValueError(f"not a utilisation report of Vivado: {', '.join(missing)} not found")
    return Resources(**used)


def tool_version(text: str) -> str:
    """The tool that a report says it is from."""
    match = re.search(r"^\| Tool Version *: *(Vivado v\.\S+)", text, re.M)
    return match[1] if match else "Vivado"
