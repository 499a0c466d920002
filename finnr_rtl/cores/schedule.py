"""When a core takes and gives its beats: exact cycle models, vectorised over whole frames.

Cycle 0 is the first cycle after reset. A beat is *offered* in the first cycle its ``valid`` is high, *taken* (or *given*, seen
from the producer) in the cycle in which ``valid`` and ``ready`` are both high. Every model is a max-plus system: each event
happens in the earliest cycle that its predecessors allow, so times only grow when a constraint is added.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["JointSchedule", "PortTiming", "Schedule", "StepSchedule", "Timing", "WindowSchedule"]


@dataclass(frozen=True)
class Timing:
    """Cycles of every beat of a run of a core with one input and one output (int64 arrays).

    ``able[k]`` is the first cycle in which the core would be ready for input beat k, whenever that is offered; ``taken[k]`` the
    cycle in which it is taken; ``offered[j]`` and ``given[j]`` the same for output beat j.
    """

    able: np.ndarray
    taken: np.ndarray
    offered: np.ndarray
    given: np.ndarray


@dataclass(frozen=True)
class PortTiming:
    """The same for any number of ports: one array per input in ``able`` and ``taken``, one per output in ``offered`` and ``given``.

    ``able`` of a beat reckons with when the beats of the other inputs are offered.
    """

    able: tuple[np.ndarray, ...]
    taken: tuple[np.ndarray, ...]
    offered: tuple[np.ndarray, ...]
    given: tuple[np.ndarray, ...]


def _paced(earliest: np.ndarray, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times t[k] >= earliest[k], t[k] >= t[k-1] + position[k] - position[k-1]; and the same bound without earliest[k]."""
    slack = np.maximum.accumulate(earliest - position)
    before = np.concatenate([[0], np.maximum(slack[:-1], 0)]) if len(slack) else slack
    return np.maximum(slack, 0) + position, before + position


