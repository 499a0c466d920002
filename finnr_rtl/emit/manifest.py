"""``manifest.json``: what a user of the Verilog, or a program, needs to know about it."""

import json
from hashlib import sha256
from itertools import permutations

import numpy as np
from amaranth.hdl import Shape

from finnr_rtl import __version__
from finnr_rtl.cores.contract import StreamSpec
from finnr_rtl.dataflow.accelerator import Accelerator
from finnr_rtl.dataflow.stages import Stage
from finnr_rtl.dataflow.timing import Cycles, kind
from finnr_rtl.datatypes import smallest
from finnr_rtl.network.layers import Accumulating, Layer
from finnr_rtl.network.network import InputPort, Network, OutputPort
from finnr_rtl.network.summary import describe
from finnr_rtl.platforms import Platform

__all__ = ["frame_order", "manifest"]

PACKING = "value k of a beat is in bits k * bits to (k + 1) * bits - 1 of tdata; the bits above the last value are zero"
LAYOUT = "row by row, pixel by pixel, channels innermost"
BIPOLAR_CODE = "one bit: 0 is -1, 1 is +1"


def manifest(
    network: Network, accelerator: Accelerator, cycles: Cycles, clock_mhz: float, board: Platform, files: dict[str, str | bytes]
) -> str:
    """The manifest of an output directory holding ``files``, as JSON text."""
    content = {
        "generator": f"finnr_rtl {__version__}",
        "network": network.name,
        # Frames that every transfer up to tlast holds, one behind the other; shapes are of all, model_shape and order of each.
        "batch": network.batch,
        "platform": board.name,
        "part": board.part,
        "family": board.family,
        "clock_mhz": clock_mhz,
        "top": accelerator.name,
        "clock": "aclk, rising edge",
        "reset": "aresetn, active low, synchronous to aclk; at least one cycle",
        "ports": _ports(accelerator),
        "inputs": [_input(port, *bus) for port, bus in zip(network.inputs, accelerator.inputs.items(), strict=True)],
        "outputs": [_output(network, port, *bus) for port, bus in zip(network.outputs, accelerator.outputs.items(), strict=True)],
        "cycles": {
            "interval": cycles.interval,
            "latency": cycles.latency,
            "fill": cycles.fill,
            "ends": list(cycles.ends),
            "bottleneck": cycles.bottleneck,
            "limit": cycles.limit,
            "frames_per_second": clock_mhz * 1e6 * network.batch / cycles.interval,
        },
        "layers": [_layer(layer) for layer in network.layers],
        "stages": [
            {
                "name": stage.name,
                "layer": stage.layer,
                "core": type(stage.config).__name__.removesuffix("Config"),
                **_cycles(stage, cycles),
                "inputs": {link: _stream(spec) for link, spec in zip(stage.sources, stage.config.inputs, strict=True)},
                "outputs": {link: _stream(spec) for link, spec in zip(stage.links, stage.config.outputs, strict=True)},
            }
            for stage in accelerator.stages
        ],
        "files": {path: sha256(text if isinstance(text, bytes) else text.encode()).hexdigest() for path, text in sorted(files.items())},
    }
    return json.dumps(content, indent=2) + "\n"


def _cycles(stage: Stage, whole: Cycles):
    """Interval and latency of a stage that is never kept waiting; its fill, counted from the accelerator's first beat, until it is steady
    among the others; its room, and whether that is known to be the least."""
    schedule = stage.config.schedule()
    cycles = {"interval": schedule.interval, "latency": schedule.latency, "fill": whole.fills[stage.name], "limit": kind(stage.config)}
    return cycles if stage.room is None else {**cycles, "room": {"beats": stage.room, "tight": stage.tight}}


def _ports(accelerator):
    members = accelerator.signature.members.items()
    return [{"name": name, "width": Shape.cast(member.shape).width, "direction": member.flow.name.lower()} for name, member in members]


def _input(port: InputPort, bus: str, spec: StreamSpec):
    return {
        **_frame(bus, spec, port.shape),
        "name": port.name,
        "model_shape": list(port.model_shape),
        "order": frame_order(port),
        "meaning": "real value = scale * (integer - zero_point)",
        "scale": port.scale,
        "zero_point": port.zero_point,
        "rounding": port.rounding,
        "why": port.source,
    }


def _output(network: Network, port: OutputPort, bus: str, spec: StreamSpec):
    return {
        **_frame(bus, spec, network.shape_of(port.layer)),
        "name": port.name,
        "model_shape": list(port.model_shape),
        "order": frame_order(port),
        "meaning": "model output = tail(scale * integer + bias)",
        "scale": _numbers(port.scale),
        "bias": _numbers(port.bias),
        "tail": [step["op"] for step in port.tail],
    }


def _layer(layer: Layer):
    """A layer; and the width of its sums with what proves it: their least and greatest value, by analysis of the actual weights."""
    content = {"name": layer.name, "what": describe(layer)}
    if isinstance(layer, Accumulating):
        low, high = layer.accumulator_range
        content["accumulator"] = {"min": low, "max": high, "bits": smallest(low, high).bits}
    return content


def _stream(spec: StreamSpec):
    return {"type": str(spec.dtype), "bits": spec.dtype.bits, "lanes": spec.lanes, "beats": spec.beats}


def _frame(port, spec, shape):
    code = {"code": BIPOLAR_CODE} if spec.dtype.name == "BIPOLAR" else {}
    return {"port": port, "shape": list(shape), **_stream(spec), **code, "packing": PACKING, "layout": LAYOUT}


def frame_order(port: InputPort | OutputPort) -> dict[str, list[int]]:
    """How a sample of the model's shape becomes a frame: its axes transposed, where that does it, else the place of every element."""
    places = port.order.reshape(port.model_shape)
    for axes in permutations(range(places.ndim)):
        if np.array_equal(places.transpose(axes).reshape(-1), np.arange(places.size)):
            return {"transpose": list(axes)}
    return {"places": port.order.tolist()}


def _numbers(values):
    values = np.asarray(values, dtype=np.float64)
    return float(values) if values.ndim == 0 else [float(v) for v in values.reshape(-1)]
