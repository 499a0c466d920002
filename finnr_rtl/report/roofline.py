"""The roofline of a network on a board: what its arithmetic could reach, what memory allows, and where the network is.

Peak of a precision (FINN-R): ``budget * clock / cost per operation``, here in LUTs and DSP slices together. The peak of a whole network
takes the mean cost of its layers, weighted by their operations.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cost.predict import core_cost
from finnr_rtl.cost.resources import Resources
from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.network.layers import Conv

__all__ = ["FINN_R_LUT_PER_OPERATION", "Cost", "finn_r_cost", "mixed_peak", "peak", "roofline", "unit_cost"]

# LUT per operation per cycle (half a multiply-accumulate), by bits of the two operands, the narrower first: the authors' budget table.
FINN_R_LUT_PER_OPERATION = {(1, 1): 2.5, (1, 2): 6.0, (2, 4): 8.5, (4, 4): 11.0, (4, 8): 25.5, (8, 8): 40.0}


class Cost(NamedTuple):
    """Per operation per cycle: LUTs of logic alone; or DSP slices, with the LUTs that they need ``beside``. ``dsp`` is 0 where there is no
    such way."""

    lut: float
    dsp: float = 0.0
    beside: float = 0.0


def finn_r_cost(weight_bits: int, activation_bits: int) -> float:
    """LUT per operation as the authors of FINN-R budget it; where their table has no entry, by their line over the bit product W * A,
    2.5 + 1.6 (W * A - 1), given for products of 1 to 8."""
    operands = tuple(sorted((weight_bits, activation_bits)))
    return FINN_R_LUT_PER_OPERATION.get(operands, 2.5 + 1.6 * (weight_bits * activation_bits - 1))


@cache
def unit_cost(weight_type: DataType, input_type: DataType, family: str) -> Cost:
    """Of a large matrix unit of ours, with its weights in block RAM and no activation, as the cost model has it."""
    pe, simd, folds = 32, 64, 16
    rng = np.random.default_rng(0)
    shape = (pe * 2, simd * folds)
    weights = rng.choice([-1, 1], shape) if weight_type == BIPOLAR else rng.integers(weight_type.min, weight_type.max + 1, shape)
    lut, dsp = (
        core_cost(MvtuConfig(input_type, weight_type, weights, pe, simd, storage="block", arithmetic=arithmetic), family)
        for arithmetic in ("lut", "dsp")
    )
    operations = 2 * pe * simd
    return Cost(lut.lut / operations, dsp.dsp / operations, dsp.lut / operations)


def peak(budget: float, clock_mhz: float, cost: float) -> float:
    """Operations per second of ``budget`` LUTs (or DSP slices) full of arithmetic that takes ``cost`` of them per operation per cycle."""
    return budget * clock_mhz * 1e6 / cost


def mixed_peak(budget: Resources, clock_mhz: float, cost: Cost) -> float:
    """Operations per second with multipliers in DSP slices as far as these go, and the rest of the LUTs full of multipliers."""
    sliced = min(budget.dsp / cost.dsp, budget.lut / max(cost.beside, 1e-9)) if cost.dsp else 0.0
    return sliced * clock_mhz * 1e6 + peak(budget.lut - sliced * cost.beside, clock_mhz, cost.lut)


def roofline(design, traffic: dict) -> dict:
    """Roofs in operations per second, ``bandwidth`` in bytes per second, and the network's points in operations per byte.

    ``traffic`` is that of the facts. A dataflow accelerator reads its inputs and writes its outputs; the second point shows what would be
    left of its performance if its weights came from memory as well, batch by batch.
    """
    network, board = design.folded.network, design.board
    work: dict[str, int] = {}
    costs: dict[str, Cost] = {}
    for layer in network.layers:
        if isinstance(layer, Conv):
            name = f"w{layer.weight_type.bits}a{layer.input_type.bits}"
            work[name] = work.get(name, 0) + layer.operations
            # Of types equally wide the dearest counts.
            costs[name] = max(costs.get(name, Cost(0.0)), _cost(layer.weight_type, layer.input_type, design))
    roofs = [_roof(name, costs[name], design) for name in sorted(work)]
    if len(work) > 1:
        total = sum(work.values())
        mean = (sum(getattr(costs[name], kind) * operations for name, operations in work.items()) / total for kind in Cost._fields)
        roofs.append(_roof("all layers", Cost(*mean), design))
    moved = traffic["input_bytes"] + traffic["output_bytes"]
    weights = sum(layer.weights.size * layer.weight_type.bits for layer in network.layers if isinstance(layer, Conv)) / 8
    rate = network.operations * design.batches_per_second
    streamed = network.operations / (moved + weights)
    return {
        "roofs": roofs,
        "bandwidth": board.memory.bandwidth,
        "points": [
            _point("this design, weights on chip", "this design", network.operations / moved, rate, True),
            _point("the same with weights from memory", "weights off chip", streamed, min(rate, streamed * board.memory.bandwidth), False),
        ],
    }


def _cost(weight_type: DataType, input_type: DataType, design) -> Cost:
    if design.goal.cost_model == "finn-r":
        return Cost(finn_r_cost(weight_type.bits, input_type.bits))
    return unit_cost(weight_type, input_type, design.board.family)


def _roof(precision: str, cost: Cost, design) -> dict:
    return {"precision": precision, "cost": cost._asdict(), "operations_per_second": mixed_peak(design.budget, design.clock_mhz, cost)}


def _point(name: str, label: str, intensity: float, rate: float, built: bool) -> dict:
    return {"name": name, "label": label, "intensity": intensity, "operations_per_second": rate, "built": built}
