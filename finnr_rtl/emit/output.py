"""The output directory: written whole or not at all."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from finnr_rtl.errors import UserError

__all__ = [
    "EXPLORATION", "FOLDING", "MANIFEST", "REPORT", "REPORT_PAGE", "SYNTHESIS", "VERIFICATION", "VIVADO",
    "check_output", "write_file", "write_output",
]

# A folder of ours is known by its index, which names this tool: that of a build, of an estimate, of an exploration.
MANIFEST = "manifest.json"
REPORT = "report.json"
EXPLORATION = "explore.json"
FOLDING = "folding.json"
# The report as a page; written again when there is something measured to show.
REPORT_PAGE = "report.html"
# What synthesis counted and simulation found, beside the build they belong to.
SYNTHESIS = "synth.json"
VERIFICATION = "verify.json"
# The folder of Vivado's scripts, with all that it leaves there.
VIVADO = "synth_vivado"

# What the scripts in sim/ leave behind when they run.
LEFT_BY_SCRIPTS = ("sim/build", "sim/results.json", "sim/progress.json", "sim/__pycache__")
# What belongs to a folder, by its index, beside the files that the index lists.
BELONGING = {
    MANIFEST: (REPORT, REPORT_PAGE, SYNTHESIS, VERIFICATION, VIVADO, *LEFT_BY_SCRIPTS),
    REPORT: (REPORT_PAGE, FOLDING),
    EXPLORATION: (REPORT_PAGE, "points", "foldings"),
}


def check_output(folder: Path, index: str = MANIFEST) -> None:
    """Raise ``UserError`` unless ``folder`` is new, empty, or a former output of ours and nothing else, in a place that can be written.

    ``index`` is the file that a folder of its kind is known by.
    """
    if folder.is_dir():
        ours = {index, *BELONGING[index], *_written(folder, index)} if _is_ours(folder, index) else set()
        for path in sorted(folder.rglob("*")):
            names = {str(place) for place in (path.relative_to(folder), *path.relative_to(folder).parents)}
            if path.is_file() and not ours & names:
                raise UserError(f"{folder} exists and holds {path.name}, which this tool did not write; give another folder with -o")
    elif folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} exists and is not a folder; give another one with -o")
    parent = folder.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"{folder} cannot be made: {parent} is not a folder that can be written; give another one with -o")


def _is_ours(folder: Path, index: str) -> bool:
    """Whether the index in ``folder`` says that this tool wrote it."""
    try:
        return json.loads((folder / index).read_text())["generator"].startswith("finnr_rtl ")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _written(folder: Path, index: str) -> list[str]:
    """Files that the index in ``folder`` lists, if it lists any."""
    return list(json.loads((folder / index).read_text()).get("files", []))


def write_file(path: Path, content: str) -> None:
    """Write one file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}")
    aside.write_text(content, encoding="utf-8")
    aside.replace(path)


def write_output(folder: Path, files: dict[str, str | bytes], index: str = MANIFEST) -> None:
    """Write ``files`` (by path within the folder) to ``folder``, in place of a former output of the same ``index``.

    Everything is written beside it first and moved there at the end, so that an error or an interruption leaves what was there.
    """
    check_output(folder, index)
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        new = aside / "new"
        for path, content in files.items():
            place = new / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        if folder.exists():
            folder.rename(aside / "old")
        new.rename(folder)
    except BaseException:
        if (aside / "old").exists() and not folder.exists():
            (aside / "old").rename(folder)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
