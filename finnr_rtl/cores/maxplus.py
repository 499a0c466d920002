"""Arithmetic of events that happen in the earliest cycle that their predecessors allow."""

import numpy as np

__all__ = ["gate", "give", "paced"]


def paced(earliest: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times t[k] >= earliest[k], t[k] >= t[k-1] + position[k] - position[k-1]; and the same bound without earliest[k]."""
    slack = np.maximum.accumulate(earliest - position)
    before = np.concatenate([[0], np.maximum(slack[:-1], 0)]) if len(slack) else slack
    return np.maximum(slack, 0) + position, before + position


def gate(launch, given, slots: int, release: int):
    """Earliest launches when at most ``slots`` outputs are in flight, a slot being free ``release`` cycles after its output is given."""
    earliest = np.zeros_like(launch)
    if slots < len(launch):
        earliest[slots:] = given[: len(launch) - slots] + release
    return earliest


def give(launch, latency: int, drain):
    """When outputs launched at ``launch`` are offered and given, one a cycle, no sooner than ``drain``."""
    order = np.arange(len(launch))
    offered = launch + latency
    given, _ = paced(offered if drain is None else np.maximum(offered, drain), order)
    head = np.concatenate([[0], given[:-1] + 1]) if len(given) else given
    return np.maximum(offered, head), given
