"""How many beats a ring must hold so that writing and reading are fast enough together."""

import numpy as np

__all__ = ["even_depth", "smallest_depth"]

# The frames at both ends of a run lack their neighbours; the one before the last but one is like all others.
FRAMES = 4
TYPICAL = 2


def smallest_depth(writes: int, need: np.ndarray, freed: np.ndarray, cycles: int | None = None) -> int:
    """A depth with which a frame takes no more than ``cycles`` cycles; by default the greater of its writes and reads.

    The first three are as in :class:`finnr_rtl.cores.window_schedule.WindowSchedule`. Two ways to work at that pace are weighed:
    reads without pause from the beginning of each frame, and writes as late as those allow; or writes without pause, and reads as
    early as those allow. What is held at most, in the better way, is the depth: the ring never waits without need, so it is no
    slower than either. For the default number of cycles the side with more to do has no other way, and no smaller depth will do.

    Raises ``ValueError`` where ``cycles`` is less than the writes or the reads of a frame.
    """
    least = max(writes, len(need))
    cycles = least if cycles is None else cycles
    if cycles < least:
        raise ValueError(f"cycles={cycles} must be at least {least}, the greater of writes and reads of a frame")
    frame = np.arange(FRAMES)[:, None]
    steady_reads = (frame * cycles + np.arange(len(need))).reshape(-1)
    steady_writes = (frame * cycles + np.arange(writes)).reshape(-1)
    reads = np.arange(len(steady_reads))
    early_reads = np.maximum.accumulate(steady_writes[_every(need, writes)] + 1 - reads) + reads
    ways = (_late_writes(writes, need, steady_reads, cycles), steady_reads), (steady_writes, early_reads)
    return min(
        _held(write_time, read_time, freed) for write_time, read_time in ways
        if _periodic(write_time, cycles) and _periodic(read_time, cycles)
    )


def even_depth(writes: int, need: np.ndarray, freed: np.ndarray) -> int:
    """The depth with which the reads of a frame may be spread evenly over as many cycles as it has writes, which are no fewer.

    That is what an engine behind the ring asks for that takes as long for each read.
    """
    reads = (np.arange(FRAMES)[:, None] * writes + np.arange(len(need)) * writes // len(need)).reshape(-1)
    return _held(_late_writes(writes, need, reads, writes), reads, freed)


def _every(steps: np.ndarray, writes: int) -> np.ndarray:
    """``need`` or ``freed`` of all frames."""
    return (np.arange(FRAMES)[:, None] * writes + steps).reshape(-1)


def _late_writes(writes: int, need: np.ndarray, reads: np.ndarray, cycles: int) -> np.ndarray:
    """The latest cycles of all writes with which the reads come in cycles ``reads``: one cycle before the first read that needs it,
    and one before the write behind it."""
    order = np.arange(FRAMES * writes)
    due = np.full(len(order), FRAMES * cycles)
    due[_every(need, writes)[::-1]] = reads[::-1] - 1
    return np.minimum.accumulate((due - order)[::-1])[::-1] + order


def _held(writes: np.ndarray, reads: np.ndarray, freed: np.ndarray) -> int:
    """Most places taken in the typical frame, where a place freed by a read is seen by the writer one cycle later."""
    frame = len(writes) // FRAMES
    done = np.searchsorted(reads, writes - 1, side="right")
    held = np.arange(len(writes)) + 1 - np.concatenate([[0], _every(freed, frame)])[done]
    return int(held[TYPICAL * frame : (TYPICAL + 1) * frame].max())


def _periodic(times: np.ndarray, cycles: int) -> bool:
    """Whether the typical frame repeats the one before it ``cycles`` cycles later."""
    frames = times.reshape(FRAMES, -1)
    return np.array_equal(frames[TYPICAL], frames[TYPICAL - 1] + cycles)
