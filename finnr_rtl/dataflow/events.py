"""Every event of a frame of an accelerator, and which waits for which: the token-level model, without data.

A core is one or two *chains* of events that follow each other at least so many cycles apart, frame after frame (see
:mod:`finnr_rtl.cores.schedule`): the steps of a walk, or the writes and the reads of a ring. *Waits* join them, within a core and between
cores. A beat that passes a link is one event: the step of the reader that takes it. Waits for beats go with the stream; waits for
places, of which there is a limited number, go against it.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from finnr_rtl.cores.schedule import JointSchedule, Schedule, StepSchedule
from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.cores.window_schedule import WindowSchedule
from finnr_rtl.dataflow.stages import Stage, accelerator_inputs

__all__ = ["Chain", "EventGraph", "Port", "Room", "Wait"]


@dataclass(frozen=True, eq=False)
class Chain:
    """Events in order: event k comes ``place[k] - place[k - 1]`` cycles or more behind the one before (int64, rising from 0 or more), and
    every event comes ``period`` cycles or more behind the same of the frame before."""

    place: np.ndarray
    period: int

    @property
    def reversed(self) -> "Chain":
        """The same with time running backwards, the last event first."""
        return Chain(self.period - 1 - self.place[::-1], self.period)


@dataclass(frozen=True, eq=False)
class Port:
    """Where beats leave or enter a chain, by its number: beat k of a frame with event ``events[k]`` (int64, rising)."""

    chain: int
    events: np.ndarray


@dataclass(frozen=True, eq=False)
class Wait:
    """Each event of ``after`` comes ``cycles`` or more behind that of ``before``, of the frame ``lag`` frames earlier."""

    before: Port
    after: Port
    cycles: int
    lag: int = 0

    def reversed(self, chains: list[Chain]) -> "Wait":
        """The same between the reversed ``chains``."""
        before, after = (Port(port.chain, len(chains[port.chain].place) - 1 - port.events[::-1]) for port in (self.before, self.after))
        return Wait(after, before, self.cycles, self.lag)


@dataclass(frozen=True, eq=False)
class Room:
    """A place is taken with every event of ``enter``, and free again ``cycles`` after that of ``leave``; how many there are is open.

    In a ring, places are taken by writes, and ``freed`` counts those of a frame that are free after each read, as in
    :class:`finnr_rtl.cores.window_schedule.WindowSchedule`; without it, each event of ``leave`` frees one.
    """

    enter: Port
    leave: Port
    cycles: int
    freed: np.ndarray | None = None

    @property
    def beats(self) -> int:
        """Places taken in a frame."""
        return len(self.enter.events)

    def waits(self, places: int) -> Iterator[Wait]:
        """What it means that there are ``places`` (1 or more)."""
        # Event k needs the first that frees place k - places of the endless row, which lies in an earlier frame where that is negative.
        lag, place = divmod(np.arange(self.beats) - places, self.beats)
        lags = -lag
        reads = place if self.freed is None else np.searchsorted(self.freed, place + 1)
        for lag in range(int(lags[-1]), int(lags[0]) + 1):
            # Of several that wait for one event the first is enough: the others follow it.
            which = np.flatnonzero(lags == lag)
            read = reads[which]
            first = np.append(True, read[1:] != read[:-1])
            which, read = which[first], read[first]
            yield Wait(Port(self.leave.chain, self.leave.events[read]), Port(self.enter.chain, self.enter.events[which]), self.cycles, lag)

    def places(self, entered: np.ndarray, left: np.ndarray, interval: int) -> int:
        """The least places with which ``enter`` may happen at times ``entered`` and ``leave`` at ``left``, every ``interval`` cycles anew;
        below 1 where the one is that much later than the other."""
        frames, within = np.divmod(entered - left[0] - self.cycles, interval)
        freed = np.arange(1, self.beats + 1) if self.freed is None else self.freed
        free = np.append(0, freed)[np.searchsorted(left - left[0], within, side="right")] + frames * self.beats
        return int((np.arange(1, self.beats + 1) - free).max())


class EventGraph:
    """Chains and waits of ``stages``; ``schedules`` are theirs, or slowed down.

    ``chains`` go by their number. ``waits`` are those that hold always; ``rooms``, by stage, those that depend on the room behind a stage
    that decouples, or in the ring of a walk. ``inputs`` are the accelerator's, by link, ``taken`` the links between stages and the
    accelerator's outputs, whose sinks are always ready: the events at which beats pass. ``steps`` are the chains of each stage by name.
    """

    def __init__(self, stages: list[Stage], schedules: list[Schedule] | None = None):
        self.stages = stages
        self.schedules = schedules or [stage.config.schedule() for stage in stages]
        self.chains: list[Chain] = []
        self.waits: list[Wait] = []
        self.rooms: dict[str, Room] = {}
        self.steps: dict[str, list[int]] = defaultdict(list)
        self.taken: dict[str, Port] = {}
        self.outputs: dict[str, Port] = {}
        gives = {}
        for stage, schedule in zip(stages, self.schedules, strict=True):
            takes, launches = self._core(stage, schedule)
            self.taken |= dict(zip(stage.sources, takes, strict=True))
            gives |= {link: (stage, schedule, port) for link, port in zip(stage.links, launches, strict=True)}
        self.inputs = {link: self.taken[link] for link in accelerator_inputs(stages)}
        for link, (stage, schedule, port) in gives.items():
            self._link(link, stage, schedule, port)

    def _core(self, stage: Stage, schedule: Schedule) -> tuple[list[Port], list[Port]]:
        """Chains of a core; its inputs and outputs."""
        match schedule:
            case WindowSchedule():
                write = self._chain(stage.name, np.arange(schedule.writes), schedule.writes)
                reads = np.arange(schedule.steps)
                over, under = schedule.stretch
                read = self._chain(stage.name, reads * over // under, schedule.steps * over // under)
                # Of the reads that need a write, or one before it, the first is enough.
                first = np.flatnonzero(schedule.need > np.maximum.accumulate(np.append(-1, schedule.need))[:-1])
                self.waits.append(Wait(Port(write, schedule.need[first]), Port(read, first), 1))
                ring = Room(Port(write, np.arange(schedule.writes)), Port(read, reads), 1, schedule.freed)
                if isinstance(stage.config, WalkConfig):
                    self.rooms[stage.name] = ring
                else:
                    self.waits.extend(ring.waits(schedule.depth))
                return [Port(write, schedule.consume)], [Port(read, reads if schedule.produce is None else schedule.produce)]
            case JointSchedule():
                consume, produce = schedule.consume, schedule.produce
            case StepSchedule():
                consume, produce = (schedule.consume,), (schedule.produce,)
            case _:
                raise TypeError(f"stage {stage.name}: no events are known of a {type(schedule).__name__}")
        # All of them rise, which a stable sort of the row of them makes use of; np.unique would hash.
        merged = np.sort(np.concatenate([*consume, *produce]), kind="stable")
        steps = merged[np.append(True, merged[1:] != merged[:-1])]
        over, under = schedule.stretch
        chain = self._chain(stage.name, steps * over // under, schedule.steps * over // under)
        return tuple([Port(chain, np.searchsorted(steps, at)) for at in ports] for ports in (consume, produce))

    def _chain(self, name: str, place: np.ndarray, period: int) -> int:
        self.chains.append(Chain(place, period))
        self.steps[name].append(len(self.chains) - 1)
        return len(self.chains) - 1

    def _link(self, link: str, stage: Stage, schedule: Schedule, launch: Port):
        """Waits between the steps that launch the beats of a link and those that take them."""
        if link not in self.taken:
            beats = len(launch.events)
            self.chains.append(Chain(np.arange(beats), beats))
            self.taken[link] = self.outputs[link] = Port(len(self.chains) - 1, np.arange(beats))
        self.waits.append(Wait(launch, self.taken[link], schedule.delay))
        room = Room(launch, self.taken[link], schedule.release)
        if stage.decouples:
            self.rooms[stage.name] = room
        else:
            self.waits.extend(room.waits(schedule.slots))
