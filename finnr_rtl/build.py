"""The main job: a trained network in, a folder of verified Verilog out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from finnr_rtl.emit.keywords import identifier
from finnr_rtl.emit.output import FOLDING, MANIFEST, REPORT, REPORT_PAGE, check_output, write_output
from finnr_rtl.errors import UserError
from finnr_rtl.folding.folding import write_folding
from finnr_rtl.network import store
from finnr_rtl.network.dataset import integers
from finnr_rtl.network.network import Network
from finnr_rtl.platforms import Platform
from finnr_rtl.platforms import load as load_platform
from finnr_rtl.question import question

if TYPE_CHECKING:
    from finnr_rtl.design import Design

__all__ = ["build", "data_frames", "default_output", "read_data", "top_name"]

# Frames of the test bench, or batches of them.
FRAMES = 3


def read_data(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz file. Raises ``UserError`` where it is none."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); give an npz file with an array `inputs`") from None
    except (ValueError, AttributeError, BadZipFile, EOFError):
        raise UserError(f"{path}: not an npz file of numbers, or a damaged one; give one with an array `inputs`") from None


def data_frames(network: Network, path: Path, count: int) -> dict[str, np.ndarray]:
    """Input integers (batches, \\*shape) of the first ``count`` samples of an npz file, by input."""
    data = read_data(path)
    try:
        return integers(network, data, slice(count))[0]
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def build(
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
    data: Path | None = None,
    input_type: str | None = None,
    input_scale: float | None = None,
    batch: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> Design:
    """Read ``model``, fold it for ``platform``, write the accelerator to ``output``; ``progress`` is told each step.

    What it is folded for: ``target_fps``, ``clock_mhz``, ``caps``, ``optimiser`` and ``cost_model`` are those of
    :class:`finnr_rtl.folding.goal.Goal`; ``fold`` is a file with values that layers must keep. ``batch`` frames are computed together
    (see :mod:`finnr_rtl.network.batch`).

    Raises ``UserError``, with nothing written, where the input is at fault.
    """
    board = load_platform(platform)
    output = output or default_output(model, board)
    check_output(output)
    network, goal = question(model, target_fps, fold, clock_mhz, caps, optimiser, cost_model, input_type, input_scale, batch, progress)
    frames = data_frames(network, data, FRAMES * network.batch) if data else None

    # Mistakes should be told before the seconds are spent that Amaranth takes to load: hence imports here.
    from finnr_rtl.design import design

    result = design(network, board, goal, progress)
    stages, cycles = result.stages, result.cycles

    progress("computing test vectors")
    from finnr_rtl.emit.simulation import random_frames, simulation_files

    if frames is None:
        frames = random_frames(network, FRAMES)
    top = top_name(network.name)
    files = {f"sim/{path}": text for path, text in simulation_files(top, network, stages, cycles, frames).items()}

    progress("writing Verilog")
    from finnr_rtl.dataflow.accelerator import Accelerator
    from finnr_rtl.emit.manifest import manifest
    from finnr_rtl.emit.readme import readme
    from finnr_rtl.emit.verilog import verilog_files
    from finnr_rtl.report.design_page import design_page
    from finnr_rtl.report.facts import facts, report_json

    accelerator = Accelerator(top, stages)
    files |= {f"rtl/{path}": text for path, text in verilog_files(accelerator, cycles, board.family).items()}
    files |= {f"network/{path}": content for path, content in store.dump(network).items()}
    known = facts(result)
    files[FOLDING] = write_folding(result.folded)
    files["README.txt"] = readme(network, accelerator, cycles)
    files[MANIFEST] = manifest(network, accelerator, cycles, result.clock_mhz, board, files)
    # The report tells of the goal as well, which is no part of the accelerator that the manifest describes.
    files |= {REPORT: report_json(known), REPORT_PAGE: design_page(known)}
    write_output(output, files)
    return result


def default_output(model: Path, board: Platform) -> Path:
    """The folder that a build goes to where none is given."""
    return Path(f"{model.stem}_{board.name}")


def top_name(network: str) -> str:
    """A Verilog identifier made of a network's name."""
    return identifier(network or "network")
