"""Holds hardware cores with stream ports to their contracts: values, order, and the cycle of every beat.

The file that CORE_BENCH names says what to do, in JSON:

    seed    integer, of all random choices
    cores   list of
        prefix    of the core's ports: those of stream s are <prefix>_<s>__payload, <prefix>_<s>__valid and <prefix>_<s>__ready
        about     its configuration in words, for messages
        inputs    list of input streams
            name
            payloads  of whole frames in hexadecimal
        outputs   list of output streams
            name
            payloads  expected
            extra     payloads that may follow without further input
        runs      list of runs with exact timing; a list of cycles for every stream in
            title
            offered   the cycle from which each input beat is offered
            drain     the cycle from which the sink is ready for each output beat
            taken     the cycle in which each input beat is to be transferred
            given     the cycle in which each output beat is to be transferred

All cores share clk and rst. Cycle 0 is the first one after reset. Nothing stalls in the first run.
"""

import json
import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

# Cycles without any transfer: after the last one to see that no more comes, and until a core counts as stuck.
QUIET = 40
PATIENCE = 2000


class Source:
    """One input stream: offers its payloads from given cycles on, and garbage while it offers none."""

    def __init__(self, dut, prefix, spec):
        self.name = spec["name"]
        self.payloads = [int(payload, 16) for payload in spec["payloads"]]
        self.payload, self.valid, self.ready = _stream(dut, prefix, self.name)
        self.garbage = (1 << len(self.payload)) - 1

    def idle(self):
        self.valid.value = 0
        self.payload.value = 0

    def begin(self, offered):
        """``offered[k]`` is the cycle from which payload k is offered."""
        self.offered = offered
        self.taken = []
        self.shown = None

    @property
    def complete(self):
        return len(self.taken) == len(self.payloads)

    def drive(self, cycle):
        """Before the clock edge."""
        n = len(self.taken)
        valid = n < len(self.payloads) and cycle >= self.offered[n]
        if valid != self.shown:
            self.valid.value = self.shown = int(valid)
            self.payload.value = self.payloads[n] if valid else self.garbage

    def sample(self, cycle):
        """At the clock edge; whether a beat was taken."""
        if not self.shown or self.ready.value != 1:
            return False
        self.taken.append(cycle)
        self.shown = None
        return True


class Sink:
    """One output stream: takes what comes, and compares it with what should."""

    def __init__(self, dut, prefix, spec):
        self.name = spec["name"]
        self.payloads = [int(payload, 16) for payload in spec["payloads"] + spec["extra"]]
        self.payload, self.valid, self.ready = _stream(dut, prefix, self.name)

    def idle(self):
        self.ready.value = 0

    def begin(self, ready):
        """``ready(cycle, beats given)`` tells whether the sink is ready."""
        self.when = ready
        self.given = []
        self.waiting = None
        self.accept = None

    @property
    def complete(self):
        return len(self.given) == len(self.payloads)

    def drive(self, cycle):
        """Before the clock edge."""
        accept = self.when(cycle, len(self.given))
        if accept != self.accept:
            self.ready.value = self.accept = int(accept)

    def sample(self, cycle, what):
        """At the clock edge; whether a beat was given."""
        what = f"{what}: {self.name}"
        if self.valid.value != 1:
            assert self.valid.value == 0, f"{what}: valid is undefined in cycle {cycle}"
            assert self.waiting is None, f"{what}: valid falls in cycle {cycle} although the beat was not taken"
            return False
        payload = int(self.payload.value)
        assert self.waiting is None or payload == self.waiting, f"{what}: payload changes in cycle {cycle} while it waits"
        self.waiting = payload
        if not self.accept:
            return False
        beat = len(self.given)
        assert beat < len(self.payloads), f"{what}: a beat too many, {payload:#x} in cycle {cycle}"
        assert payload == self.payloads[beat], (
            f"{what}: output beat {beat} in cycle {cycle} is {payload:#x}, not {self.payloads[beat]:#x}")
        self.given.append(cycle)
        self.waiting = None
        return True


def _stream(dut, prefix, name):
    return (getattr(dut, f"{prefix}_{name}__{member}") for member in ("payload", "valid", "ready"))


