"""How many images per second the integer reference executes: ``python benchmarks/reference_speed.py MODEL.onnx DATA.npz ...``.

Each model is followed by its data, an npz file with ``inputs``; these are repeated to at least 256 samples.
"""

import sys
import time
from pathlib import Path

import numpy as np

from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate

SAMPLES = 256


def speed(model: Path, data: Path) -> float:
    """Samples per second of the reference, host side included, after one batch to warm up."""
    network = load_network(model)
    inputs = np.load(data)["inputs"]
    inputs = np.concatenate([inputs] * -(-SAMPLES // len(inputs)))
    evaluate(network, {"inputs": inputs[:32]})
    start = time.perf_counter()
    evaluate(network, {"inputs": inputs})
    return len(inputs) / (time.perf_counter() - start)


def main(arguments: list[str]) -> int:
    if not arguments or len(arguments) % 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    for model, data in zip(arguments[::2], arguments[1::2], strict=True):
        print(f"{model}: {speed(Path(model), Path(data)):.0f} samples per second")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
