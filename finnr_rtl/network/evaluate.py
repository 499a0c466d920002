"""A network run on whole data sets: integers in NumPy, compared with what the model gave and with labels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from finnr_rtl.errors import UserError
from finnr_rtl.network.host import mismatches, quantise, restore
from finnr_rtl.network.network import Network

__all__ = ["Report", "evaluate"]

BATCH = 32


@dataclass(frozen=True, eq=False)
class Report:
    """What came out of a data set of ``samples`` samples.

    ``outputs`` are the network's, as the model gives them (float32). ``off_grid`` samples had inputs that the input type does
    not hold exactly. ``mismatching_values`` and ``mismatching_samples`` count differences from the stored outputs,
    ``first_mismatch`` is the first such sample, ``correct`` counts samples whose label was found; each is None where the data
    has nothing to compare with.
    """

    samples: int
    outputs: np.ndarray
    off_grid: int
    mismatching_values: int | None
    mismatching_samples: int | None
    first_mismatch: int | None
    correct: int | None

    @property
    def accuracy(self) -> float | None:
        """Share of samples whose label was found."""
        return None if self.correct is None else self.correct / max(self.samples, 1)


def _decisions(outputs: np.ndarray) -> np.ndarray:
    """The class of each sample: the greatest output, or the output itself where there is only one."""
    flat = outputs.reshape(len(outputs), -1)
    return flat.argmax(axis=1) if flat.shape[1] > 1 else np.rint(flat[:, 0]).astype(np.int64)


def evaluate(network: Network, data: dict[str, np.ndarray], progress: Callable[[int, int], None] | None = None) -> Report:
    """Run ``data["inputs"]`` (samples, \\*model shape) through the integer reference, in batches.

    ``data["outputs"]`` and ``data["labels"]``, one per sample, are compared where present. ``progress(done, samples)`` is called
    after every batch. Raises ``UserError`` where an array is missing or has another number of samples or another shape.
    """
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        ports = f"{len(network.inputs)} inputs and {len(network.outputs)} outputs"
        raise UserError(f"network {network.name} has {ports}; only networks with one of each are run on data so far")
    if "inputs" not in data:
        raise UserError(f"the data has no array named inputs, only {', '.join(sorted(data)) or 'nothing'}")
    x = np.asarray(data["inputs"])
    samples = len(x) if x.ndim else 0
    if samples == 0:
        raise UserError("the array inputs holds no samples")
    for name in ("outputs", "labels"):
        if name in data and len(np.atleast_1d(data[name])) != samples:
            raise UserError(f"the array {name} has {len(np.atleast_1d(data[name]))} samples, inputs has {samples}")
    results, wrong, off_grid = [], [], 0
    for start in range(0, samples, BATCH):
        part = slice(start, start + BATCH)
        q, count = quantise(network.input, x[part])
        off_grid += count
        final = network.execute(q)[network.output.layer]
        results.append(restore(network.output, final))
        if "outputs" in data:
            wrong.append(mismatches(network.output, final, data["outputs"][part]))
        if progress:
            progress(min(start + BATCH, samples), samples)
    outputs = np.concatenate(results)
    values = frames = first = correct = None
    if wrong:
        counts = np.concatenate(wrong)
        values, frames = int(counts.sum()), int(np.count_nonzero(counts))
        first = int(np.flatnonzero(counts)[0]) if frames else None
    if "labels" in data:
        correct = int(np.count_nonzero(_decisions(outputs) == np.asarray(data["labels"]).reshape(samples, -1)[:, 0]))
    return Report(samples, outputs, off_grid, values, frames, first, correct)
