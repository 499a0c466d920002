"""Simulation of a build, frame by frame and beat by beat, against the NumPy reference."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from finnr_rtl.build import data_frames, read_data
from finnr_rtl.emit.output import MANIFEST, VERIFICATION
from finnr_rtl.errors import UserError
from finnr_rtl.folding.folding import Fold, FoldedNetwork, read_folding
from finnr_rtl.network import store
from finnr_rtl.network.dataset import mismatching, sample_count
from finnr_rtl.network.network import Network

if TYPE_CHECKING:
    from finnr_rtl.dataflow.stages import Stage
    from finnr_rtl.dataflow.timing import Cycles

__all__ = ["Verification", "verify"]

RUNS = ("back_to_back", "random_stalls", "long_stalls", "reset_in_mid_run")


@dataclass(frozen=True, eq=False)
class Verification:
    """What a verification of ``frames`` frames, ``batch`` at a time, compared and found.

    ``runs`` are the results of the network bench by run, of those ``asked`` for: counters of every link, cycles, and ``faults`` in
    sentences. ``differing_samples`` counts frames whose outputs, in the reference, differ from the ones stored with the data; None without
    any.
    """

    frames: int
    predicted: Cycles
    runs: dict[str, dict]
    differing_samples: int | None
    asked: tuple[str, ...] = RUNS
    batch: int = 1

    @property
    def batches(self) -> int:
        """Batches simulated; the last may be filled up with repeats of the last frame."""
        return -(-self.frames // self.batch)

    @property
    def sound(self) -> bool:
        """Whether every run was done and the Verilog did what the reference does, in the cycles predicted."""
        return set(self.runs) == set(self.asked) and not any(run["faults"] for run in self.runs.values())

    @property
    def passed(self) -> bool:
        """Whether it is sound, and the reference gives the outputs stored with the data."""
        return self.sound and not self.differing_samples


def verify(
    folder: Path,
    frames: int | None = None,
    data: Path | None = None,
    simulator: str = "verilator",
    progress: Callable[[str, int, int], None] = lambda run, done, total: None,
    runs: tuple[str, ...] = RUNS,
) -> Verification:
    """Simulate the build in ``folder`` on ``frames`` frames (default 3, or 3 batches), random ones or the first of ``data``; what was found
    is kept in ``verify.json`` and ``report.html`` there. A batch is filled up: with random frames, or repeats of the last one of ``data``.

    ``progress`` is told the run under way, its batches done and how many there are; ``runs`` chooses among ``RUNS``. Raises ``UserError``
    where the folder is not a build, the data do not fit, or the simulator is missing.
    """
    top, network, folds, names = _load(folder)
    count = frames or 3 * network.batch
    differing = q = None
    if data:
        q, arrays = data_frames(network, data, count), read_data(data)
        count = min(count, sample_count(network, arrays))
        wrong = mismatching(network, network.execute(q), arrays, slice(count))
        differing = None if wrong is None else int((wrong > 0).sum())

    # Mistakes were told before the second is spent that Amaranth takes to load: hence imports here.
    from finnr_rtl.dataflow.timing import predict
    from finnr_rtl.emit.simulation import random_frames, simulation_files

    stages = _stages(folder, FoldedNetwork(network, folds), names)
    if q is None:
        q = random_frames(network, -(-count // network.batch))
        count = network.batch * len(next(iter(q.values())))
    cycles = predict(stages)
    with tempfile.TemporaryDirectory(prefix="finnr_rtl-") as place:
        work = Path(place)
        for path, content in simulation_files(top, network, stages, cycles, q).items():
            target = work / path
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        total = len(next(iter(q.values())))
        _simulate(work, folder / "rtl", simulator, lambda run, done: progress(run, done, total), runs)
        results = json.loads((work / "results.json").read_text())
    result = Verification(count, cycles, results, differing, runs, network.batch)
    from finnr_rtl.report.measured import record

    record(folder, VERIFICATION, _content(result, simulator))
    return result


def _content(result: Verification, simulator: str) -> dict:
    """What is kept of a verification: cycles, and what was compared; nothing that would differ from one machine to the next.

    ``interval`` is that of the last two batches simulated, which may still be others than when all goes on as before.
    """
    free = result.runs.get("back_to_back", {})
    links = [link for run in result.runs.values() for link in run["links"]]
    return {
        "simulator": simulator,
        "frames": result.frames,
        "passed": result.passed,
        "beats": sum(link["beats"] for link in links),
        "mismatches": sum(link["mismatches"] for link in links),
        "predicted": {"interval": result.predicted.gap(result.batches), "latency": result.predicted.latency},
        "measured": {name: free.get(name) for name in ("interval", "latency")},
        "faults": {name: run["faults"] for name, run in result.runs.items()},
    }


def _load(folder: Path) -> tuple[str, Network, dict[str, Fold], list[str]]:
    """Top name, network, folds and names of the stages of a build."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        top, names = manifest["top"], [stage["name"] for stage in manifest["stages"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{folder} is not a folder that `build` wrote: its {MANIFEST} is missing or damaged") from None
    network = store.load(folder / "network")
    folds = {name: Fold(**given) for name, given in read_folding(folder / "folding.json", network).items()}
    missing = [layer.name for layer in network.layers if layer.name not in folds]
    if missing:
        raise UserError(f"{folder / 'folding.json'}: layer {missing[0]!r} is missing; build again")
    return top, network, folds, names


def _stages(folder: Path, folded: FoldedNetwork, names: list[str]) -> list[Stage]:
    """The stages that the build made of its network, and no others."""
    from finnr_rtl.dataflow.rooms import size_rooms
    from finnr_rtl.dataflow.stages import lower

    stages = size_rooms(lower(folded))
    if [stage.name for stage in stages] != names:
        raise UserError(f"{folder}: {MANIFEST}, folding.json and network/ do not belong together; build again")
    return stages


def _simulate(work: Path, rtl: Path, simulator: str, progress, runs: tuple[str, ...]) -> None:
    """Run the folder's own script, telling the progress it leaves behind."""
    command = [sys.executable, str(work / "run.py"), "--rtl", str(rtl.resolve()), "--simulator", simulator, "--runs", *runs]
    with open(work / "run.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=work)
        try:
            progress("building the simulation", 0)
            while process.poll() is None:
                time.sleep(0.2)
                state = _progress(work)
                if state:
                    progress(state["run"], state["frames"])
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if not (work / "results.json").exists():
        lines = (work / "run.log").read_text(errors="replace").strip().splitlines()
        raise UserError(f"the simulation did not run: {' / '.join(lines[-6:]) or 'no output'}")


def _progress(work: Path) -> dict | None:
    try:
        return json.loads((work / "progress.json").read_text())
    except (OSError, ValueError):
        return None
