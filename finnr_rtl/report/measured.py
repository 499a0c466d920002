"""The report of a build, written again when there is something measured to show beside what was predicted."""

import json
from pathlib import Path

from finnr_rtl.emit.output import REPORT, REPORT_PAGE, SYNTHESIS, VERIFICATION, write_file
from finnr_rtl.errors import UserError
from finnr_rtl.report.design_page import design_page

__all__ = ["record"]


def record(folder: Path, name: str, content: dict) -> None:
    """Keep ``content`` as file ``name`` of the build in ``folder``, and show it in the build's page.

    Raises ``UserError`` where the folder cannot be written.
    """
    try:
        write_file(folder / name, json.dumps(content, indent=1) + "\n")
        known = _read(folder / REPORT)
        if known:
            write_file(folder / REPORT_PAGE, design_page(known, _read(folder / SYNTHESIS), _read(folder / VERIFICATION)))
    except OSError as error:
        raise UserError(f"{folder}: what was measured cannot be written there ({error.strerror})") from None


def _read(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
