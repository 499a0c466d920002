"""When a core takes and gives its beats: exact cycle models, vectorised over whole frames.

Cycle 0 is the first cycle after reset. A beat is *offered* in the first cycle its ``valid`` is high, *taken* (or *given*, seen
from the producer) in the cycle in which ``valid`` and ``ready`` are both high. Every model is a max-plus system: each event
happens in the earliest cycle that its predecessors allow, so times only grow when a constraint is added.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finnr_rtl.cores import maxplus

__all__ = ["JointSchedule", "PortTiming", "Schedule", "StepSchedule", "Timing"]

# Rounds in which times settle where beats hardly wait for places; where they do, going through them one by one is faster.
ROUNDS = 30


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

    @property
    @abstractmethod
    def work(self) -> int:
        """Cycles per frame that its busiest part works: the interval, where there is room enough behind it."""

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

    @property
    def work(self):
        return self.steps

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
        earliest = np.maximum.reduce(arrivals)
        gate = np.zeros(len(position), dtype=np.int64)
        for _ in range(ROUNDS):
            time, floor = maxplus.paced(np.maximum(gate, earliest), position)
            outputs = [maxplus.give(time[give], self.delay, drain) for give, drain in zip(gives, drains, strict=True)]
            needs = gate.copy()
            for give, (_, given) in zip(gives, outputs, strict=True):
                needs[give] = np.maximum(needs[give], maxplus.gate(time[give], given, self.slots, self.release))
            settled = np.all(needs <= time)
            gate = needs
            if settled:
                break
        else:
            gate = self._gates(earliest, position, gives, drains)
            time, floor = maxplus.paced(np.maximum(gate, earliest), position)
            outputs = [maxplus.give(time[give], self.delay, drain) for give, drain in zip(gives, drains, strict=True)]
        able = []
        for port, take in enumerate(takes):
            others = arrivals[:port] + arrivals[port + 1 :]
            able.append(np.maximum.reduce([floor, gate, *others])[take])
        shown, given = zip(*outputs, strict=True)
        return PortTiming(tuple(able), tuple(time[take] for take in takes), shown, given)

    def _gates(self, earliest, position, gives, drains):
        """When each step has places for what it launches: one step after the other, for beats that wait for each other in long rows."""
        launches = [[] for _ in position]
        for port, (give, drain) in enumerate(zip(gives, drains, strict=True)):
            whens = np.zeros(len(give), dtype=np.int64) if drain is None else drain
            for step, when in zip(give.tolist(), whens.tolist(), strict=True):
                launches[step].append((port, when))
        free = [deque([0] * min(self.slots, len(give))) for give in gives]
        last_given = [-1] * len(gives)
        gate = np.zeros(len(position), dtype=np.int64)
        time, place = 0, 0
        for step, (wanted, at) in enumerate(zip(earliest.tolist(), position.tolist(), strict=True)):
            gate[step] = room = max((free[port].popleft() for port, _ in launches[step]), default=0)
            time, place = max(time + at - place, wanted, room), at
            for port, when in launches[step]:
                last_given[port] = max(time + self.delay, last_given[port] + 1, when)
                free[port].append(last_given[port] + self.release)
        return gate


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

    @property
    def work(self):
        return self.steps

    def run_ports(self, offered, drains=None):
        ports = (self.consume,), (self.produce,)
        joint = JointSchedule(self.steps, *ports, self.delay, self.slots, self.release, self.stretch)
        return joint.run_ports(offered, drains)
