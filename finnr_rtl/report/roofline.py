"""The roofline of a network on a board: what its arithmetic could reach, what memory allows, and where the network is.

Peak of a precision (FINN-R): ``budget * clock / cost per operation``, in LUTs or DSP slices per operation per cycle, whichever is less.
The peak of a whole network takes the mean cost of its layers, weighted by their operations.
"""

from functools import cache

import numpy as np

from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cost.model import core_cost
from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.network.layers import Conv

__all__ = ["FINN_R_LUT_PER_OPERATION", "finn_r_cost", "peak", "roofline", "unit_cost"]

# What arithmetic is made of.
ARITHMETIC = ("lut", "dsp")
# LUT per operation per cycle (half a multiply-accumulate), by bits of the two operands, the narrower first: the authors' budget table.
FINN_R_LUT_PER_OPERATION = {(1, 1): 2.5, (1, 2): 6.0, (2, 4): 8.5, (4, 4): 11.0, (4, 8): 25.5, (8, 8): 40.0}


def finn_r_cost(weight_bits: int, activation_bits: int) -> float:
    """LUT per operation as the authors of FINN-R budget it; where their table has no entry, by their line over the bit product W * A,
    2.5 + 1.6 (W * A - 1), given for products of 1 to 8."""
    operands = tuple(sorted((weight_bits, activation_bits)))
    return FINN_R_LUT_PER_OPERATION.get(operands, 2.5 + 1.6 * (weight_bits * activation_bits - 1))


@cache
def unit_cost(weight_type: DataType, input_type: DataType, family: str) -> dict[str, float]:
    """LUT and DSP per operation per cycle of a large matrix unit of ours, with its weights in block RAM and no activation, as the cost
    model has it."""
    pe, simd, folds = 32, 64, 16
    rng = np.random.default_rng(0)
    shape = (pe * 2, simd * folds)
    weights = rng.choice([-1, 1], shape) if weight_type == BIPOLAR else rng.integers(weight_type.min, weight_type.max + 1, shape)
    unit = MvtuConfig(input_type, weight_type, weights, pe, simd, storage="block")
    cost = core_cost(unit, family)
    return {kind: getattr(cost, kind) / (2 * pe * simd) for kind in ARITHMETIC}


def peak(budget: float, clock_mhz: float, cost: float) -> float:
    """Operations per second of ``budget`` LUTs (or DSP slices) full of arithmetic that takes ``cost`` of them per operation per cycle."""
    return budget * clock_mhz * 1e6 / cost


def roofline(design, traffic: dict) -> dict:
    """Roofs in operations per second, ``bandwidth`` in bytes per second, and the network's points in operations per byte.

    ``traffic`` is that of the facts. A dataflow accelerator reads its inputs and writes its outputs; the second point shows where the same
    network would be if its weights came from memory as well, frame by frame.
    """
    network, board = design.folded.network, design.board
    work: dict[str, int] = {}
    costs: dict[str, dict[str, float]] = {}
    for layer in network.layers:
        if isinstance(layer, Conv):
            name = f"w{layer.weight_type.bits}a{layer.input_type.bits}"
            work[name] = work.get(name, 0) + layer.operations
            # Of types equally wide the dearest counts.
            cost, known = _cost(layer.weight_type, layer.input_type, design), costs.get(name, {})
            costs[name] = {kind: max(cost[kind], known.get(kind, 0)) for kind in ARITHMETIC}
    roofs = [_roof(name, costs[name], design) for name in sorted(work)]
    if len(work) > 1:
        total = sum(work.values())
        mean = {kind: sum(costs[name][kind] * operations for name, operations in work.items()) / total for kind in ARITHMETIC}
        roofs.append(_roof("all layers", mean, design))
    moved = traffic["input_bytes"] + traffic["output_bytes"]
    weights = sum(layer.weights.size * layer.weight_type.bits for layer in network.layers if isinstance(layer, Conv)) / 8
    rate = network.operations * design.frames_per_second
    return {
        "roofs": roofs,
        "bandwidth": board.memory.bandwidth,
        "points": [
            _point("this design, weights on chip", "this design", network.operations / moved, rate, True),
            _point("the same with weights from memory", "weights off chip", network.operations / (moved + weights), rate, False),
        ],
    }


def _cost(weight_type: DataType, input_type: DataType, design) -> dict[str, float]:
    if design.goal.cost_model == "finn-r":
        return {"lut": finn_r_cost(weight_type.bits, input_type.bits), "dsp": 0.0}
    return unit_cost(weight_type, input_type, design.board.family)


def _roof(precision: str, cost: dict[str, float], design) -> dict:
    peaks = {kind: peak(getattr(design.budget, kind), design.clock_mhz, cost[kind]) for kind in ARITHMETIC if cost[kind]}
    limit = min(peaks, key=peaks.get)
    return {"precision": precision, "cost": cost, "limit": limit, "operations_per_second": peaks[limit]}


def _point(name: str, label: str, intensity: float, rate: float, built: bool) -> dict:
    return {"name": name, "label": label, "intensity": intensity, "operations_per_second": rate, "built": built}
