"""Every figure of a report, computed in one place: from a design to the plain values that ``report.json`` holds.

Per batch, which is a frame where frames are not computed together, unless a key says otherwise; operations as ``Layer.operations`` counts
them (a multiply-accumulate is two).
"""

import json
from dataclasses import asdict
from math import prod

from finnr_rtl import __version__
from finnr_rtl.cores.contract import StreamSpec
from finnr_rtl.cost.resources import RESOURCES, Resources
from finnr_rtl.dataflow.stages import Stage, accelerator_inputs
from finnr_rtl.design import Design
from finnr_rtl.network.layers import Conv, Layer
from finnr_rtl.network.network import Network
from finnr_rtl.network.summary import kind, map_text
from finnr_rtl.platforms import Platform
from finnr_rtl.report.roofline import roofline

__all__ = ["facts", "intensities", "platform_facts", "precision", "ratio", "report_json"]


def facts(design: Design) -> dict:
    """All there is to say about ``design``, as what JSON can hold; the same design gives the same value."""
    network = design.folded.network
    layers = [_layer(layer, design) for layer in network.layers]
    interval = design.cycles.interval
    slowest = next(stage for stage in design.stages if stage.name == design.cycles.bottleneck)
    content = {
        "generator": f"finnr_rtl {__version__}",
        "network": {
            "name": network.name,
            "batch": network.batch,
            "inputs": [{"name": port.name, "map": map_text(port.shape, port.dtype)} for port in network.inputs],
            "outputs": [
                {"name": port.name, "layer": port.layer, "map": map_text(network.shape_of(port.layer), network.type_of(port.layer))}
                for port in network.outputs
            ],
            "operations": network.operations,
            "parameters": network.parameters,
            "weight_bits": sum(layer["weight_bits"] for layer in layers),
            "channels_left_out": dict(network.dropped),
        },
        "platform": platform_facts(design.board),
        "budget": _counts(design.budget),
        "optimiser": design.goal.optimiser,
        "cost_model": design.goal.cost_model,
        "target_fps": design.goal.target_fps,
        "gap": design.gap,
        "clock_mhz": design.clock_mhz,
        "performance": {
            "interval_cycles": interval,
            "frames_per_second": design.frames_per_second,
            "operations_per_second": network.operations * design.batches_per_second,
            "first_result_cycles": design.cycles.latency,
            "latency_cycles": design.cycles.ends[0],
            "latency_us": design.cycles.ends[0] / design.clock_mhz,
            "bottleneck": slowest.name,
            "bottleneck_layer": slowest.layer,
            # Where the model of cycles tells them.
            "limit": design.cycles.limit,
            "fill_cycles": design.cycles.fill,
        },
        "resources": _counts(design.total),
        "share": _share(design.total, design.board.device),
        "traffic": _traffic(design),
        "intensity": _total_intensities(network, layers),
        "layers": layers,
        "ports": {
            "resources": _counts(sum((cost for name, cost in design.layers.items() if name not in design.folded.folds), Resources())),
            "stages": [_stage(stage, design) for stage in design.stages if stage.layer not in design.folded.folds],
        },
    }
    return content | {"roofline": roofline(design, content["traffic"])}


def report_json(known: dict) -> str:
    """``report.json`` from the facts of a design."""
    return json.dumps(known, indent=1) + "\n"


def platform_facts(board: Platform) -> dict:
    """A board, as its file describes it."""
    described = asdict(board)
    return {key: described[key] for key in ("name", "board", "part", "family", "clock_mhz", "device", "shell", "memory")}


def ratio(value: float, by: float) -> float | None:
    """``value / by``; None where there is nothing to divide by."""
    return value / by if by else None


def precision(layer: Layer) -> str:
    """Bits of weights and activations of a layer, as in w1a2; of the activations alone (a2) where it has no weights."""
    activations = max(dtype.bits for dtype in layer.input_types)
    return f"w{layer.weight_type.bits}a{activations}" if isinstance(layer, Conv) else f"a{activations}"


def intensities(operations: int, input_bits: int, weight_bits: int) -> dict:
    """The three arithmetic intensities of FINN-R, in operations per bit fetched: of the inputs alone, with weights on chip; of the
    weights alone, with activations on chip; of both. None where nothing is fetched."""
    return {
        "weights_on_chip": ratio(operations, input_bits),
        "activations_on_chip": ratio(operations, weight_bits),
        "nothing_on_chip": ratio(operations, input_bits + weight_bits),
    }


