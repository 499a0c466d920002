"""Events of a frame one after the other: for rooms so small that events wait for each other in long rows."""

from collections.abc import Sequence

import numpy as np

from finnr_rtl.dataflow.events import Chain, Wait

__all__ = ["InOrder"]


class InOrder:
    """Delays (see :class:`finnr_rtl.dataflow.delays.Delays`) under ``waits`` within a frame, computed in an order in which no event comes
    before one it waits for. Raises ``ValueError`` where there is none: beats wait for places that never become free.
    """

    def __init__(self, chains: Sequence[Chain], waits: Sequence[Wait]):
        sizes = [len(chain.place) for chain in chains]
        first = np.cumsum([0, *sizes])
        place = np.concatenate([chain.place for chain in chains])
        follows = np.setdiff1d(np.arange(first[-1]), first)
        sources = [follows - 1, *(first[wait.before.chain] + wait.before.events for wait in waits)]
        targets = [follows, *(first[wait.after.chain] + wait.after.events for wait in waits)]
        cycles = np.repeat([0, *(wait.cycles for wait in waits)], [len(some) for some in sources])
        source, target = np.concatenate(sources), np.concatenate(targets)
        gain = cycles + np.where(np.arange(len(source)) < len(follows), 0, place[source] - place[target])
        by_source = np.argsort(source, kind="stable")
        self._bounds = first[1:-1]
        self._from = np.searchsorted(source[by_source], np.arange(first[-1] + 1)).tolist()
        self._target, self._gain = target[by_source].tolist(), gain[by_source].tolist()
        self._order = self._sorted(np.bincount(target, minlength=first[-1]).tolist())

    def _sorted(self, open_waits: list[int]) -> list[int]:
        order = [event for event, count in enumerate(open_waits) if not count]
        for event in order:
            for edge in range(self._from[event], self._from[event + 1]):
                target = self._target[edge]
                open_waits[target] -= 1
                if not open_waits[target]:
                    order.append(target)
        if len(order) < len(open_waits):
            raise ValueError("beats wait for places that never become free: the accelerator would stand still")
        return order

    def delays(self, start: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Least delays not below those in ``start``, one array per chain."""
        delay = np.concatenate(start).tolist()
        bounds, targets, gains = self._from, self._target, self._gain
        for event in self._order:
            now = delay[event]
            for edge in range(bounds[event], bounds[event + 1]):
                target = targets[edge]
                if now + gains[edge] > delay[target]:
                    delay[target] = now + gains[edge]
        return np.split(np.array(delay), self._bounds)
