"""The output directory: written whole or not at all."""

import os
import shutil
import tempfile
from pathlib import Path

from finnr_rtl.errors import UserError

__all__ = ["MANIFEST", "check_output", "write_output"]

MANIFEST = "manifest.json"


def check_output(folder: Path) -> None:
    """Raise ``UserError`` unless ``folder`` is new, empty, or a former output of ours, in a place that can be written."""
    if folder.is_dir():
        if any(folder.iterdir()) and not (folder / MANIFEST).is_file():
            raise UserError(f"{folder} exists and holds something that this tool did not write; give another folder with -o")
    elif folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} exists and is not a folder; give another one with -o")
    parent = folder.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"{folder} cannot be made: {parent} is not a folder that can be written; give another one with -o")


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
