"""The output directory: written whole or not at all."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from finnr_rtl.errors import UserError

__all__ = ["MANIFEST", "SYNTHESIS", "VIVADO", "check_output", "write_output"]

MANIFEST = "manifest.json"
# What synthesis counted, beside the build it belongs to.
SYNTHESIS = "synth.json"
# The folder of Vivado's scripts, with all that it leaves there.
VIVADO = "synth_vivado"

# What the scripts in sim/ leave behind when they run.
LEFT_BY_SCRIPTS = ("sim/build", "sim/results.json", "sim/progress.json", "sim/__pycache__")


def check_output(folder: Path) -> None:
    """Raise ``UserError`` unless ``folder`` is new, empty, or a former output of ours and nothing else, in a place that can be written."""
    if folder.is_dir():
        ours = {MANIFEST, SYNTHESIS, VIVADO, *LEFT_BY_SCRIPTS, *_written(folder)}
        for path in sorted(folder.rglob("*")):
            names = {str(place) for place in (path.relative_to(folder), *path.relative_to(folder).parents)}
            if path.is_file() and (not ours & names or MANIFEST in names and not _written(folder)):
                raise UserError(f"{folder} exists and holds {path.name}, which this tool did not write; give another folder with -o")
    elif folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} exists and is not a folder; give another one with -o")
    parent = folder.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"{folder} cannot be made: {parent} is not a folder that can be written; give another one with -o")


def _written(folder: Path) -> list[str]:
    """Files that the manifest in ``folder`` lists; none where there is no manifest of ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        return list(manifest["files"]) if manifest["generator"].startswith("finnr_rtl ") else []
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def write_output(folder: Path, files: dict[str, str | bytes]) -> None:
    """Write ``files`` (by path within the folder) to ``folder``, in place of a former output.

    Everything is written beside it first and moved there at the end, so that an error or an interruption leaves what was there.
    """
    check_output(folder)
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
