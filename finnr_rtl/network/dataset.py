"""Data sets: arrays of samples by name, and the network's ports.

An array goes to the input or output of its name. Where the network has a single input its array may be called ``inputs``, that of a
single output ``outputs``. ``labels`` are the classes, where there are any; other arrays are not looked at.
"""

from collections.abc import Mapping

import numpy as np

from finnr_rtl.errors import UserError
from finnr_rtl.network.host import mismatches, quantise
from finnr_rtl.network.network import Network

__all__ = ["integers", "mismatching", "sample_count"]

Data = Mapping[str, np.ndarray]


def _arrays(ports, data: Data, alone: str) -> dict[str, np.ndarray]:
    """The arrays of ``ports`` that the data has, by the port's name."""
    if len(ports) > 1 and alone in data and not any(port.name == alone for port in ports):
        known = ", ".join(port.name for port in ports)
        raise UserError(f"the data has an array named {alone}, but the network has several; name one array after each of {known}")
    names = {port.name: port.name if len(ports) > 1 or port.name in data else alone for port in ports}
    return {port: np.asarray(data[name]) for port, name in names.items() if name in data}


def _inputs(network: Network, data: Data) -> dict[str, np.ndarray]:
    found = _arrays(network.inputs, data, "inputs")
    missing = [port.name for port in network.inputs if port.name not in found]
    if missing:
        wanted = "inputs" if len(network.inputs) == 1 else missing[0]
        raise UserError(f"the data has no array named {wanted}, only {', '.join(sorted(data)) or 'nothing'}")
    return found


def sample_count(network: Network, data: Data) -> int:
    """How many samples ``data`` has. Raises ``UserError`` where it has none, or arrays differ in it."""
    inputs = _inputs(network, data)
    counts = {name: len(x) if x.ndim else 0 for name, x in inputs.items()}
    first, samples = next(iter(counts.items()))
    if samples == 0:
        raise UserError(f"the array of input {first} holds no samples")
    results = _arrays(network.outputs, data, "outputs") | {name: data[name] for name in ("labels",) if name in data}
    for name, count in (counts | {name: len(np.atleast_1d(x)) for name, x in results.items()}).items():
        if count != samples:
            raise UserError(f"the array of {name} has {count} samples, that of {first} has {samples}")
    return samples


def integers(network: Network, data: Data, part: slice) -> tuple[dict[str, np.ndarray], int]:
    """Input integers (batches, \\*shape) of the samples in ``part``, by input, and how many samples (the most at any input) their types do
    not hold exactly.

    Raises ``UserError`` as :func:`sample_count` and :func:`finnr_rtl.network.host.quantise` do.
    """
    sample_count(network, data)
    inputs = _inputs(network, data)
    found = {port.name: quantise(port, inputs[port.name][part]) for port in network.inputs}
    return {name: q for name, (q, _) in found.items()}, max(off for _, off in found.values())


def mismatching(network: Network, results: Mapping[str, np.ndarray], data: Data, part: slice) -> np.ndarray | None:
    """How many values differ from the stored ones, for each sample in ``part``, over all outputs that are stored; None without any.

    ``results`` are those of :meth:`Network.execute` for these samples.
    """
    stored = {name: outputs[part] for name, outputs in _arrays(network.outputs, data, "outputs").items()}
    counts = [
        mismatches(port, network.by_frame(results[port.layer])[: len(stored[port.name])], stored[port.name])
        for port in network.outputs if port.name in stored
    ]
    return np.sum(counts, axis=0) if counts else None
