"""Cycles of a whole accelerator, and the room that beats need between its stages.

Stages are max-plus systems (see ``cores.schedule``), and so is a chain of them: an event happens as soon as its predecessors allow.
Two consequences are used here. A schedule in which no event is early is always possible to undercut, never to miss: so if the beats
of *one* such schedule with one frame per ``interval`` fit into the rooms, the hardware, which runs as early as it can, needs no more
than ``interval`` cycles per frame with the same rooms. And frames stay in order, so nothing that follows can delay the first frame.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.schedule import Schedule, Timing
from finnr_rtl.dataflow.stages import Stage

__all__ = ["Cycles", "predict", "size_rooms"]

UNLIMITED = 1 << 40


@dataclass(frozen=True)
class Cycles:
    """``interval`` cycles per frame in steady state, set by stage ``bottleneck``. After reset, counted from the first beat taken:
    ``latency`` to the first beat given at the output, ``ends`` to the last beat given of each of the first frames."""

    interval: int
    latency: int
    ends: tuple[int, ...]
    bottleneck: str


def _chain(schedules: list[Schedule], offered: np.ndarray) -> list[Timing]:
    """Timing of stages in a row whose first is offered its beats at ``offered`` and whose last has a ready sink."""
    drains: list[np.ndarray | None] = [None] * len(schedules)
    while True:
        timings: list[Timing] = []
        beats = offered
        for schedule, drain in zip(schedules, drains, strict=True):
            timings.append(schedule.run(beats, drain))
            beats = timings[-1].offered
        if all(np.array_equal(before.given, after.taken) for before, after in pairwise(timings)):
            return timings
        drains = [*(after.able for after in timings[1:]), None]


def predict(stages: list[Stage], frames: int = 4) -> Cycles:
    """Exact cycles of an accelerator whose rooms are sized, following ``frames`` frames (2 or more) one by one.

    The interval is that between the last two of them.
    """
    schedules = [stage.config.schedule() for stage in stages]
    intervals = [schedule.interval for schedule in schedules]
    timings = _chain(schedules, np.zeros(frames * schedules[0].beats_in, dtype=np.int64))
    given = timings[-1].given - timings[0].taken[0]
    ends = given.reshape(frames, -1)[:, -1].tolist()
    return Cycles(
        interval=ends[-1] - ends[-2],
        latency=int(given[0]),
        ends=tuple(ends),
        bottleneck=stages[intervals.index(max(intervals))].name,
    )


def size_rooms(stages: list[Stage], frames: int = 4) -> list[Stage]:
    """The stages with room behind each that decouples, enough for one frame per interval of the slowest stage.

    Every engine is slowed down to the pace of the slowest, spread evenly over the frame; what then waits behind a stage, at most, is
    its room. ``frames`` is how many are followed until the pattern repeats.
    """
    schedules = [stage.config.schedule() for stage in stages]
    interval = max(schedule.interval for schedule in schedules)
    sized: list[Stage] = []
    offered = np.zeros(frames * schedules[0].beats_in, dtype=np.int64)
    launched = None
    while len(sized) < len(stages):
        begin = len(sized)
        end = next((i for i in range(begin, len(stages)) if stages[i].decouples), len(stages) - 1) + 1
        timings = _chain([_at_pace(stages[i], schedules[i], interval) for i in range(begin, end)], offered)
        if launched is not None:
            sized[-1] = sized[-1].holding(_room(launched, timings[0].taken))
        sized += stages[begin:end]
        offered = timings[-1].offered
        launched = offered - schedules[end - 1].delay if stages[end - 1].decouples else None
    if launched is not None:
        sized[-1] = sized[-1].holding(_room(launched, offered))
    return sized


def _at_pace(stage: Stage, schedule: Schedule, interval: int) -> Schedule:
    """The schedule of a stage with unlimited room behind it, and of an engine at one frame per ``interval``."""
    if not stage.decouples:
        return schedule
    pace = (1, 1) if isinstance(stage.config, FifoConfig) else (interval, schedule.steps)
    return replace(schedule, slots=UNLIMITED, stretch=pace)


def _room(launched: np.ndarray, taken: np.ndarray) -> int:
    """Most beats launched and not yet free again (a cycle after they are taken), seen at a launch."""
    free = np.searchsorted(taken + 1, launched, side="right")
    return max(2, int((np.arange(len(launched)) - free).max()) + 1)