def _bits(shape, dtype) -> int:
    return prod(shape) * dtype.bits


def _layer(layer: Layer, design: Design) -> dict:
    fold = design.folded.folds[layer.name]
    stages = [_stage(stage, design) for stage in design.stages if stage.layer == layer.name]
    taken = design.layers[layer.name]
    input_bits = sum(map(_bits, layer.input_shapes, layer.input_types))
    weight_bits = layer.weights.size * layer.weight_type.bits if isinstance(layer, Conv) else 0
    cycles = max(stage["cycles"] for stage in stages)
    return {
        "name": layer.name,
        "kind": kind(layer),
        "inputs": list(layer.inputs),
        "input_maps": list(map(map_text, layer.input_shapes, layer.input_types)),
        "output_map": map_text(layer.output_shape, layer.output_type),
        "precision": precision(layer),
        "operations": layer.operations,
        "parameters": layer.parameters,
        "input_bits": input_bits,
        "weight_bits": weight_bits,
        "output_bits": _bits(layer.output_shape, layer.output_type),
        "fold": asdict(fold) if isinstance(layer, Conv) else {"pe": fold.pe},
        "cycles": cycles,
        "busy": cycles / design.cycles.interval,
        "resources": _counts(taken),
        "share": _share(taken, design.board.device),
        "intensity": intensities(layer.operations, input_bits, weight_bits),
        "stages": stages,
    }


def _stage(stage: Stage, design: Design) -> dict:
    core = type(stage.config).__name__.removesuffix("Config")
    return {"name": stage.name, "core": core, "cycles": stage.config.cycles, "resources": _counts(design.costs[stage.name])}


def _counts(taken: Resources) -> dict[str, int]:
    """As JSON has them: counts that come from arrays are NumPy's integers."""
    return {name: int(getattr(taken, name)) for name in RESOURCES}


def _share(taken: Resources, device: Resources) -> dict:
    """Parts of the whole device; None where it has none of a kind."""
    return {name: ratio(getattr(taken, name), getattr(device, name)) for name in RESOURCES}


def _stream_bits(spec: StreamSpec) -> int:
    return spec.beats * spec.width


def _traffic(design: Design) -> dict:
    """Bits that move, per batch, on chip and off, and per second over the board's memory.

    On chip: over the links between stages, and out of the weight memories, which give P * Q weights in every cycle of work, so that each
    serves M windows (one multiply-accumulate is two operations): operations / 2 / M * bits of a weight.
    """
    network, folds = design.folded.network, design.folded.folds
    edges = accelerator_inputs(design.stages).values()
    given = sum(_stream_bits(spec) for stage in design.stages for spec in stage.config.outputs)
    outputs = sum(_bits(network.shape_of(port.layer), network.type_of(port.layer)) for port in network.outputs)
    # Off chip every value of a frame is as wide as its type; buses pad a beat, not what memory holds.
    incoming, outgoing = -(-sum(map(_stream_bits, edges)) // 8), -(-outputs // 8)
    rate = (incoming + outgoing) * design.batches_per_second
    read = [layer.operations // 2 * layer.weight_type.bits // folds[layer.name].mmv for layer in network.layers if isinstance(layer, Conv)]
    return {
        "stream_bits": given - outputs,
        "weight_bits_read": sum(read),
        "input_bytes": incoming,
        "output_bytes": outgoing,
        "bytes_per_second": rate,
        "bandwidth_share": rate / design.board.memory.bandwidth,
    }


def _total_intensities(network: Network, layers: list[dict]) -> dict:
    """Intensities of the whole: layer after layer, each fetching its own inputs, as an engine does that computes one at a time; and with
    everything between the layers on chip, as in a dataflow accelerator, where only the network's own inputs come from outside."""
    weight_bits = sum(layer["weight_bits"] for layer in layers)
    inputs = sum(_bits(port.shape, port.dtype) for port in network.inputs)
    return {
        "layer_by_layer": intensities(network.operations, sum(layer["input_bits"] for layer in layers), weight_bits),
        "dataflow": intensities(network.operations, inputs, weight_bits),
    }
