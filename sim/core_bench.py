"""Holds hardware cores with one input and one output stream to their contracts: values, order, and the cycle of every beat.

The file that CORE_BENCH names says what to do, in JSON:

    seed    integer, of all random choices
    cores   list of
        prefix    of the core's ports: <prefix>_i__payload, _i__valid, _i__ready and the same with _o
        about     its configuration in words, for messages
        inputs    payloads of whole frames in hexadecimal
        outputs   payloads expected
        extra     payloads that may follow without further input
        runs      list of runs with exact timing:
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


class Core:
    """One core's ports and expectations."""

    def __init__(self, dut, spec):
        self.about = f"{spec['prefix']}: {spec['about']}"
        self.inputs = [int(payload, 16) for payload in spec["inputs"]]
        self.outputs = [int(payload, 16) for payload in spec["outputs"]]
        self.extra = [int(payload, 16) for payload in spec["extra"]]
        self.runs = spec["runs"]
        self.edge = RisingEdge(dut.clk)
        self.rst = dut.rst
        ports = {name: getattr(dut, f"{spec['prefix']}_{name}") for name in
                 ("i__payload", "i__valid", "i__ready", "o__payload", "o__valid", "o__ready")}
        self.i_payload, self.i_valid, self.i_ready = ports["i__payload"], ports["i__valid"], ports["i__ready"]
        self.o_payload, self.o_valid, self.o_ready = ports["o__payload"], ports["o__valid"], ports["o__ready"]
        self.garbage = (1 << len(self.i_payload)) - 1

    def idle(self):
        self.i_valid.value = 0
        self.i_payload.value = 0
        self.o_ready.value = 0

    async def reset(self, cycles=2):
        """Ends just before cycle 0."""
        self.idle()
        self.rst.value = 1
        for _ in range(cycles):
            await self.edge
        self.rst.value = 0

    async def play(self, title, offered, ready, cycles=None):
        """Feed the inputs and collect what comes; returns the cycles of transfers on both sides.

        ``offered[k]`` is the cycle from which input k is offered, ``ready(cycle, beats given)`` tells whether the sink is ready.
        Ends after the last beat and a quiet time, or after ``cycles`` cycles wherever that is.
        """
        what = f"{self.about} ({title})"
        expected = self.outputs + self.extra
        last_offer = offered[-1] if offered else 0
        taken, given = [], []
        waiting = None
        valid_now, ready_now = None, None
        cycle, active = 0, 0
        while cycle != cycles:
            complete = len(taken) == len(self.inputs) and len(given) == len(expected)
            if cycles is None and complete and cycle - active > QUIET:
                break
            n = len(taken)
            valid = n < len(self.inputs) and cycle >= offered[n]
            if valid != valid_now:
                self.i_valid.value = valid_now = int(valid)
                self.i_payload.value = self.inputs[n] if valid else self.garbage
            accept = ready(cycle, len(given))
            if accept != ready_now:
                self.o_ready.value = ready_now = int(accept)
            await self.edge
            if valid and self.i_ready.value == 1:
                taken.append(cycle)
                valid_now = None
            if self.o_valid.value == 1:
                payload = int(self.o_payload.value)
                assert waiting is None or payload == waiting, f"{what}: payload changes in cycle {cycle} while it waits"
                waiting = payload
                if accept:
                    beat = len(given)
                    assert beat < len(expected), f"{what}: a beat too many, {payload:#x} in cycle {cycle}"
                    assert payload == expected[beat], (
                        f"{what}: output beat {beat} in cycle {cycle} is {payload:#x}, not {expected[beat]:#x}")
                    given.append(cycle)
                    waiting = None
            else:
                assert self.o_valid.value == 0, f"{what}: valid is undefined in cycle {cycle}"
                assert waiting is None, f"{what}: valid falls in cycle {cycle} although the beat was not taken"
            if taken[-1:] == [cycle] or given[-1:] == [cycle] or cycle < last_offer:
                active = cycle
            assert cycle - active < PATIENCE, (
                f"{what}: stuck in cycle {cycle} after {len(taken)} of {len(self.inputs)} beats in, "
                f"{len(given)} of {len(expected)} out")
            cycle += 1
        return taken, given

    async def play_exactly(self, run):
        """Play a run and hold every transfer to its cycle."""
        drain = run["drain"]
        taken, given = await self.play(
            run["title"], run["offered"], lambda cycle, beat: beat >= len(drain) or cycle >= drain[beat])
        self._compare(f"{self.about} ({run['title']}): input beat", taken, run["taken"])
        self._compare(f"{self.about} ({run['title']}): output beat", given, run["given"])

    def _compare(self, what, measured, expected):
        for beat, (is_cycle, due) in enumerate(zip(measured, expected, strict=False)):
            assert is_cycle == due, f"{what} {beat} is transferred in cycle {is_cycle}, due in cycle {due}"

    def random_source(self, rng, idle):
        """Offers with pauses: ``idle`` is the probability of a pause cycle."""
        cycle, offered = 0, []
        for _ in self.inputs:
            while rng.random() < idle:
                cycle += 1
            offered.append(cycle)
            cycle += 1
        return offered


def random_sink(rng, stall):
    """A sink that makes up its mind anew every cycle, whether or not a beat waits."""
    return lambda cycle, beat: rng.random() >= stall


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
    """Right values in the right order, however source and sink pause."""
    cores, rng = begin(dut)
    for core in cores:
        for idle in (0, rng.uniform(0.2, 0.8)):
            for stall in (0, rng.uniform(0.2, 0.8)):
                await core.reset()
                title = f"idle {idle:.2f}, stall {stall:.2f}"
                await core.play(title, core.random_source(rng, idle), random_sink(rng, stall))


@cocotb.test()
async def reset_in_mid_frame(dut):
    """Whatever a core was doing, after reset it starts afresh, on time."""
    cores, rng = begin(dut)
    for core in cores:
        length = core.runs[0]["given"][-1]
        for _ in range(4):
            await core.reset()
            offered = core.random_source(rng, rng.choice((0, 0.5)))
            await core.play("before reset", offered, random_sink(rng, rng.choice((0, 0.5))), cycles=rng.randint(1, length))
            await core.reset(cycles=rng.choice((1, 2)))
            await core.play_exactly(core.runs[0])
