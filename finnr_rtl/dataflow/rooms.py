"""The least room between stages, and in their rings, with which the slowest stage never waits.

A schedule in which every frame repeats the one before ``interval`` cycles later is all it takes: the hardware runs as early as it can, and
so never falls behind it (see :mod:`finnr_rtl.dataflow.timing`). There is such a schedule unless events wait for themselves in a circle. It
is found where the earliest times that follow from one event of the slowest stage do not exceed the latest ones that do.
"""

from dataclasses import replace

import numpy as np

from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.ram import free_words
from finnr_rtl.cores.schedule import Schedule
from finnr_rtl.cores.walk import WalkConfig
from finnr_rtl.dataflow.delays import NEVER, Delays, GivenUp, Overdue
from finnr_rtl.dataflow.events import EventGraph, Room, Wait
from finnr_rtl.dataflow.stages import Stage

__all__ = ["size_rooms"]

UNLIMITED = 1 << 40
# Delays computed to find out about one number of places, and about all, before what is known must do.
EFFORT, TOTAL_EFFORT = 100_000_000, 800_000_000


def size_rooms(stages: list[Stage]) -> list[Stage]:
    """The stages with the least room behind each that decouples, and in each ring, for one frame per interval of the slowest stage.

    No single one can be smaller while the others are as they are, as ``Stage.tight`` tells. Memories that cost most are made smaller
    first. A ring holds more where that is free. Very large maps may take too long: then what is sufficient remains, with ``tight`` None.
    """
    interval = max(stage.config.schedule().work for stage in stages)
    rooms = _sufficient(stages, interval)
    search = _Search(stages, rooms, interval)
    tight = {}
    by_cost = sorted(rooms, key=lambda stage: -rooms[stage] * stage.config.output.width)
    for stage in by_cost:
        tight[stage] = search.shrink(stage)
    return [stage.holding(rooms[stage], tight[stage]) if stage in rooms else stage for stage in stages]


def _sufficient(stages: list[Stage], interval: int) -> dict[Stage, int]:
    """Room enough, by stage, where there is any: every engine is slowed down to the pace of the slowest, spread evenly over the frame, and
    takes the most that then waits behind it. Rings are as large as their own full speed asks for, or twice that, and so on: a reader that
    never pauses must not wait while rows are written that it passes over."""
    graph = EventGraph(stages, [_at_pace(stage, interval) for stage in stages])
    rings = {stage: stage.room for stage in stages if isinstance(stage.config, WalkConfig)}
    while True:
        delays = Delays(graph.chains, [np.zeros(len(chain.place), dtype=np.int64) for chain in graph.chains], interval)
        delays.replace("", [*graph.waits, *(wait for stage, words in rings.items() for wait in graph.rooms[stage.name].waits(words))])
        try:
            delays.settle(range(len(graph.chains)))
            break
        except Overdue:
            rings = {stage: 2 * words for stage, words in rings.items()}
    rooms = {}
    for stage in stages:
        if stage in rings:
            rooms[stage] = rings[stage]
        elif stage.decouples:
            room = graph.rooms[stage.name]
            # Never less than keeps the engine's own pipeline busy: bursts would wait for places that are only in flight.
            busy = 2 if isinstance(stage.config, FifoConfig) else stage.holding(0).room
            rooms[stage] = max(busy, room.places(delays.times(room.enter), delays.times(room.leave), interval))
    return rooms


def _at_pace(stage: Stage, interval: int) -> Schedule:
    """The schedule of a stage with unlimited room behind it, and of an engine at one frame per ``interval``."""
    schedule = stage.config.schedule()
    if not stage.decouples:
        return schedule
    pace = (1, 1) if isinstance(stage.config, FifoConfig) else (interval, schedule.steps)
    return replace(schedule, slots=UNLIMITED, stretch=pace)


