"""How many beats a ring must hold so that writing and reading are fast enough together."""

import numpy as np

__all__ = ["smallest_depth"]

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
    every_need = (frame * writes + need).reshape(-1)
    every_freed = np.concatenate([[0], (frame * writes + freed).reshape(-1)])
    steady_reads = (frame * cycles + np.arange(len(need))).reshape(-1)
    steady_writes = (frame * cycles + np.arange(writes)).reshape(-1)
    order = np.arange(len(steady_writes))
    reads = np.arange(len(steady_reads))

    # A write is due one cycle before the first read that needs it, and one before the write behind it.
    due = np.full(len(order), FRAMES * cycles)
    due[every_need[::-1]] = steady_reads[::-1] - 1
    late_writes = np.minimum.accumulate((due - order)[::-1])[::-1] + order
    early_reads = np.maximum.accumulate(steady_writes[every_need] + 1 - reads) + reads

    depths = []
    for write_time, read_time in ((late_writes, steady_reads), (steady_writes, early_reads)):
        if _periodic(write_time, cycles) and _periodic(read_time, cycles):
            # A place freed by a read is seen by the writer one cycle later.
            done = np.searchsorted(read_time, write_time - 1, side="right")
            held = order + 1 - every_freed[done]
            depths.append(int(held[TYPICAL * writes : (TYPICAL + 1) * writes].max()))
    return min(depths)


def _periodic(times: np.ndarray, cycles: int) -> bool:
    """Whether the typical frame repeats the one before it ``cycles`` cycles later."""
    frames = times.reshape(FRAMES, -1)
    return np.array_equal(frames[TYPICAL], frames[TYPICAL - 1] + cycles)
