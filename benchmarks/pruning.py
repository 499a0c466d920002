"""What is left of real networks without the channels that make no difference: ``python benchmarks/pruning.py [MODEL ...]``.

For each folder of ``../shared/models``: operations and parameters of the network as it is in the file, and as it is built, and whether the
outputs of both are the same for random inputs and, compared with those that are stored, in the same samples. Ends with 1 where not.
"""

import sys
from unittest.mock import patch

import numpy as np
from verify_models import MODELS, NETWORKS

from finnr_rtl.build import read_data
from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate
from finnr_rtl.network.network import Network

# Random inputs of each network.
FRAMES = 4


def row(name: str) -> tuple:
    """Channels left out, operations and parameters before and after, and whether all outputs agree."""
    path = MODELS / name / "model.onnx"
    after = load_network(path)
    with patch("finnr_rtl.frontend.analysis.pruned", lambda network: network):
        before = load_network(path)
    figures = [(getattr(before, what), getattr(after, what)) for what in ("operations", "parameters")]
    shares = [f"{old:,} to {new:,} ({new / old - 1:+.1%})" for old, new in figures]
    return name, sum(after.dropped.values()), len(after.dropped), *shares, not after.dropped or agree(name, before, after)


def agree(name: str, before: Network, after: Network) -> bool:
    """Whether both give the same for random inputs, and differ from the stored outputs in the same number of values."""
    rng, port = np.random.default_rng(0), after.input
    q = rng.integers(port.low, port.high + 1, (FRAMES, *port.shape))
    if port.dtype.bits == 1 and port.low < 0:
        # BIPOLAR has no zero.
        q = np.where(q == 0, 1, q)
    results = [network.execute(q) for network in (before, after)]
    stored = read_data(MODELS / name / "io.npz")
    differing = {evaluate(network, stored).mismatching_values for network in (before, after)}
    return len(differing) == 1 and all(np.array_equal(*(result[end.layer] for result in results)) for end in after.outputs)


def main() -> int:
    names = sys.argv[1:] or [name for name in NETWORKS if (MODELS / name).is_dir()]
    print("network | channels left out | layers | operations | parameters | same outputs")
    sound = True
    for name in names:
        found = row(name)
        sound &= found[-1]
        print(" | ".join(map(str, found)), flush=True)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
