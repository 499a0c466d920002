"""Delays are the least that keep all waits, and where there are none, that is found out soon."""

import numpy as np
import pytest

from finnr_rtl.dataflow.delays import NEVER, Delays, GivenUp, Overdue
from finnr_rtl.dataflow.events import Chain, Port, Wait

INTERVAL = 40


def chain(rng, events: int) -> Chain:
    """Often one that never pauses."""
    period = INTERVAL if rng.random() < 0.5 else int(rng.integers(events, INTERVAL + 1))
    return Chain(np.sort(rng.choice(period, events, replace=False)), period)


def wait(rng, chains: list[Chain]) -> Wait:
    before, after = rng.choice(len(chains), 2, replace=False).tolist()
    count = int(rng.integers(1, 1 + min(len(chains[before].place), len(chains[after].place))))
    ports = [Port(index, np.sort(rng.choice(len(chains[index].place), count, replace=False))) for index in (before, after)]
    return Wait(*ports, int(rng.integers(1, 4)), int(rng.integers(0, 3)))


def least(chains: list[Chain], waits: list[Wait]) -> list[np.ndarray] | None:
    """The delays, one wait after the other until nothing changes; None where that has no end."""
    delays = [np.zeros(len(chain.place), dtype=np.int64) for chain in chains]
    for _ in range(200):
        before = [delay.copy() for delay in delays]
        for one in waits:
            place = [chains[port.chain].place[port.events] for port in (one.before, one.after)]
            gain = place[0] - place[1] + one.cycles - one.lag * INTERVAL
            np.maximum.at(delays[one.after.chain], one.after.events, delays[one.before.chain][one.before.events] + gain)
        for chain, delay in zip(chains, delays, strict=True):
            delay[0] = max(delay[0], delay.max() + chain.period - INTERVAL)
            np.maximum.accumulate(delay, out=delay)
        if all(np.array_equal(a, b) for a, b in zip(before, delays, strict=True)):
            return delays
    return None


@pytest.mark.parametrize("seed", range(60))
def test_delays_are_the_least_there_are(seed):
    rng = np.random.default_rng(seed)
    chains = [chain(rng, int(rng.integers(1, 20))) for _ in range(int(rng.integers(3, 10)))]
    waits = [wait(rng, chains) for _ in range(int(rng.integers(2, 12)))]
    wanted = least(chains, waits)
    delays = Delays(chains, [np.zeros(len(chain.place), dtype=np.int64) for chain in chains], INTERVAL)
    delays.replace("", waits)
    deadlines = [np.full(len(chain.place), NEVER) for chain in chains] if rng.random() < 0.7 or wanted is None else None
    try:
        delays.settle(range(int(rng.integers(1, len(chains)))) if wanted is None else range(len(chains)), deadlines, limit=10_000_000)
    except Overdue:
        assert wanted is None
    else:
        assert wanted is None or all(np.array_equal(a, b) for a, b in zip(delays.delays, wanted, strict=True))


def two(events: int, forward: int, back: int, lag: int) -> Delays:
    """Two chains that never pause, each event of which waits for the other's, in rows as long as a frame."""
    chains = [Chain(np.arange(events), events)] * 2
    delays = Delays(chains, [np.zeros(events, dtype=np.int64)] * 2, events)
    every = np.arange(events)
    waits = [Wait(Port(0, every), Port(1, every), forward)]
    waits += [Wait(Port(1, every[: events - lag]), Port(0, every[lag:]), back), Wait(Port(1, every[-lag:]), Port(0, every[:lag]), back, 1)]
    delays.replace("", waits)
    return delays


def test_a_circle_is_found_behind_chains_that_never_pause():
    """One cycle more each time round, and no deadline."""
    delays = two(1000, 3, 2, 4)
    with pytest.raises(Overdue):
        delays.settle([0], [np.full(1000, NEVER)] * 2, limit=200_000)


def test_long_rows_of_waits_take_few_steps():
    """Chains that are ahead by all there is to a frame catch up with each other at once."""
    events = 2000
    chains = [Chain(np.arange(events), events)] * 2
    delays = Delays(chains, [np.zeros(events, dtype=np.int64)] * 2, 4 * events)
    every = np.arange(events)
    delays.replace("", [Wait(Port(0, every), Port(1, every), 1), Wait(Port(1, every[:-1]), Port(0, every[1:]), 1)])
    delays.settle([0], limit=500_000)
    assert delays.times(Port(1, every)).tolist() == (2 * every + 1).tolist()


def test_effort_has_its_limit():
    with pytest.raises(GivenUp):
        two(1000, 3, 1, 4).settle([0, 1], limit=100)
