"""Cycles of a whole accelerator, and the room that beats need between its stages.

Stages are max-plus systems (see ``cores.schedule``), and so is a graph of them: an event happens as soon as its predecessors allow.
Two consequences are used here. A schedule in which no event is early is always possible to undercut, never to miss: so if the beats
of *one* such schedule with one frame per ``interval`` fit into the rooms, the hardware, which runs as early as it can, needs no more
than ``interval`` cycles per frame with the same rooms. And frames stay in order, so nothing that follows can delay the first frame.
"""

from dataclasses import dataclass, replace

import numpy as np

from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.schedule import PortTiming, Schedule
from finnr_rtl.dataflow.stages import Stage, accelerator_inputs, consumers

__all__ = ["Cycles", "early_beats", "predict", "size_rooms"]

UNLIMITED = 1 << 40


@dataclass(frozen=True)
class Cycles:
    """``interval`` cycles per frame in steady state, set by stage ``bottleneck``. After reset, counted from the first beat taken:
    ``latency`` to the first beat given at any output, ``ends`` to the last beat given, at all of them, of each of the first frames."""

    interval: int
    latency: int
    ends: tuple[int, ...]
    bottleneck: str


def _follow(
    stages: list[Stage], schedules: list[Schedule], frames: int, unlimited: bool = False, start: int = 0
) -> dict[str, PortTiming]:
    """Timing of every stage by name over ``frames`` frames, sources offering all they have from ``start`` on and sinks always ready.

    With ``unlimited``, stages that decouple never wait for what is behind them.
    """
    readers = consumers(stages)
    free = {link for stage in stages if unlimited and stage.decouples for link in stage.links}
    drains: dict[str, np.ndarray] = {}
    timings: dict[str, PortTiming] = {}
    stale = {stage.name for stage in stages}
    while stale:
        offers = {link: times for stage in stages if stage.name in timings
                  for link, times in zip(stage.links, timings[stage.name].offered, strict=True)}
        for stage, schedule in zip(stages, schedules, strict=True):
            if stage.name not in stale:
                continue
            beats = [frames * spec.beats for spec in stage.config.inputs]
            offered = [offers.get(link, np.full(count, start)) for link, count in zip(stage.sources, beats, strict=True)]
            timing = schedule.run_ports(offered, [drains.get(link) for link in stage.links])
            for link, times in zip(stage.links, timing.offered, strict=True):
                if link in readers and not np.array_equal(times, offers.get(link)):
                    stale.add(readers[link][0].name)
                offers[link] = times
            timings[stage.name] = timing
        stale = set()
        for stage in stages:
            for link, given in zip(stage.links, timings[stage.name].given, strict=True):
                if link in free or link not in readers:
                    continue
                reader, port = readers[link]
                if not np.array_equal(given, timings[reader.name].taken[port]):
                    drains[link] = timings[reader.name].able[port]
                    stale.add(stage.name)
    return timings


def predict(stages: list[Stage], frames: int = 4) -> Cycles:
    """Exact cycles of an accelerator whose rooms are sized, following ``frames`` frames (2 or more) one by one.

    The interval is that between the last two of them.
    """
    schedules = [stage.config.schedule() for stage in stages]
    intervals = [schedule.interval for schedule in schedules]
    timings = _follow(stages, schedules, frames)
    readers = consumers(stages)
    inputs = [readers[link] for link in accelerator_inputs(stages)]
    start = min(timings[stage.name].taken[port][0] for stage, port in inputs)
    outputs = [times - start for stage in stages for link, times in zip(stage.links, timings[stage.name].given, strict=True)
               if link not in readers]
    ends = np.max([given.reshape(frames, -1)[:, -1] for given in outputs], axis=0).tolist()
    return Cycles(
        interval=ends[-1] - ends[-2],
        latency=int(min(given[0] for given in outputs)),
        ends=tuple(ends),
        bottleneck=stages[intervals.index(max(intervals))].name,
    )


def early_beats(stages: list[Stage]) -> dict[str, int]:
    """Beats of a frame by link that are given without any input: those made of padding alone."""
    never = UNLIMITED
    timings = _follow(stages, [stage.config.schedule() for stage in stages], 1, start=never)
    return {link: int((given < never).sum()) for stage in stages
            for link, given in zip(stage.links, timings[stage.name].given, strict=True)}


def size_rooms(stages: list[Stage], frames: int = 4) -> list[Stage]:
    """The stages with room behind each that decouples, enough for one frame per interval of the slowest stage.

    Every engine is slowed down to the pace of the slowest, spread evenly over the frame; what then waits behind a stage, at most, is
    its room. ``frames`` is how many are followed until the pattern repeats.
    """
    schedules = [stage.config.schedule() for stage in stages]
    interval = max(schedule.interval for schedule in schedules)
    paced = [_at_pace(stage, schedule, interval) for stage, schedule in zip(stages, schedules, strict=True)]
    timings = _follow(stages, paced, frames, unlimited=True)
    readers = consumers(stages)
    sized = []
    for stage, schedule in zip(stages, paced, strict=True):
        if stage.decouples:
            offered = timings[stage.name].offered[0]
            reader, port = readers.get(stage.name, (None, 0))
            taken = timings[reader.name].taken[port] if reader else offered
            # Never less than keeps the engine's own pipeline busy: bursts would wait for places that are only in flight.
            busy = stage.holding(0).config.places if hasattr(stage.config, "slots") else 2
            stage = stage.holding(max(busy, _room(offered - schedule.delay, taken)))
        sized.append(stage)
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
    return int((np.arange(len(launched)) - free).max()) + 1