class _Search:
    """``rooms`` by stage, to be made smaller one by one.

    Of all events the ``earliest`` times are kept that follow when the slowest chain runs without pause from 0 on, and the ``latest`` with
    which it still can: those are the earliest with time ``reversed``, negative.
    """

    def __init__(self, stages: list[Stage], rooms: dict[Stage, int], interval: int):
        self.graph = EventGraph(stages)
        self.interval = interval
        self.rooms = rooms
        self.effort = 0
        chains = self.graph.chains
        slowest = next(index for index, chain in enumerate(chains) if chain.period == interval)
        waits = {"": self.graph.waits} | {stage.name: list(self._room(stage).waits(places)) for stage, places in rooms.items()}
        self.earliest = self._from(slowest, 0, chains, waits)
        back = {name: self._reversed(some) for name, some in waits.items()}
        # The slowest chain has no slack: its first event at 0 is its last at interval - 1.
        self.reversed = self._from(slowest, 1 - interval, [chain.reversed for chain in chains], back)
        self.latest = [self._latest(index) for index in range(len(chains))]

    def _room(self, stage: Stage) -> Room:
        return self.graph.rooms[stage.name]

    def _from(self, slowest, delay, chains, waits) -> Delays:
        start = [np.full(len(chain.place), -NEVER) for chain in chains]
        start[slowest][:] = delay
        delays = Delays(chains, start, self.interval)
        for name, some in waits.items():
            delays.replace(name, some)
        delays.settle([slowest])
        return delays

    def _reversed(self, waits) -> list[Wait]:
        return [wait.reversed(self.graph.chains) for wait in waits]

    def _latest(self, chain: int) -> np.ndarray:
        """Latest delays of a chain."""
        return -(self.reversed.delays[chain] + self.reversed.chains[chain].place)[::-1] - self.graph.chains[chain].place

    def shrink(self, stage: Stage) -> bool | None:
        """Give a stage the least room; whether it is tight, as :class:`Stage` says."""
        room, least = self._room(stage), stage.config.footprint if isinstance(stage.config, WalkConfig) else 1
        entered = self.latest[room.enter.chain][room.enter.events] + self.graph.chains[room.enter.chain].place[room.enter.events]
        # However early places are left and late they are entered, it takes as many.
        low = max(least, room.places(entered, self.earliest.times(room.leave), self.interval))
        high, found, known = self.rooms[stage], None, True
        # Steps that grow until one goes too far: what is enough is found out sooner than what is not.
        step = 1
        while low < high and not self._free(stage, low, high):
            middle = max(low, high - step) if step else (low + high) // 2
            trial = self._trial(stage, middle)
            if trial:
                high, found, step = middle, trial, 2 * step
            else:
                # Where it is not known whether so many do, more may.
                low, known, step = middle + 1, trial is False, 0
        tight = high > least if known else None
        if isinstance(stage.config, WalkConfig):
            words = max(high, min(self.rooms[stage], free_words(high, stage.config.input.width)))
            if high < words < self.rooms[stage]:
                found = self._trial(stage, words)
            high, tight = (words, False) if words > low else (high, tight)
        if high < self.rooms[stage]:
            if not found:
                return None
            self._settle(stage, high, found)
        return tight

    def _free(self, stage: Stage, low: int, high: int) -> bool:
        """Whether ``high`` places are a ring's that costs no more than one of ``low``."""
        return isinstance(stage.config, WalkConfig) and free_words(low, stage.config.input.width) >= high

    def _trial(self, stage: Stage, places: int) -> Delays | bool | None:
        """Earliest times with ``places`` for a stage; False where there are none, None where that took too long."""
        trial = self.earliest.trial()
        trial.replace(stage.name, self._room(stage).waits(places))
        try:
            trial.settle([self._room(stage).leave.chain], self.latest, min(EFFORT, TOTAL_EFFORT - self.effort))
        except Overdue:
            return False
        except GivenUp:
            return None
        finally:
            self.effort += trial.effort
        return trial

    def _settle(self, stage: Stage, places: int, earliest: Delays):
        """A stage has so many ``places`` from now on."""
        self.rooms[stage] = places
        self.earliest = earliest
        waits = self._reversed(self._room(stage).waits(places))
        before = self.reversed
        self.reversed = before.trial()
        self.reversed.replace(stage.name, waits)
        self.reversed.settle({wait.before.chain for wait in waits})
        for chain, (old, new) in enumerate(zip(before.delays, self.reversed.delays, strict=True)):
            if new is not old:
                self.latest[chain] = self._latest(chain)
