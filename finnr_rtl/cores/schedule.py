"""When a core takes and gives its beats: exact cycle models, vectorised over whole frames.

Cycle 0 is the first cycle after reset. A beat is *offered* in the first cycle its ``valid`` is high, *taken* (or *given*, seen
from the producer) in the cycle in which ``valid`` and ``ready`` are both high. Every model is a max-plus system: each event
happens in the earliest cycle that its predecessors allow, so times only grow when a constraint is added.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

__all__ = ["Schedule", "StepSchedule", "Timing", "WindowSchedule"]


@dataclass(frozen=True)
class Timing:
    """Cycles of every beat of a run (int64 arrays).

    ``able[k]`` is the first cycle in which the core would be ready for input beat k, whenever that is offered; ``taken[k]`` the
    cycle in which it is taken; ``offered[j]`` and ``given[j]`` the same for output beat j.
    """

    able: np.ndarray
    taken: np.ndarray
    offered: np.ndarray
    given: np.ndarray


def _paced(earliest: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times t[k] >= earliest[k], t[k] >= t[k-1] + position[k] - position[k-1]; and the same bound without earliest[k]."""
    slack = np.maximum.accumulate(earliest - position)
    before = np.concatenate([[0], np.maximum(slack[:-1], 0)]) if len(slack) else slack
    return np.maximum(slack, 0) + position, before + position


class Schedule(ABC):
    """The timing contract of one core."""

    @property
    @abstractmethod
    def beats_in(self) -> int:
        """Input beats per frame."""

    @property
    @abstractmethod
    def beats_out(self) -> int:
        """Output beats per frame."""

    @abstractmethod
    def run(self, offered: np.ndarray, drain: np.ndarray | None = None) -> Timing:
        """Timing of whole frames: ``offered[k]`` is when input beat k is offered, ``drain[j]`` when the sink is ready for output j.

        Both are non-decreasing int64 arrays; without ``drain`` the sink is always ready.
        """

    @property
    def latency(self) -> int:
        """Cycles from the first beat taken to the first beat offered, when nothing stalls."""
        timing = self.run(np.zeros(self.beats_in, dtype=np.int64))
        return int(timing.offered[0] - timing.taken[0])

    @property
    def interval(self) -> int:
        """Cycles per frame in steady state, when nothing stalls."""
        return self._interval(frames=4)

    def _interval(self, frames: int) -> int:
        given = self.run(np.zeros(frames * self.beats_in, dtype=np.int64)).given.reshape(frames, -1)[:, -1]
        return int(given[-1] - given[-2])


def _gate(launch, given, slots: int, release: int):
    """Earliest launches when at most ``slots`` outputs are in flight, a slot being free ``release`` cycles after its output is given."""
    earliest = np.zeros_like(launch)
    if slots < len(launch):
        earliest[slots:] = given[: len(launch) - slots] + release
    return earliest


def _give(launch, latency: int, drain):
    """When outputs launched at ``launch`` are offered and given, one a cycle, no sooner than ``drain``."""
    order = np.arange(len(launch))
    offered = launch + latency
    given, _ = _paced(offered if drain is None else np.maximum(offered, drain), order)
    head = np.concatenate([[0], given[:-1] + 1]) if len(given) else given
    return np.maximum(offered, head), given


@dataclass(frozen=True, eq=False)
class StepSchedule(Schedule):
    """A core that walks a fixed sequence of ``steps`` per frame, one a cycle unless it waits.

    ``consume[k]`` is the step that takes input beat k, ``produce[j]`` the step that launches output beat j (both rising int64).
    A launched beat is offered ``delay`` cycles later. A step that launches waits until one of ``slots`` output places is free; a
    place is free again ``release`` cycles after its beat was given (0: in the same cycle). ``stretch`` (a, b) slows the walk down to a
    cycles for every b steps; the hardware itself has (1, 1).
    """

    steps: int
    consume: np.ndarray
    produce: np.ndarray
    delay: int
    slots: int = 1
    release: int = 0
    stretch: tuple[int, int] = (1, 1)

    @property
    def beats_in(self) -> int:
        return len(self.consume)

    @property
    def beats_out(self) -> int:
        return len(self.produce)

    def run(self, offered, drain=None):
        frames = len(offered) // self.beats_in
        starts = np.arange(frames)[:, None] * self.steps
        consume = (starts + self.consume).reshape(-1)
        produce = (starts + self.produce).reshape(-1)
        position = np.union1d(consume, produce)
        takes = np.searchsorted(position, consume)
        gives = np.searchsorted(position, produce)
        position = position * self.stretch[0] // self.stretch[1]
        gate = np.zeros(len(produce), dtype=np.int64)
        while True:
            earliest = np.zeros(len(position), dtype=np.int64)
            earliest[gives] = gate
            blocked = earliest.copy()
            earliest[takes] = np.maximum(earliest[takes], offered)
            time, floor = _paced(earliest, position)
            shown, given = _give(time[gives], self.delay, drain)
            need = _gate(time[gives], given, self.slots, self.release)
            if np.all(need <= time[gives]):
                return Timing(np.maximum(floor, blocked)[takes], time[takes], shown, given)
            gate = np.maximum(gate, need)

    @property
    def interval(self) -> int:
        """Equal to ``steps`` when the output places cover the pipeline."""
        return self._interval(frames=4)


@dataclass(frozen=True, eq=False)
class WindowSchedule(Schedule):
    """A ring of ``depth`` beats, written in order and read in windows by two processes that run at the same time.

    ``consume[k]`` is the write (of ``writes`` per frame) that takes input beat k; the other writes store padding. Read j (there is
    one per output beat) needs write ``need[j]`` of its frame to be done; after it, ``freed[j]`` beats of the frame are never read again
    (cumulative; the last entry equals ``writes``). A write is seen one cycle later by the reader, and a place freed one cycle later by
    the writer. A beat read is offered one cycle later; the next read waits until the beat before is given.
    """

    writes: int
    consume: np.ndarray
    need: np.ndarray
    freed: np.ndarray
    depth: int

    @property
    def beats_in(self) -> int:
        return len(self.consume)

    @property
    def beats_out(self) -> int:
        return len(self.need)

    def run(self, offered, drain=None):
        frames = len(offered) // self.beats_in
        starts = np.arange(frames)[:, None] * self.writes
        consume = (starts + self.consume).reshape(-1)
        need = (starts + self.need).reshape(-1)
        freed = (starts + self.freed).reshape(-1)
        order = np.arange(frames * self.writes)
        ring = np.searchsorted(freed, order - self.depth + 1)
        limited = order >= self.depth
        reads = np.arange(len(need))
        gate = np.zeros(len(need), dtype=np.int64)
        space = np.zeros(len(order), dtype=np.int64)
        while True:
            earliest = space.copy()
            earliest[consume] = np.maximum(earliest[consume], offered)
            write, floor = _paced(earliest, order)
            read, _ = _paced(np.maximum(gate, write[need] + 1), reads)
            shown, given = _give(read, 1, drain)
            next_gate = np.maximum(gate, _gate(read, given, 1, 0))
            next_space = space.copy()
            next_space[limited] = np.maximum(space[limited], read[ring[limited]] + 1)
            if np.array_equal(next_gate, gate) and np.array_equal(next_space, space):
                return Timing(np.maximum(floor, space)[consume], write[consume], shown, given)
            gate, space = next_gate, next_space
