"""What build and estimate begin with: a model is read, and what is asked of it put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from finnr_rtl.errors import UserError
from finnr_rtl.folding.folding import read_folding
from finnr_rtl.folding.goal import Goal

if TYPE_CHECKING:
    from finnr_rtl.network.network import Network

__all__ = ["question"]


def question(
    model: Path,
    target_fps: float | None,
    fold: Path | None,
    clock_mhz: float | None,
    caps: Mapping[str, float] | None,
    optimiser: str,
    cost_model: str,
    input_type: str | None,
    input_scale: float | None,
    batch: int,
    progress: Callable[[str], None],
) -> tuple[Network, Goal]:
    """The network in ``model``, computed ``batch`` frames at a time, and the goal of the other arguments, of which ``fold`` is a file with
    values that layers must keep.

    Raises ``UserError`` where one of the files or arguments is at fault.
    """
    if not model.is_file():
        raise UserError(f"{model}: there is no such file; give the path of an ONNX model")
    # Mistakes should be told before the seconds are spent that ONNX takes to load: hence the import here.
    progress("reading the network")
    from finnr_rtl.frontend import load_network
    from finnr_rtl.network.batch import batched

    network = batched(load_network(model, input_type, input_scale), batch)
    given = read_folding(fold, network) if fold else {}
    return network, Goal(target_fps, clock_mhz, given, caps or {}, optimiser, cost_model)
