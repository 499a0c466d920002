"""When cores with a ring take and give their beats."""

from dataclasses import dataclass
from itertools import count

import numpy as np

from finnr_rtl.cores import maxplus
from finnr_rtl.cores.schedule import ROUNDS, PortTiming, Schedule, Timing

__all__ = ["WindowSchedule"]


@dataclass(frozen=True, eq=False)
class WindowSchedule(Schedule):
    """A ring of ``depth`` beats, written in order and read in windows by two processes that run at the same time.

    ``consume[k]`` is the write (of ``writes`` per frame) that takes input beat k; the other writes store padding. Read j needs write
    ``need[j]`` of its frame to be done; after it, ``freed[j]`` beats of the frame are never read again (cumulative; the last entry equals
    ``writes``). A write is seen one cycle later by the reader, and a place freed one cycle later by the writer.

    Read ``produce[j]`` launches output beat j; None stands for all reads, in order. ``delay``, ``slots``, ``release`` and ``stretch`` are
    those of :class:`finnr_rtl.cores.schedule.JointSchedule`, with the reads for steps.
    """

    writes: int
    consume: np.ndarray
    need: np.ndarray
    freed: np.ndarray
    depth: int
    produce: np.ndarray | None = None
    delay: int = 1
    slots: int = 1
    release: int = 0
    stretch: tuple[int, int] = (1, 1)

    @property
    def steps(self) -> int:
        """Reads per frame."""
        return len(self.need)

    @property
    def beats_per_input(self):
        return (len(self.consume),)

    @property
    def beats_per_output(self):
        return (self.steps if self.produce is None else len(self.produce),)

    @property
    def work(self):
        return max(self.writes, len(self.need))

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
        launches = reads
        if self.produce is not None:
            launches = (np.arange(frames)[:, None] * self.steps + self.produce).reshape(-1)
        reads = reads * self.stretch[0] // self.stretch[1]
        gate = np.zeros(len(need), dtype=np.int64)
        space = np.zeros(len(order), dtype=np.int64)
        for rounds in count():
            if rounds == ROUNDS:
                gate, space = self._gates(order, consume, offered, need, reads, ring, limited, launches, drain)
            earliest = space.copy()
            earliest[consume] = np.maximum(earliest[consume], offered)
            write, floor = maxplus.paced(earliest, order)
            read, _ = maxplus.paced(np.maximum(gate, write[need] + 1), reads)
            shown, given = maxplus.give(read[launches], self.delay, drain)
            next_gate = gate.copy()
            next_gate[launches] = np.maximum(gate[launches], maxplus.gate(read[launches], given, self.slots, self.release))
            next_space = space.copy()
            next_space[limited] = np.maximum(space[limited], read[ring[limited]] + 1)
            if np.array_equal(next_gate, gate) and np.array_equal(next_space, space):
                return Timing(np.maximum(floor, space)[consume], write[consume], shown, given)
            gate, space = next_gate, next_space

    def _gates(self, order, consume, offered, need, reads, ring, limited, launches, drain):
        """When each read has a place for what it launches, and each write one in the ring: event by event, for rings so small that
        events wait for each other in long rows."""
        arrival = np.zeros(len(order), dtype=np.int64)
        arrival[consume] = offered
        arrivals, rings, whens = arrival.tolist(), np.where(limited, ring, -1).tolist(), [0] * len(launches)
        whens = whens if drain is None else drain.tolist()
        launching = np.full(len(need), -1)
        launching[launches] = np.arange(len(launches))
        gate, space = np.zeros(len(need), dtype=np.int64), np.zeros(len(order), dtype=np.int64)
        written, read, given = [], [], []
        before = 0
        for index, (last, place, launch) in enumerate(zip(need.tolist(), reads.tolist(), launching.tolist(), strict=True)):
            while len(written) <= last:
                self._write(written, read, arrivals, rings, space)
            time = written[last] + 1
            if read:
                time = max(time, read[-1] + place - before)
            if launch >= self.slots:
                gate[index] = given[launch - self.slots] + self.release
                time = max(time, int(gate[index]))
            if launch >= 0:
                given.append(max(time + self.delay, whens[launch], given[-1] + 1 if given else 0))
            read.append(time)
            before = place
        while len(written) < len(order):
            self._write(written, read, arrivals, rings, space)
        return gate, space

    @staticmethod
    def _write(written, read, arrivals, rings, space):
        """The next write."""
        index = len(written)
        if rings[index] >= 0:
            space[index] = read[rings[index]] + 1
        time = max(arrivals[index], int(space[index]))
        written.append(max(time, written[-1] + 1) if written else time)
