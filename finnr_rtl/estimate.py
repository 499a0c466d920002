"""What a network would be on a board, told in seconds and without any Verilog."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from finnr_rtl.emit.output import FOLDING, REPORT, REPORT_PAGE, check_output, write_output
from finnr_rtl.folding.folding import write_folding
from finnr_rtl.platforms import Platform
from finnr_rtl.platforms import load as load_platform
from finnr_rtl.question import question

if TYPE_CHECKING:
    from finnr_rtl.design import Design

__all__ = ["default_estimate", "estimate"]


def estimate(
    model: Path,
    platform: str,
    output: Path | None = None,
    *,
    target_fps: float | None = None,
    fold: Path | None = None,
    clock_mhz: float | None = None,
    caps: Mapping[str, float] | None = None,
    optimiser: str = "exact",
    cost_model: str = "finnr_rtl",
    input_type: str | None = None,
    input_scale: float | None = None,
    batch: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Design, dict]:
    """The design that ``build`` would make of the same arguments, and its facts; written to ``output`` as ``report.json``, ``report.html``
    and ``folding.json``.

    Raises ``UserError``, with nothing written, where the input is at fault.
    """
    board = load_platform(platform)
    output = output or default_estimate(model, board)
    check_output(output, REPORT)
    network, goal = question(model, target_fps, fold, clock_mhz, caps, optimiser, cost_model, input_type, input_scale, batch, progress)
    from finnr_rtl.design import design
    from finnr_rtl.report.design_page import design_page
    from finnr_rtl.report.facts import facts, report_json

    result = design(network, board, goal, progress)
    known = facts(result)
    files = {FOLDING: write_folding(result.folded), REPORT: report_json(known), REPORT_PAGE: design_page(known)}
    write_output(output, files, REPORT)
    return result, known


def default_estimate(model: Path, board: Platform) -> Path:
    """The folder that an estimate goes to where none is given."""
    return Path(f"{model.stem}_{board.name}_estimate")
