"""A network run on whole data sets: integers in NumPy, compared with what the model gave and with labels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from finnr_rtl.network.dataset import integers, mismatching, sample_count
from finnr_rtl.network.host import restore
from finnr_rtl.network.network import Network

__all__ = ["Report", "evaluate"]

# Samples computed at a time, or a few more where the network takes them in batches.
SAMPLES = 32


@dataclass(frozen=True, eq=False)
class Report:
    """What came out of a data set of ``samples`` samples.

    ``results`` are the network's outputs by name, as the model gives them (float32). ``off_grid`` samples had inputs that the input
    type does not hold exactly. ``mismatching_values`` and ``mismatching_samples`` count differences from the stored outputs,
    ``first_mismatch`` is the first such sample, ``correct`` counts samples whose label was found; each is None where the data
    has nothing to compare with.
    """

    samples: int
    results: dict[str, np.ndarray]
    off_grid: int
    mismatching_values: int | None
    mismatching_samples: int | None
    first_mismatch: int | None
    correct: int | None

    @property
    def outputs(self) -> np.ndarray:
        """The only output's. Raises ``ValueError`` where there are several."""
        (only,) = self.results.values()
        return only

    @property
    def accuracy(self) -> float | None:
        """Share of samples whose label was found."""
        return None if self.correct is None else self.correct / max(self.samples, 1)


def _decisions(outputs: np.ndarray) -> np.ndarray:
    """The class of each sample: the greatest output, or the output itself where there is only one."""
    flat = outputs.reshape(len(outputs), -1)
    return flat.argmax(axis=1) if flat.shape[1] > 1 else np.rint(flat[:, 0]).astype(np.int64)


def evaluate(network: Network, data: dict[str, np.ndarray], progress: Callable[[int, int], None] | None = None) -> Report:
    """Run the samples of ``data`` through the integer reference, some at a time.

    Arrays are named as :mod:`finnr_rtl.network.dataset` says; outputs, and ``labels`` (of the first output), are compared where
    present. ``progress(done, samples)`` is called after each of these steps. Raises ``UserError`` where an array is missing or has another
    number of samples or another shape.
    """
    samples = sample_count(network, data)
    parts, wrong, off_grid = [], [], 0
    step = -(-SAMPLES // network.batch) * network.batch
    for start in range(0, samples, step):
        part = slice(start, min(start + step, samples))
        q, count = integers(network, data, part)
        off_grid += count
        executed = network.execute(q)
        parts.append([restore(port, network.by_frame(executed[port.layer])[: part.stop - start]) for port in network.outputs])
        differing = mismatching(network, executed, data, part)
        if differing is not None:
            wrong.append(differing)
        if progress:
            progress(part.stop, samples)
    outputs = [np.concatenate(port) for port in zip(*parts, strict=True)]
    values = frames = first = correct = None
    if wrong:
        counts = np.concatenate(wrong)
        values, frames = int(counts.sum()), int(np.count_nonzero(counts))
        first = int(np.flatnonzero(counts)[0]) if frames else None
    if "labels" in data:
        correct = int(np.count_nonzero(_decisions(outputs[0]) == np.asarray(data["labels"]).reshape(samples, -1)[:, 0]))
    results = {port.name: output for port, output in zip(network.outputs, outputs, strict=True)}
    return Report(samples, results, off_grid, values, frames, first, correct)
