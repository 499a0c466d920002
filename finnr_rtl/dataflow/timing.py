"""Cycles of a whole accelerator, and what sets them.

Stages are max-plus systems (see :mod:`finnr_rtl.cores.schedule`), and so is a graph of them: an event happens as soon as its predecessors
allow. Hence no schedule that keeps the rules is ever ahead of the hardware. Frames stay in order, so what comes later delays no frame.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from finnr_rtl.cores.concat import ConcatConfig
from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cores.dwc import WidthConverterConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.fork import ForkConfig
from finnr_rtl.cores.line_buffer import LineBufferConfig
from finnr_rtl.cores.padding import PaddingConfig
from finnr_rtl.cores.split import SplitConfig
from finnr_rtl.cores.stuffing import StuffingConfig
from finnr_rtl.cores.transpose import TransposeConfig
from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.dataflow.delays import NEVER, Delays, GivenUp
from finnr_rtl.dataflow.events import EventGraph, Wait
from finnr_rtl.dataflow.sequence import InOrder
from finnr_rtl.dataflow.stages import Stage, accelerator_inputs, accelerator_outputs

__all__ = ["Cycles", "early_beats", "kind", "predict"]

# Cores that pass beats on as they are, or more or fewer of them.
MOVERS = (ConcatConfig, FifoConfig, ForkConfig, PaddingConfig, SplitConfig, StuffingConfig, TransposeConfig, WidthConverterConfig)
# Computing delays is worth so many for each event of a frame, before events are rather taken one by one.
EFFORT = 400
# Frames after which it is enough that bottleneck and outputs keep the interval, and after which no further one is followed.
MOST_FRAMES, LAST_FRAMES = 12, 48


@dataclass(frozen=True)
class Cycles:
    """Cycles of an accelerator that is never kept waiting: sources offer all they have, sinks are always ready.

    ``interval`` cycles per frame in steady state, set by stage ``bottleneck``, the first of the slowest in the order of the stream. What is
    at its ``limit`` there: the "input port" or "output port" where a bus of the accelerator passes a beat of it in every cycle; else the
    "window" (a ring is written or read in every cycle), the "stream" (a converter, FIFO or the like passes a beat in every cycle) or
    "compute", an engine.

    After reset, counted from the first beat taken: ``latency`` to the first beat given at any output; ``ends`` to the last beat given, at
    all of them, of each of the first frames; ``fill`` until the bottleneck has waited for the last time: it works in every cycle from then
    on. ``fills`` has the same of every stage by name, the cycles until its busiest part is steady: whatever that does from then on, it
    repeats every ``interval``. None where it does not in the frames followed, which with rooms of the right size are enough for the
    bottleneck.
    """

    interval: int
    latency: int
    ends: tuple[int, ...]
    bottleneck: str
    limit: str
    fill: int | None
    fills: Mapping[str, int | None] = field(default_factory=dict)

    def gap(self, frames: int) -> int | None:
        """Cycles between the ends of the last two of ``frames`` frames after reset, which is ``interval`` from some frame on; None for one
        frame."""
        if frames < 2:
            return None
        return self.ends[frames - 1] - self.ends[frames - 2] if frames <= len(self.ends) else self.interval


def predict(stages: list[Stage], frames: int = 4) -> Cycles:
    """Exact cycles of an accelerator whose rooms are sized, following ``frames`` frames (2 or more) or, where not everything repeats
    after so many, some more.

    The interval is that between the last two of them. With rooms smaller than those of :func:`finnr_rtl.dataflow.rooms.size_rooms`, no
    frame may ever repeat the one before: then it is the mean of the later half, rounded up. Raises ``ValueError`` where rooms are so small
    that the accelerator stands still.
    """
    graph = EventGraph(stages)
    work = [schedule.work for schedule in graph.schedules]
    bottleneck = stages[work.index(max(work))]
    busiest = {name: max(chains, key=lambda chain: graph.chains[chain].period) for name, chains in graph.steps.items()}
    memory = max((wait.lag for wait in _waits(graph)), default=1)
    followed: list[Delays] = []
    ends: list[int] = []
    for frame in _frames(graph):
        followed.append(frame)
        ends.append(max(int(frame.times(port)[-1]) for port in graph.outputs.values()))
        if len(followed) < frames:
            continue
        interval = ends[-1] - ends[-2]
        if _repeats(followed, memory):
            break
        if len(followed) >= MOST_FRAMES and interval == max(work) and _steady(followed, busiest[bottleneck.name], interval) is not None:
            break
        if len(followed) >= LAST_FRAMES:
            half = LAST_FRAMES // 2
            interval = -(-(ends[-1] - ends[-1 - half]) // half)
            break
    start = min(int(followed[0].times(port)[0]) for port in graph.inputs.values())
    steady = {name: _steady(followed, chain, interval) for name, chain in busiest.items()}
    fills = {name: None if at is None else max(0, at - start) for name, at in steady.items()}
    return Cycles(
        interval=interval,
        latency=min(int(followed[0].times(port)[0]) for port in graph.outputs.values()) - start,
        ends=tuple(end - start for end in ends),
        bottleneck=bottleneck.name,
        limit=_limit(stages, bottleneck),
        fill=fills[bottleneck.name],
        fills=fills,
    )


def early_beats(stages: list[Stage]) -> dict[str, int]:
    """Beats of a frame by link that are given without any input: those made of padding alone."""
    graph = EventGraph(stages)
    frame = next(_frames(graph, start=NEVER))
    links = [link for stage in stages for link in stage.links]
    return {link: int((frame.times(graph.taken[link]) < NEVER).sum()) for link in links}


def _waits(graph: EventGraph) -> list[Wait]:
    """All waits, with the rooms that the stages have."""
    return [*graph.waits, *(wait for stage in graph.stages if stage.name in graph.rooms
                            for wait in graph.rooms[stage.name].waits(stage.room))]


def _frames(graph: EventGraph, start: int = 0) -> Iterator[Delays]:
    """Delays of every event, frame by frame from reset on; inputs are offered from ``start`` on."""
    chains, waits = graph.chains, _waits(graph)
    within, inside = Delays(chains, []), [wait for wait in waits if not wait.lag]
    within.replace("", inside)
    limit, in_order = EFFORT * sum(len(chain.place) for chain in chains), None
    across = [wait for wait in waits if wait.lag]
    before: list[Delays] = []
    while True:
        frame = within.trial()
        frame.delays = [np.full(len(chain.place), before[-1].delays[index][-1] + chain.period if before else 0)
                        for index, chain in enumerate(chains)]
        for port in graph.inputs.values():
            delay = frame.delays[port.chain]
            delay[port.events] = np.maximum(delay[port.events], start - chains[port.chain].place[port.events])
        for wait in across:
            if wait.lag <= len(before):
                events, delay = wait.after.events, frame.delays[wait.after.chain]
                least = before[-wait.lag].times(wait.before) + wait.cycles - chains[wait.after.chain].place[events]
                delay[events] = np.maximum(delay[events], least)
        for delay in frame.delays:
            np.maximum.accumulate(delay, out=delay)
        if in_order is None:
            start_delays = list(frame.delays)
            try:
                frame.settle(range(len(chains)), limit=limit)
            except GivenUp:
                in_order, frame.delays = InOrder(chains, inside), start_delays
        if in_order is not None:
            frame.delays = in_order.delays(frame.delays)
        before.append(frame)
        yield frame


def _repeats(frames: list[Delays], memory: int) -> bool:
    """Whether each of the last frames, as many as are remembered, is as the one before, everything equally much later."""
    later = {int(gap) for before, after in pairwise(frames[-1 - memory :])
             for a, b in zip(before.delays, after.delays, strict=True) for gap in ((b - a).min(), (b - a).max())}
    return len(frames) > memory and len(later) == 1


def _steady(frames: list[Delays], chain: int, interval: int) -> int | None:
    """When the event of a chain happens from which on all are repeated every ``interval``; None where that is not seen."""
    place, first = frames[0].chains[chain].place, (frames[0], 0)
    for before, after in pairwise(frames):
        late = np.flatnonzero(after.delays[chain] - before.delays[chain] != interval)
        if len(late):
            event = int(late[-1]) + 1
            first = (before, event) if event < len(place) else (after, 0)
            if after is frames[-1]:
                return None
    frame, event = first
    return int(frame.delays[chain][event] + place[event])


def _limit(stages: list[Stage], bottleneck: Stage) -> str:
    """What is at its limit in the slowest stage."""
    config, work = bottleneck.config, bottleneck.config.schedule().work
    inputs, outputs = accelerator_inputs(stages), accelerator_outputs(stages)
    if any(link in bottleneck.sources and spec.beats == work for link, spec in inputs.items()):
        return "input port"
    if any(link in bottleneck.links and spec.beats == work for link, spec in outputs.items()):
        return "output port"
    return kind(config)


def kind(config: CoreConfig) -> str:
    """What a core spends its cycles on: "window", "stream" or "compute", as in :class:`Cycles`."""
    if isinstance(config, WalkConfig | LineBufferConfig):
        return "window"
    return "stream" if isinstance(config, MOVERS) else "compute"