class Core:
    """One core's streams and expectations."""

    def __init__(self, dut, spec):
        self.about = f"{spec['prefix']}: {spec['about']}"
        self.sources = [Source(dut, spec["prefix"], stream) for stream in spec["inputs"]]
        self.sinks = [Sink(dut, spec["prefix"], stream) for stream in spec["outputs"]]
        self.runs = spec["runs"]
        self.edge = RisingEdge(dut.clk)
        self.rst = dut.rst

    def idle(self):
        for stream in (*self.sources, *self.sinks):
            stream.idle()

    async def reset(self, cycles=2):
        """Ends just before cycle 0."""
        self.idle()
        self.rst.value = 1
        for _ in range(cycles):
            await self.edge
        self.rst.value = 0

    async def play(self, title, offered, ready, cycles=None):
        """Feed the inputs and collect what comes. The transfers are then in the sources' ``taken`` and the sinks' ``given``.

        ``offered`` holds for every source, ``ready`` for every sink, what it begins with. Ends after the last beat and a quiet time,
        or after ``cycles`` cycles wherever that is.
        """
        what = f"{self.about} ({title})"
        for source, times in zip(self.sources, offered, strict=True):
            source.begin(times)
        for sink, when in zip(self.sinks, ready, strict=True):
            sink.begin(when)
        streams = (*self.sources, *self.sinks)
        last_offer = max((times[-1] for times in offered if times), default=0)
        cycle, active = 0, 0
        while cycle != cycles:
            if cycles is None and cycle - active > QUIET and all(stream.complete for stream in streams):
                break
            for stream in streams:
                stream.drive(cycle)
            await self.edge
            # A list, so that every stream is sampled.
            moved = [source.sample(cycle) for source in self.sources] + [sink.sample(cycle, what) for sink in self.sinks]
            if any(moved) or cycle < last_offer:
                active = cycle
            assert cycle - active < PATIENCE, f"{what}: stuck in cycle {cycle} after {self._progress()}"
            cycle += 1

    def _progress(self):
        taken = [f"{len(source.taken)} of {len(source.payloads)} beats in on {source.name}" for source in self.sources]
        given = [f"{len(sink.given)} of {len(sink.payloads)} out on {sink.name}" for sink in self.sinks]
        return ", ".join(taken + given)

    async def play_exactly(self, run):
        """Play a run and hold every transfer to its cycle."""
        await self.play(run["title"], run["offered"], [until(times) for times in run["drain"]])
        for source, due in zip(self.sources, run["taken"], strict=True):
            self._compare(f"{self.about} ({run['title']}): {source.name}: input beat", source.taken, due)
        for sink, due in zip(self.sinks, run["given"], strict=True):
            self._compare(f"{self.about} ({run['title']}): {sink.name}: output beat", sink.given, due)

    def _compare(self, what, measured, expected):
        for beat, (is_cycle, due) in enumerate(zip(measured, expected, strict=False)):
            assert is_cycle == due, f"{what} {beat} is transferred in cycle {is_cycle}, due in cycle {due}"

    def random_sources(self, rng, most):
        """Offers with pauses: each source with a probability of its own, up to ``most``, of a pause cycle; none for 0."""
        return [random_offers(rng, len(source.payloads), most and rng.uniform(0.2, most)) for source in self.sources]

    def random_sinks(self, rng, most):
        """Sinks that make up their minds anew every cycle, whether or not a beat waits."""
        return [random_ready(rng, most and rng.uniform(0.2, most)) for _ in self.sinks]


def random_offers(rng, beats, idle):
    cycle, offered = 0, []
    for _ in range(beats):
        while rng.random() < idle:
            cycle += 1
        offered.append(cycle)
        cycle += 1
    return offered


def random_ready(rng, stall):
    return lambda cycle, beat: rng.random() >= stall


def until(times):
    """Ready for each beat from its cycle on, and always after the last."""
    return lambda cycle, beat: beat >= len(times) or cycle >= times[beat]


def begin(dut):
    """The cores with their expectations, and the source of random choices; the clock runs from here on."""
    with open(os.environ["CORE_BENCH"]) as file:
        data = json.load(file)
    Clock(dut.clk, 10, "ns", impl="gpi").start()
    cores = [Core(dut, spec) for spec in data["cores"]]
    for core in cores:
        core.idle()
    return cores, random.Random(data["seed"])


@cocotb.test()
async def exact_cycles(dut):
    """Every beat in its cycle, frames back to back: nothing stalls, then with pauses on either side."""
    cores, _ = begin(dut)
    for core in cores:
        for run in core.runs:
            await core.reset()
            await core.play_exactly(run)


@cocotb.test()
async def random_stalls(dut):
    """Right values in the right order, however sources and sinks pause."""
    cores, rng = begin(dut)
    for core in cores:
        for idle in (0, 0.8):
            for stall in (0, 0.8):
                await core.reset()
                title = f"idle up to {idle}, stall up to {stall}"
                await core.play(title, core.random_sources(rng, idle), core.random_sinks(rng, stall))


@cocotb.test()
async def reset_in_mid_frame(dut):
    """Whatever a core was doing, after reset it starts afresh, on time."""
    cores, rng = begin(dut)
    for core in cores:
        length = max(given[-1] for given in core.runs[0]["given"])
        for _ in range(4):
            await core.reset()
            sources, sinks = core.random_sources(rng, rng.choice((0, 0.5))), core.random_sinks(rng, rng.choice((0, 0.5)))
            await core.play("before reset", sources, sinks, cycles=rng.randint(1, length))
            await core.reset(cycles=rng.choice((1, 2)))
            await core.play_exactly(core.runs[0])