class Schedule(ABC):
    """The timing contract of one core."""

    @property
    @abstractmethod
    def beats_per_input(self) -> tuple[int, ...]:
        """Beats per frame of each input."""

    @property
    @abstractmethod
    def beats_per_output(self) -> tuple[int, ...]:
        """Beats per frame of each output."""

    @abstractmethod
    def run_ports(self, offered: Sequence[np.ndarray], drains: Sequence[np.ndarray | None] | None = None) -> PortTiming:
        """Timing of whole frames, as many on every input.

        ``offered[p][k]`` is when beat k of input p is offered, ``drains[q][j]`` when the sink of output q is ready for beat j.
        All are non-decreasing int64 arrays; without a drain the sink is always ready.
        """

    @property
    def beats_in(self) -> int:
        """Beats per frame of the only input."""
        (beats,) = self.beats_per_input
        return beats

    @property
    def beats_out(self) -> int:
        """Beats per frame of the only output."""
        (beats,) = self.beats_per_output
        return beats

    def run(self, offered: np.ndarray, drain: np.ndarray | None = None) -> Timing:
        """:meth:`run_ports` of a core with one input and one output."""
        timing = self.run_ports([offered], [drain])
        return Timing(timing.able[0], timing.taken[0], timing.offered[0], timing.given[0])

    def _at_once(self, frames: int) -> PortTiming:
        """Timing when all beats are offered from the beginning."""
        return self.run_ports([np.zeros(frames * beats, dtype=np.int64) for beats in self.beats_per_input])

    @property
    def latency(self) -> int:
        """Cycles from the first beat taken to the first beat offered, when nothing stalls."""
        timing = self._at_once(frames=1)
        return int(min(beats[0] for beats in timing.offered) - min(beats[0] for beats in timing.taken))

    @property
    def interval(self) -> int:
        """Cycles per frame in steady state, when nothing stalls."""
        frames = 4
        ends = [given.reshape(frames, -1)[:, -1] for given in self._at_once(frames).given]
        return max(int(end[-1] - end[-2]) for end in ends)


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
class JointSchedule(Schedule):
    """A core that walks a fixed sequence of ``steps`` per frame, one a cycle unless it waits, taking and launching beats on its ports.

    ``consume[p][k]`` is the step that takes beat k of input p, ``produce[q][j]`` the step that launches beat j of output q (all
    rising int64). A step is done in the first cycle in which all beats it takes are offered and each output on which it launches has
    one of its ``slots`` places free; a place is free again ``release`` cycles after its beat was given (0: in the same cycle). A
    launched beat is offered ``delay`` cycles later. ``stretch`` (a, b) slows the walk down to a cycles for every b steps; the hardware
    itself has (1, 1).
    """

    steps: int
    consume: tuple[np.ndarray, ...]
    produce: tuple[np.ndarray, ...]
    delay: int
    slots: int = 1
    release: int = 0
    stretch: tuple[int, int] = (1, 1)

    @property
    def beats_per_input(self):
        return tuple(map(len, self.consume))

    @property
    def beats_per_output(self):
        return tuple(map(len, self.produce))

    def run_ports(self, offered, drains=None):
        drains = drains or [None] * len(self.produce)
        starts = np.arange(len(offered[0]) // len(self.consume[0]))[:, None] * self.steps
        consume = [(starts + steps).reshape(-1) for steps in self.consume]
        produce = [(starts + steps).reshape(-1) for steps in self.produce]
        # All of them rise, which a stable sort of the row of them makes use of; np.unique would hash.
        merged = np.sort(np.concatenate([*consume, *produce]), kind="stable")
        position = merged[np.append(True, merged[1:] != merged[:-1])]
        takes = [np.searchsorted(position, steps) for steps in consume]
        gives = [np.searchsorted(position, steps) for steps in produce]
        position = position * self.stretch[0] // self.stretch[1]
        arrivals = []
        for take, times in zip(takes, offered, strict=True):
            arrival = np.zeros(len(position), dtype=np.int64)
            arrival[take] = times
            arrivals.append(arrival)
        gate = np.zeros(len(position), dtype=np.int64)
        while True:
            time, floor = _paced(np.maximum.reduce([gate, *arrivals]), position)
            outputs = [_give(time[give], self.delay, drain) for give, drain in zip(gives, drains, strict=True)]
            needs = gate.copy()
            for give, (_, given) in zip(gives, outputs, strict=True):
                needs[give] = np.maximum(needs[give], _gate(time[give], given, self.slots, self.release))
            if np.all(needs <= time):
                break
            gate = needs
        able = []
        for port, take in enumerate(takes):
            others = arrivals[:port] + arrivals[port + 1 :]
            able.append(np.maximum.reduce([floor, gate, *others])[take])
        shown, given = zip(*outputs, strict=True)
        return PortTiming(tuple(able), tuple(time[take] for take in takes), shown, given)


@dataclass(frozen=True, eq=False)
class StepSchedule(Schedule):
    """The :class:`JointSchedule` of a core with one input and one output, whose arrays ``consume`` and ``produce`` are.

    The interval is ``steps`` when the output places cover the pipeline.
    """

    steps: int
    consume: np.ndarray
    produce: np.ndarray
    delay: int
    slots: int = 1
    release: int = 0
    stretch: tuple[int, int] = (1, 1)

    @property
    def beats_per_input(self):
        return (len(self.consume),)

    @property
    def beats_per_output(self):
        return (len(self.produce),)

    def run_ports(self, offered, drains=None):
        ports = (self.consume,), (self.produce,)
        joint = JointSchedule(self.steps, *ports, self.delay, self.slots, self.release, self.stretch)
        return joint.run_ports(offered, drains)


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
    def beats_per_input(self):
        return (len(self.consume),)

    @property
    def beats_per_output(self):
        return (len(self.need),)

    def run_ports(self, offered, drains=None):
        timing = self._run(offered[0], drains[0] if drains else None)
        return PortTiming((timing.able,), (timing.taken,), (timing.offered,), (timing.given,))

    def _run(self, offered, drain):
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
