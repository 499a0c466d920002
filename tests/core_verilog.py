"""From core configurations to Verilog and the file that tells the core bench what to expect."""

import json
import os
from pathlib import Path

import numpy as np
import runner
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped

from finnr_rtl.cores.contract import CoreConfig, StreamSpec, port_names

os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")

# Runs with exact timing: title, and pauses of source and sink as multiples of a beat's share of the frame's cycles.
PACES = (("free", 0, 0), ("idle", 1.5, 0), ("stall", 0, 1.5), ("both", 1, 1), ("sparse", 4, 0), ("slow", 0, 4))
# Models of the cells that cores are made of on some devices.
CELLS = sorted((Path(runner.__file__).parent / "cells").glob("*.v"))
# Long after everything else.
NEVER = 1 << 40


class Bundle(wiring.Component):
    """Independent cores side by side, so that one build serves them all: stream s of core k has the port ``c<k>_<s>``."""

    def __init__(self, configs: list[CoreConfig]):
        self._configs = configs
        super().__init__({f"c{k}_{name}": port for k, config in enumerate(configs) for name, port in config.members().items()})

    def elaborate(self, platform):
        m = Module()
        for k, config in enumerate(self._configs):
            core = config.create()
            m.submodules[f"c{k}"] = core
            for name in config.members():
                connect(m, getattr(core, name), flipped(getattr(self, f"c{k}_{name}")))
        return m


class Placed:
    """The platform of devices with cells of slices."""

    slices = True


def to_verilog(component: wiring.Component, name: str, platform=None) -> str:
    """Verilog text of a component."""
    return verilog.convert(component, name=name, platform=platform, emit_src=False, strip_internal_attrs=True)


def random_frames(spec: StreamSpec, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Random inputs; every value of the type can come up."""
    codes = rng.integers(0, 1 << spec.dtype.bits, (frames, *spec.shape), dtype=np.uint64)
    values = spec.dtype.decode(codes)
    return np.clip(values, spec.dtype.min, spec.dtype.max)


def pauses(beats: int, interval: int, density: float, rng: np.random.Generator) -> np.ndarray:
    """Cycles, one per beat, with random gaps of about ``density`` times the beat's share of ``interval``."""
    mean = max(1.0, density * interval / beats)
    return np.cumsum(rng.geometric(1 / mean, beats)) - 1


def expectations(config: CoreConfig, prefix: str, rng: np.random.Generator, frames: int) -> dict:
    """One entry of the bench's ``cores``."""
    x = [random_frames(spec, frames + 1, rng) for spec in config.inputs]
    results = config.reference(*x)
    results = results if isinstance(results, tuple) else (results,)
    schedule = config.schedule()
    beats_in = [frames * beats for beats in schedule.beats_per_input]
    beats_out = [frames * beats for beats in schedule.beats_per_output]
    interval = schedule.interval

    # What comes out when a further frame never arrives.
    offered = [np.repeat([0, NEVER], [frames * beats, beats]) for beats in schedule.beats_per_input]
    totals = [int((given < NEVER).sum()) for given in schedule.run_ports(offered).given]

    def times(beats, density):
        return pauses(beats, interval, density, rng) if density else np.zeros(beats, dtype=np.int64)

    runs = []
    for title, idle, stall in PACES:
        offered = [times(beats, idle) for beats in beats_in]
        drain = [times(beats, stall) for beats in beats_out]
        timing = schedule.run_ports(offered, drain)
        cycles = {"offered": offered, "drain": drain, "taken": timing.taken, "given": timing.given}
        runs.append({"title": title} | {key: [port.tolist() for port in ports] for key, ports in cycles.items()})
    inputs = [
        {"name": name, "payloads": [f"{p:x}" for p in spec.pack(frame[:frames])]}
        for name, spec, frame in zip(port_names("i", len(x)), config.inputs, x, strict=True)
    ]
    outputs = []
    for port, name in enumerate(port_names("o", len(results))):
        y = [f"{p:x}" for p in config.outputs[port].pack(results[port])]
        outputs.append({"name": name, "payloads": y[: beats_out[port]], "extra": y[beats_out[port] : totals[port]]})
    about = repr(config) if len(repr(config)) < 300 else type(config).__name__
    return {"prefix": prefix, "about": about, "inputs": inputs, "outputs": outputs, "runs": runs}


def hold_to_contract(configs, seed: int, folder: Path, build_dir: Path, simulator: str = "verilator", frames: int = 3,
                     mapped=None, platform=None):
    """Run the core bench on ``configs`` with random ``frames``; ``folder`` takes the Verilog and the data. ``mapped`` may make other
    sources of the Verilog file, with the same top ``cores``; ``platform`` is what Amaranth hands to the cores.

    Raises ``runner.SimulationError`` where one breaks its contract.
    """
    rng = np.random.default_rng(seed)
    cores = [expectations(config, f"c{k}", rng, frames) for k, config in enumerate(configs)]
    data = folder / "bench.json"
    data.write_text(json.dumps({"seed": seed, "cores": cores}))
    source = folder / "cores.v"
    source.write_text(to_verilog(Bundle(configs), "cores", platform))
    env = {"CORE_BENCH": str(data)}
    sources = mapped(source) if mapped else [source, *([] if platform is None else CELLS)]
    return runner.simulate(
        sources, "cores", "core_bench", build_dir=build_dir, simulator=simulator, env=env, optimise="-O0"
    )
