"""The networks that other generators of Verilog were measured with, on a PYNQ-Z1: ``python benchmarks/peers.py [NETWORK ...]``.

Three integer networks with seeded weights, no DSP blocks. For each: the Verilog of the smallest design that is as fast as asked, its
simulation against plain NumPy, its synthesis with Yosys, and the processor seconds that its generation took beyond imports. Printed
beside what NNgen 1.3.4 and da4ml 0.6.0 take for the same networks by the same synthesis, and kept in ``benchmarks/data/peers.json``.
Cycles are those from one frame to the next, and those from the first value of a frame to its last result; both must be within the bar.
Ends with 1 where a bar is missed or a result differs.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

# All that a build imports, some of it late, so that none of it is counted as generation.
import finnr_rtl.dataflow.accelerator
import finnr_rtl.design
import finnr_rtl.emit.manifest
import finnr_rtl.emit.readme
import finnr_rtl.emit.simulation
import finnr_rtl.emit.verilog
import finnr_rtl.frontend
import finnr_rtl.report.design_page  # noqa: F401
from finnr_rtl.build import build
from finnr_rtl.qonnx_writer import GraphWriter
from finnr_rtl.synth import synth
from finnr_rtl.verify import verify

RECORDS = Path(__file__).parent / "data" / "peers.json"
PLATFORM, CLOCK = "pynq_z1", 100e6
FRAMES = 20
SECONDS = 2.0


@dataclass(frozen=True)
class Net:
    """``layers`` are (inputs, outputs) of dense ones, (rows, columns, inputs, outputs) of convolutions, with a max-pool of 2 behind the
    first convolution. Hidden layers give min(max(sum, 0) >> shift, 2^bits - 1), the last one its sums. ``cycles`` are asked of the design,
    ``bar`` is (cycles, LUTs), ``peers`` what others take: cycles, LUT, FF, block RAMs of 18 kbit, DSP, processor seconds.
    """

    input_shape: tuple[int, ...]
    input_bits: int
    signed: bool
    layers: tuple[tuple[int, ...], ...]
    bits: int
    shifts: tuple[int, ...]
    seed: int
    cycles: int
    bar: tuple[int, int]
    peers: dict[str, tuple]

    def weights(self) -> list[np.ndarray]:
        """Uniform over the narrow range, layer by layer."""
        rng, most = np.random.default_rng(self.seed), (1 << (self.bits - 1)) - 1
        return [rng.integers(-most, most + 1, shape) for shape in self.layers]

    def inputs(self, frames: int) -> np.ndarray:
        """Random frames over the whole range of the input."""
        low = -(1 << (self.input_bits - 1)) if self.signed else 0
        return np.random.default_rng(1).integers(low, low + (1 << self.input_bits), (frames, *self.input_shape))

    def reference(self, x: np.ndarray) -> np.ndarray:
        """The last layer's sums (frames, outputs), in plain integers."""
        for weights, shift in zip(self.weights(), (*self.shifts, None), strict=True):
            if weights.ndim == 4:
                windows = np.lib.stride_tricks.sliding_window_view(x, weights.shape[:2], axis=(2, 3))
                x = np.einsum("ncxyij,ijco->noxy", windows, weights)
            else:
                x = x.reshape(len(x), -1) @ weights
            if shift is not None:
                x = np.minimum(np.maximum(x, 0) >> shift, (1 << self.bits) - 1)
            if weights.ndim == 4 and weights.shape[2] == 1:
                n, c, rows, columns = x.shape
                x = x.reshape(n, c, rows // 2, 2, columns // 2, 2).max(axis=(3, 5))
        return x

    def model(self, name: str) -> onnx.ModelProto:
        graph = GraphWriter(name, (1, *self.input_shape))
        x = graph.quant(graph.input, self.input_bits, 1.0, self.signed)
        for number, (weights, shift) in enumerate(zip(self.weights(), (*self.shifts, None), strict=True)):
            conv = weights.ndim == 4
            stored = weights.transpose(3, 2, 0, 1) if conv else weights
            tensor = graph.quant(graph.constant(stored.astype(np.float32), f"weights_{number}"), self.bits, 1.0, signed=True, narrow=True)
            if not conv and len(graph.shapes[x]) == 4:
                x = graph.flatten(x)
            x = graph.conv(x, tensor) if conv else graph.matmul(x, tensor)
            if shift is not None:
                x = graph.quant(graph.multiply(graph.relu(x), 2.0**-shift), self.bits, 1.0, signed=False, rounding="FLOOR")
            if conv and weights.shape[2] == 1:
                x = graph.max_pool(x, 2, 2)
        return graph.finish("Seeded random weights: for benchmarks, not trained.")


NETS = {
    "jsc_w4a4": Net(
        (16,), 8, True, ((16, 64), (64, 32), (32, 32), (32, 5)), 4, (8, 5, 4), 2024, 256, (1537, 2200),
        {"NNgen 1x1": (5609, 4447, 5000, 16, 3, 0.8), "NNgen 4x4": (1537, 6783, 8742, 10, 24, 1.9), "da4ml": (1, 26325, 6207, 0, 0, 1.6)},
    ),
    "mnist_w2a2": Net(
        (784,), 4, False, ((784, 64), (64, 32), (32, 10)), 2, (7, 2), 2024, 3136, (5321, 3000),
        {"NNgen 1x1": (54769, 4722, 5082, 24, 3, 0.8), "NNgen 8x8": (5321, 10759, 14150, 18, 80, 5.5),
         "da4ml, by its own estimate": (1, 84072, 22825, 0, 0, 677)},
    ),
    "conv_w4a4": Net(
        (1, 12, 12), 4, False, ((3, 3, 1, 8), (3, 3, 8, 16), (144, 10)), 4, (4, 6), 99, 1440, (3185, 4000),
        {"NNgen 1x1": (6225, 14627, 13733, 112, 11, 2.9), "NNgen 4x4": (3185, 28406, 35706, 91, 152, 12.7),
         "da4ml": (1, 107033, 17905, 0, 0, 6.5)},
    ),
}
# First digits of the SHA-256 of a network's weights, as 32-bit integers, that the peers were run with.
DIGESTS = {"jsc_w4a4": "750e5dec2220a774"}


def measured(name: str, net: Net, place: Path) -> dict:
    """Cycles, resources, processor seconds, and whether every result is that of NumPy."""
    digest = hashlib.sha256(b"".join(weights.astype("<i4").tobytes() for weights in net.weights())).hexdigest()
    assert digest.startswith(DIGESTS.get(name, "")), "these are not the weights that the peers were run with"
    model, folder, data = place / f"{name}.onnx", place / name, place / f"{name}.npz"
    onnx.save(net.model(name), model)
    start = time.process_time()
    design = build(model, PLATFORM, folder, target_fps=CLOCK / net.cycles, caps={"dsp": 0.0})
    seconds = time.process_time() - start
    x = net.inputs(FRAMES)
    np.savez(data, inputs=x.astype(np.float32), outputs=net.reference(x).astype(np.float32))
    checked = verify(folder, FRAMES, data)
    taken = synth(folder).whole
    return {
        "cycles": design.cycles.interval,
        "latency": design.cycles.latency,
        "lut": taken.lut,
        "ff": taken.ff,
        "bram18": taken.bram18,
        "dsp": taken.dsp,
        "predicted_lut": design.total.lut,
        "generation_seconds": round(seconds, 2),
        "verilog_bytes": sum(path.stat().st_size for path in (folder / "rtl").iterdir()),
        "frames": FRAMES,
        "equal": checked.passed,
        "weights_sha256": digest,
    }


def within(net: Net, found: dict) -> bool:
    """Whether a record keeps the bar."""
    cycles, lut = net.bar
    quick = max(found["cycles"], found["latency"]) <= cycles and found["generation_seconds"] < SECONDS
    return found["equal"] and quick and found["lut"] < lut and not found["dsp"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", choices=[*NETS, []], metavar="NETWORK")
    options = parser.parse_args()
    records = json.loads(RECORDS.read_text()) if RECORDS.exists() else {}
    kept = True
    print("| network | generator | cycles | latency | LUT | FF | BRAM18 | DSP | generation, CPU s |\n|---|---|" + "---:|" * 7)
    for name in options.networks or NETS:
        net = NETS[name]
        with tempfile.TemporaryDirectory() as place:
            found = records[name] = measured(name, net, Path(place))
        RECORDS.write_text(json.dumps(records, indent=1) + "\n")
        kept &= within(net, found)
        keys = ("cycles", "latency", "lut", "ff", "bram18", "dsp")
        print(f"| {name} | finnr_rtl | {' | '.join(f'{found[key]:,}' for key in keys)} | {found['generation_seconds']} |")
        for peer, (cycles, *others, seconds) in net.peers.items():
            print(f"| | {peer} | {cycles:,} | | {' | '.join(f'{count:,}' for count in others)} | {seconds} |")
        print(f"| | bar | {net.bar[0]:,} | {net.bar[0]:,} | {net.bar[1]:,} | | | 0 | {SECONDS} |", flush=True)
        print("" if within(net, found) else f"{name} misses its bar: {found}", end="", flush=True)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
