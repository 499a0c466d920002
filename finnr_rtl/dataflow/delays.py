"""Earliest times of events that wait for each other, by bringing one chain after the other up to date until nothing changes."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from finnr_rtl.dataflow.events import Chain, Port, Wait

__all__ = ["NEVER", "Delays", "GivenUp", "Overdue"]

# Later than any event, and its negative earlier than any.
NEVER = 1 << 50

# What a step costs beside the delays it computes, in delays.
CALL = 500

# What it costs to trace events, for each, and after how much more effort for each that is done.
TRACE, AGAIN = 30, 5

# Chains to either side of the stale ones that are settled first.
NEAR = 2


class Overdue(Exception):
    """Some event cannot come by its deadline."""


class GivenUp(Exception):
    """Finding out took more than it was worth."""


class _Pull(NamedTuple):
    """A wait in terms of delays: event ``target`` is delayed by ``gain`` more than event ``source``."""

    before: int
    source: np.ndarray
    after: int
    target: np.ndarray
    gain: np.ndarray


class Delays:
    """Least *delays* under waits, one array (int64) per chain: the delay of an event is its time less its place in the chain. So a chain
    is a rising sequence, and one running maximum brings it up to date.

    With an ``interval``, every frame repeats the one before so many cycles later, and one stands for all. Without, it is one frame of
    many, and waits for events of other frames have to be in ``start``. ``effort`` tells, in delays, what has been computed.
    """

    def __init__(self, chains: Sequence[Chain], start: Iterable[np.ndarray], interval: int | None = None):
        self.chains = chains
        self.interval = interval
        self.delays = list(start)
        self.effort = 0
        self._own: set[int] = set()
        self._changed = 0
        self._pulls: dict[str, list[_Pull]] = {}
        self._from: dict[int, list[_Pull]] = {}

    def trial(self) -> "Delays":
        """A copy to change."""
        copy = Delays(self.chains, self.delays, self.interval)
        copy._pulls, copy._from = dict(self._pulls), dict(self._from)
        return copy

    def times(self, port: Port) -> np.ndarray:
        """When the events of a port happen."""
        return self.delays[port.chain][port.events] + self.chains[port.chain].place[port.events]

    def replace(self, key: str, waits: Iterable[Wait]):
        """``waits`` hold from now on, and those given under the same ``key`` before no longer."""
        old, new = self._pulls.get(key, []), [self._pull(wait) for wait in waits]
        self._pulls[key] = new
        for chain in {pull.before for pull in old + new}:
            kept = [pull for pull in self._from.get(chain, []) if not any(pull is other for other in old)]
            self._from[chain] = kept + [pull for pull in new if pull.before == chain]

    def _pull(self, wait: Wait) -> _Pull:
        before, after = wait.before, wait.after
        gain = self.chains[before.chain].place[before.events] - self.chains[after.chain].place[after.events] + wait.cycles
        if self.interval is not None:
            gain -= wait.lag * self.interval
        return _Pull(before.chain, before.events, after.chain, after.events, gain)

    def settle(self, stale: Iterable[int], deadlines: Sequence[np.ndarray] | None = None, limit: int | None = None):
        """Bring all chains up to date that depend on the ``stale`` ones, of each no more than the part that changes.

        Chains are taken in order of their numbers, which is that of the streams, then back, as room is given back, and so on. Where not
        all of it is wanted unless it ends well, as ``deadlines`` say, those near the stale ones are settled before others farther away:
        most circles are short. Raises ``Overdue`` where a delay exceeds that in ``deadlines`` or is bound to, and ``GivenUp`` after the
        effort of ``limit``.
        """
        direction = 1
        look = self.effort
        waiting = {chain: (0, len(self.delays[chain])) for chain in stale}
        low, high, far = min(waiting), max(waiting), {}
        radius = len(self.chains) if deadlines is None else NEAR
        while waiting or far:
            while not waiting:
                radius *= 2
                near = [chain for chain in far if low - radius <= chain <= high + radius]
                waiting = {chain: far.pop(chain) for chain in near}
            ahead, waiting = waiting, {}
            heap = [direction * chain for chain in ahead]
            heapq.heapify(heap)
            while heap:
                chain = direction * heapq.heappop(heap)
                begin, end = ahead.pop(chain)
                for pull in self._from.get(chain, ()):
                    raised = self._apply(pull, begin, end)
                    if raised is None:
                        continue
                    part = slice(*raised)
                    if deadlines is not None and np.any(self.delays[pull.after][part] > deadlines[pull.after][part]):
                        raise Overdue
                    if low - radius <= pull.after <= high + radius:
                        later = ahead if direction * (pull.after - chain) > 0 else waiting
                    else:
                        later = far
                    if pull.after in later:
                        before = later[pull.after]
                        raised = min(raised[0], before[0]), max(raised[1], before[1])
                    elif later is ahead:
                        heapq.heappush(heap, direction * pull.after)
                    later[pull.after] = raised
                if self.interval is not None and self.effort - look > AGAIN * self._changed > 0:
                    for lifted in self._lift():
                        if deadlines is not None and np.any(self.delays[lifted] > deadlines[lifted]):
                            raise Overdue
                        (waiting if lifted not in far else far)[lifted] = 0, len(self.delays[lifted])
                    look = self.effort
                if limit is not None and self.effort > limit:
                    raise GivenUp
            direction = -direction

    def _lift(self) -> Iterator[int]:
        """Delay events at once by all that is seen of them when each is traced to the one that it waits for longest, and on from there: a
        long row of waits, or a circle that gains little, would else take many steps. Gives the chains that this changes; raises ``Overdue``
        where some event waits for itself, which has no end.

        Round a circle of such waits delays add up to as much as its events are behind what they wait for.
        """
        # None but those changed since the delays were settled can be on a circle.
        own = sorted(self._own)
        delay = np.concatenate([self.delays[chain] for chain in own])
        bounds = np.cumsum([0, *(len(self.delays[chain]) for chain in own)])
        first = dict(zip(own, bounds.tolist(), strict=False))
        source = np.arange(len(delay)) - 1
        source[bounds[:-1]] = bounds[1:] - 1
        least = delay[source]
        least[bounds[:-1]] += [self.chains[chain].period - self.interval for chain in own]
        for pull in (pull for chain in own for pull in self._from.get(chain, ()) if pull.after in first):
            waits, target = self.delays[pull.before][pull.source] + pull.gain, first[pull.after] + pull.target
            # A chain that never pauses is a circle without gain: of waits that are equally long, those between chains tell more.
            longer = waits >= least[target]
            least[target[longer]], source[target[longer]] = waits[longer], first[pull.before] + pull.source[longer]
        # What waits for nothing is as late as it was at the start.
        source = np.where(least < delay, np.arange(len(delay)), source)
        late, gain = least > delay, np.maximum(least, delay) - delay[source]
        steps = 1
        while steps < len(delay):
            gain += gain[source]
            before, source, steps = source, source[source], 2 * steps
            if np.array_equal(before, source):
                break
        self.effort += len(delay) * TRACE
        # After so many steps back, all are in circles.
        if np.any(late[source]):
            raise Overdue
        raised = np.maximum(delay, delay[source] + gain)
        for chain, start, end in zip(own, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            if np.any(raised[start:end] > delay[start:end]):
                rising = np.maximum.accumulate(raised[start:end])
                self.delays[chain] = np.maximum(rising, rising[-1] + self.chains[chain].period - self.interval)
                yield chain

    def _apply(self, pull: _Pull, first: int, end: int) -> tuple[int, int] | None:
        """The range of events that a wait for events ``first`` to ``end`` delays, which is done; None where there are none."""
        part = slice(*np.searchsorted(pull.source, (first, end)).tolist())
        delay, target = self.delays[pull.after], pull.target[part]
        least = self.delays[pull.before][pull.source[part]] + pull.gain[part]
        self.effort += CALL + len(least)
        late = np.flatnonzero(least > delay[target])
        if not len(late):
            return None
        target, least = target[late], least[late]
        first, end = int(target[0]), int(np.searchsorted(delay, least.max()))
        if pull.after not in self._own:
            self._own.add(pull.after)
            self._changed += len(delay)
            self.delays[pull.after] = delay = delay.copy()
        delay[target] = least
        # Events from ``end`` on are as late already.
        np.maximum.accumulate(delay[first:end], out=delay[first:end])
        if self.interval is not None and end == len(delay):
            again = delay[-1] + self.chains[pull.after].period - self.interval
            if again > delay[0]:
                delay[: np.searchsorted(delay, again)] = again
                first = 0
        self.effort += end - first
        return first, end
