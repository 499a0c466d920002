"""Schedules keep their own rules, whichever way they are computed."""

from dataclasses import replace

import numpy as np
import pytest
from core_configs import CORES, line_buffer, tight_windows, transpose, windows

from finnr_rtl.cores import schedule, window_schedule
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.schedule import JointSchedule


@pytest.mark.parametrize("name", CORES)
def test_cycles_are_told_from_shapes_alone(name):
    rng = np.random.default_rng(0)
    for _ in range(10):
        config = CORES[name](rng)
        # Rooms of one's own choice may slow a core down; left to it, they do not.
        rooms = {"slots": 0, "depth": 32 if isinstance(config, FifoConfig) else None}
        config = replace(config, **{key: value for key, value in rooms.items() if hasattr(config, key)})
        print(config)
        assert config.cycles == config.schedule().interval


def joint(rng):
    """Up to three inputs and outputs, which take and launch at random steps."""
    steps = int(rng.integers(2, 9))

    def ports():
        return tuple(np.flatnonzero(rng.permutation(steps) < rng.integers(1, steps + 1)) for _ in range(rng.integers(1, 4)))

    slots, release = int(rng.integers(1, 5)), int(rng.integers(0, 2))
    return JointSchedule(steps, ports(), ports(), int(rng.integers(1, 6)), slots, release)


def times(rng, beats, frames=12):
    return [np.cumsum(rng.integers(0, 4, frames * count)) for count in beats]


def runs(seed, count=60):
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for _ in range(count):
        config = joint(rng)
        print(config)
        yield config, times(rng, config.beats_per_input), times(rng, config.beats_per_output)


def test_both_ways_to_compute_agree(monkeypatch):
    for config, offered, drains in runs(seed=1):
        monkeypatch.setattr(schedule, "ROUNDS", 10**6)
        in_rounds = config.run_ports(offered, drains)
        monkeypatch.setattr(schedule, "ROUNDS", 0)
        one_by_one = config.run_ports(offered, drains)
        for field in ("able", "taken", "offered", "given"):
            for a, b in zip(getattr(in_rounds, field), getattr(one_by_one, field), strict=True):
                assert np.array_equal(a, b)


def test_able_is_when_a_beat_offered_early_would_be_taken():
    for config, offered, drains in runs(seed=2, count=20):
        timing = config.run_ports(offered, drains)
        for port, able in enumerate(timing.able):
            assert np.array_equal(timing.taken[port], np.maximum(able, offered[port]))
            beat = len(able) // 2
            # The beats before stay where they are, this one comes as early as it can.
            earlier = [times.copy() for times in offered]
            earlier[port][beat] = earlier[port][beat - 1] if beat else 0
            assert config.run_ports(earlier, drains).able[port][beat] == able[beat]


def test_places_are_never_exceeded():
    for config, offered, drains in runs(seed=3):
        timing = config.run_ports(offered, drains)
        for shown, given in zip(timing.offered, timing.given, strict=True):
            free = np.concatenate([np.zeros(config.slots, dtype=np.int64), given + config.release])
            # A beat that waits behind another was launched earlier than its time of offer tells, but not before its place was free.
            assert np.all(given >= shown) and np.all(np.diff(given) >= 1)
            assert np.all(shown >= free[: len(shown)] + config.delay)


@pytest.mark.parametrize("slots", [1, 3])
def test_few_places_on_long_runs(slots):
    beats = np.arange(20000)
    config = JointSchedule(20000, (beats, beats), (beats,), delay=5, slots=slots, release=1)
    timing = config.run_ports([beats, beats])
    assert timing.given[0][-1] - timing.given[0][0] == 19999 // slots * 6 + 19999 % slots


@pytest.mark.parametrize("seed", range(12))
def test_windows_event_by_event_are_the_same(seed, monkeypatch):
    """The way that is taken where events wait for each other in long rows, as in small rings."""
    rng = np.random.default_rng(seed)
    print(f"seed {seed}")
    schedule = (tight_windows, windows, line_buffer, transpose)[seed % 4](rng).schedule()
    offered = np.cumsum(rng.geometric(0.5, 3 * schedule.beats_per_input[0])) - 1
    drain = np.cumsum(rng.geometric(0.5, 3 * schedule.beats_per_output[0])) - 1
    for times in ((offered, None), (offered, drain), (0 * offered, drain), (0 * offered, None)):
        settled = schedule.run(*times)
        with monkeypatch.context() as patch:
            patch.setattr(window_schedule, "ROUNDS", 0)
            in_order = schedule.run(*times)
        for name in ("able", "taken", "offered", "given"):
            assert np.array_equal(getattr(settled, name), getattr(in_order, name)), name
