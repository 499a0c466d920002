"""The cost model: what cores, layers and whole accelerators take, predicted from their configurations."""

import json
from functools import cache
from importlib.resources import files

from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cost.cores import compose
from finnr_rtl.cost.parts import Parts
from finnr_rtl.cost.resources import Resources
from finnr_rtl.dataflow.engines import engine
from finnr_rtl.dataflow.stages import Stage, accelerator_outputs
from finnr_rtl.families import FAMILIES
from finnr_rtl.folding.folding import Fold
from finnr_rtl.network.layers import Layer

__all__ = ["core_cost", "layer_cost", "stages_cost", "whole_cost"]


@cache
def _constants(family: str) -> dict[str, float]:
    """LUTs per unit of each feature; UltraScale has UltraScale+'s logic, and where a family is not fitted it has that of the 7 series."""
    if family not in FAMILIES:
        raise ValueError(f"family={family!r} must be one of {', '.join(FAMILIES)}")
    fitted = json.loads((files("finnr_rtl.cost") / "constants.json").read_text(encoding="utf-8"))
    return fitted["xc7"] | fitted.get("xcup" if family == "xcu" else family, {})


def core_cost(config: CoreConfig, family: str) -> Resources:
    """What one core takes on its own. Raises ``ValueError`` for a family that is not in ``FAMILIES``."""
    constants = _constants(family)
    parts = Parts(family)
    compose(config, parts)
    return parts.resources(constants)


def layer_cost(layer: Layer, fold: Fold, family: str) -> Resources:
    """What the cores of one layer take together; converters and FIFOs between layers are not among them.

    Raises ``UserError`` for a layer that no core computes.
    """
    return sum((core_cost(config, family) for _, config in engine(layer, fold)), Resources())


def stages_cost(stages: list[Stage], family: str) -> dict[str, Resources]:
    """What each stage takes on its own, by its name."""
    return {stage.name: core_cost(stage.config, family) for stage in stages}


def whole_cost(stages: list[Stage], family: str) -> Resources:
    """What the accelerator of ``stages`` takes as a whole, with the counters of its AXI4-Stream buses."""
    parts = Parts(family)
    for spec in accelerator_outputs(stages).values():
        parts.counter(spec.beats)
    return sum(stages_cost(stages, family).values(), parts.resources(_constants(family)))
