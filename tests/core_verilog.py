"""From core configurations to Verilog and the file that tells the core bench what to expect."""

import json
import os
from pathlib import Path

import numpy as np
import runner
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from finnr_rtl.cores.contract import CoreConfig

os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")

# Runs with exact timing: title, and pauses of source and sink as multiples of a beat's share of the frame's cycles.
PACES = (("free", 0, 0), ("idle", 1.5, 0), ("stall", 0, 1.5), ("both", 1, 1), ("sparse", 4, 0), ("slow", 0, 4))
# Long after everything else.
NEVER = 1 << 40


class Bundle(wiring.Component):
    """Independent cores side by side, so that one build serves them all: core k has ports ``c<k>_i`` and ``c<k>_o``."""

    def __init__(self, configs: list[CoreConfig]):
        self._configs = configs
        ports = {}
        for k, config in enumerate(configs):
            ports[f"c{k}_i"] = In(config.input.signature())
            ports[f"c{k}_o"] = Out(config.output.signature())
        super().__init__(ports)

    def elaborate(self, platform):
        m = Module()
        for k, config in enumerate(self._configs):
            core = config.create()
            m.submodules[f"c{k}"] = core
            connect(m, core.i, flipped(getattr(self, f"c{k}_i")))
            connect(m, core.o, flipped(getattr(self, f"c{k}_o")))
        return m


def to_verilog(component: wiring.Component, name: str) -> str:
    """Verilog text of a component."""
    return verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)


def random_frames(config: CoreConfig, frames: int, rng: np.random.Generator) -> np.ndarray:
    """Random inputs; every value of the type can come up."""
    spec = config.input
    codes = rng.integers(0, 1 << spec.dtype.bits, (frames, *spec.shape), dtype=np.uint64)
    values = spec.dtype.decode(codes)
    return np.clip(values, spec.dtype.min, spec.dtype.max)


def pauses(beats: int, interval: int, density: float, rng: np.random.Generator) -> np.ndarray:
    """Cycles, one per beat, with random gaps of about ``density`` times the beat's share of ``interval``."""
    mean = max(1.0, density * interval / beats)
    return np.cumsum(rng.geometric(1 / mean, beats)) - 1


def expectations(config: CoreConfig, prefix: str, rng: np.random.Generator, frames: int) -> dict:
    """One entry of the bench's ``cores``."""
    x = random_frames(config, frames + 1, rng)
    y = config.output.pack(config.reference(x))
    schedule = config.schedule()
    beats_in, beats_out = frames * schedule.beats_in, frames * schedule.beats_out
    interval = schedule.interval

    # What comes out when a further frame never arrives.
    offered = np.concatenate([np.zeros(beats_in, dtype=np.int64), np.full(schedule.beats_in, NEVER)])
    total = int((schedule.run(offered).given < NEVER).sum())

    runs = []
    for title, idle, stall in PACES:
        offered = pauses(beats_in, interval, idle, rng) if idle else np.zeros(beats_in, dtype=np.int64)
        drain = pauses(beats_out, interval, stall, rng) if stall else np.zeros(beats_out, dtype=np.int64)
        timing = schedule.run(offered, drain)
        runs.append({"title": title, "offered": offered.tolist(), "drain": drain.tolist(), "taken": timing.taken.tolist(),
                     "given": timing.given.tolist()})
    return {
        "prefix": prefix,
        "about": repr(config) if len(repr(config)) < 300 else type(config).__name__,
        "inputs": [f"{p:x}" for p in config.input.pack(x[:frames])],
        "outputs": [f"{p:x}" for p in y[:beats_out]],
        "extra": [f"{p:x}" for p in y[beats_out:total]],
        "runs": runs,
    }


def hold_to_contract(configs, seed: int, folder: Path, build_dir: Path, simulator: str = "verilator", frames: int = 3):
    """Run the core bench on ``configs`` with random ``frames``; ``folder`` takes the Verilog and the data.

    Raises ``runner.SimulationError`` where one breaks its contract.
    """
    rng = np.random.default_rng(seed)
    cores = [expectations(config, f"c{k}", rng, frames) for k, config in enumerate(configs)]
    data = folder / "bench.json"
    data.write_text(json.dumps({"seed": seed, "cores": cores}))
    source = folder / "cores.v"
    source.write_text(to_verilog(Bundle(configs), "cores"))
    env = {"CORE_BENCH": str(data)}
    return runner.simulate(
        [source], "cores", "core_bench", build_dir=build_dir, simulator=simulator, env=env, optimise="-O0"
    )
