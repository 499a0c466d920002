"""Synthesis of a build: what each of its stages takes on the platform's family, and the whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from finnr_rtl.cost.resources import Resources
from finnr_rtl.emit.output import MANIFEST, SYNTHESIS, VIVADO
from finnr_rtl.errors import UserError
from finnr_rtl.families import FAMILIES
from finnr_rtl.synthesis import vivado
from finnr_rtl.synthesis.yosys import run_yosys, yosys_version

__all__ = ["Built", "Synthesis", "synth", "synth_vivado"]


@dataclass(frozen=True, eq=False)
class Synthesis:
    """``stages`` by name, each on its own, and ``whole``, the accelerator as one; ``tool`` is the version that said so."""

    tool: str
    family: str
    stages: dict[str, Resources]
    whole: Resources


@dataclass(frozen=True)
class Built:
    """What synthesis needs to know of a build: names of its top and of its stages, part and family, and the clock."""

    top: str
    part: str
    family: str
    clock_mhz: float
    stages: list[str]

    @classmethod
    def load(cls, folder: Path) -> Built:
        """What the manifest in ``folder`` says. Raises ``UserError`` where the folder is not a build, or its family is not known."""
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
            stages = [stage["name"] for stage in manifest["stages"]]
            build = cls(manifest["top"], manifest["part"], manifest["family"], float(manifest["clock_mhz"]), stages)
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{folder} is not a folder that `build` wrote: its {MANIFEST} is missing or damaged") from None
        if build.family not in FAMILIES:
            raise UserError(f"{folder / MANIFEST}: family {build.family!r} is not one of {', '.join(FAMILIES)}; build again")
        return build

    def modules(self, folder: Path) -> dict[str, tuple[str, list[Path]]]:
        """Module and files of every stage by its name, and of the whole, named "", which takes longest and comes first."""
        rtl = folder / "rtl"
        stages = {name: (f"{self.top}_{name}", [rtl / f"{self.top}_{name}.v"]) for name in self.stages}
        return {"": (self.top, sorted(rtl.glob("*.v")))} | stages


Progress = Callable[[str, int, int], None]


def synth(folder: Path, jobs: int | None = None, progress: Progress = lambda name, done, total: None) -> Synthesis:
    """Synthesise every stage of the build in ``folder`` on its own, and the whole, with Yosys; written to ``synth.json`` and
    ``report.html`` there.

    ``jobs`` run at a time, by default one per processor. ``progress`` is told what was finished last, and how many of how many are.
    Raises ``UserError`` where the folder is not a build, its family is not known, or Yosys is missing or fails.
    """
    build = Built.load(folder)
    counts = run_yosys(
        build.modules(folder.resolve()), build.family, jobs, lambda name, done, total: progress(name or build.top, done, total)
    )
    result = Synthesis(yosys_version(), build.family, {name: counts[name] for name in build.stages}, counts[""])
    _record(folder, result)
    return result


def synth_vivado(folder: Path, progress: Progress = lambda name, done, total: None) -> Synthesis | None:
    """The same with Vivado, one after the other and out of context; scripts and reports are in ``synth_vivado/`` there.

    Returns None where there is no ``vivado`` on PATH: then the scripts are what there is. Raises ``UserError`` where the folder is not a
    build, its family is not one of Xilinx, or Vivado fails.
    """
    build = Built.load(folder)
    if build.family not in vivado.FAMILIES:
        raise UserError(f"{folder} is built for {build.part}, which Vivado does not know; use --tool yosys")
    tasks = build.modules(folder)
    place = folder / VIVADO
    place.mkdir(exist_ok=True)
    for name, text in vivado.vivado_scripts(tasks, build.part, build.clock_mhz).items():
        (place / name).write_text(text)
    found = vivado.run_vivado(place, tasks, lambda name, done, total: progress(name or build.top, done, total))
    if found is None:
        return None
    version, counts = found
    result = Synthesis(version, build.family, {name: counts[name] for name in build.stages}, counts[""])
    _record(folder, result)
    return result


def _record(folder: Path, result: Synthesis) -> None:
    # Page and figures are not needed before there is something to show.
    from finnr_rtl.report.measured import record

    record(folder, SYNTHESIS, {
        "tool": result.tool,
        "family": result.family,
        "whole": vars(result.whole),
        "stages": {name: vars(counts) for name, counts in result.stages.items()},
    })
