"""When cores with a ring take and give their beats."""

from dataclasses import dataclass

import numpy as np

from finnr_rtl.cores import maxplus
from finnr_rtl.cores.schedule import PortTiming, Schedule, Timing

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
        while True:
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
