"""When cores with a ring take and give their beats."""

from dataclasses import dataclass

import numpy as np

from finnr_rtl.cores import maxplus
from finnr_rtl.cores.schedule import PortTiming, Schedule, Timing

__all__ = ["WindowSchedule"]


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
        gate = np.zeros(len(need), dtype=np.int64)
        space = np.zeros(len(order), dtype=np.int64)
        while True:
            earliest = space.copy()
            earliest[consume] = np.maximum(earliest[consume], offered)
            write, floor = maxplus.paced(earliest, order)
            read, _ = maxplus.paced(np.maximum(gate, write[need] + 1), reads)
            shown, given = maxplus.give(read, 1, drain)
            next_gate = np.maximum(gate, maxplus.gate(read, given, 1, 0))
            next_space = space.copy()
            next_space[limited] = np.maximum(space[limited], read[ring[limited]] + 1)
            if np.array_equal(next_gate, gate) and np.array_equal(next_space, space):
                return Timing(np.maximum(floor, space)[consume], write[consume], shown, given)
            gate, space = next_gate, next_space
