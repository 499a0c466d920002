"""How many beats a ring must hold so that writing and reading never wait for each other."""

import numpy as np

__all__ = ["smallest_depth"]


def smallest_depth(writes: int, need: np.ndarray, freed: np.ndarray) -> int:
    """The least depth with which a frame takes no more cycles than the greater of its writes and its reads.

    Arguments as of :class:`finnr_rtl.cores.schedule.WindowSchedule`. The side with more to do is made to work without pause, the
    other one as favourably as it can: writes as late, or reads as early as possible. What is then held, at most, is the depth;
    a smaller ring would break one of these bounds.
    """
    frames = 4
    starts = np.arange(frames)[:, None] * writes
    need = (starts + need).reshape(-1)
    freed = (starts + freed).reshape(-1)
    write = np.arange(frames * writes)
    read = np.arange(len(need))
    if len(need) >= len(write):
        # Reads go on without pause: each write is due before the first read that needs it, and before the writes behind it.
        due = np.full(len(write), len(need))
        np.minimum.at(due, need, read - 1)
        write_time = np.minimum.accumulate((due - write)[::-1])[::-1] + write
        read_time = read
    else:
        write_time = write
        read_time = np.maximum.accumulate(write[need] + 1 - read) + read
    # A place freed by a read is seen by the writer one cycle later.
    count = np.searchsorted(read_time, write_time - 1, side="right")
    free = np.concatenate([[0], freed])[count]
    held = write + 1 - free
    # The frames at both ends lack their neighbours.
    return int(held[2 * writes : 3 * writes].max())
