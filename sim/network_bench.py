"""cocotb tests of a whole accelerator: every beat of every link, cycles per frame, latency; with and without stalls; after reset.

Works on ``tb.v``, which holds stimulus and checks, so a run is a handful of events here. ``expected.json`` in the folder named by
``NETWORK_BENCH`` tells what to expect; ``results.json`` and, while a test runs, ``progress.json`` are written there.
"""

import itertools
import json
import os
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

PERIOD = 2
FOLDER = Path(os.environ.get("NETWORK_BENCH", "."))
EXPECTED = json.loads((FOLDER / "expected.json").read_text())


async def start(dut, source_stall=0, sink_stall=0, seed=1, source_hold=0, sink_hold=0):
    """Clock, one reset, stall probabilities in 1/256 and how many cycles longer than one each decision holds."""
    dut.source_stall.value, dut.sink_stall.value, dut.seed.value = source_stall, sink_stall, seed
    dut.source_hold.value, dut.sink_hold.value = source_hold, sink_hold
    dut.link_select.value, dut.frame_select.value = 0, 0
    Clock(dut.clk, PERIOD, "ns", impl="gpi").start()
    await reset(dut)


async def reset(dut):
    """Hold reset for a few cycles."""
    dut.resetn.value = 0
    for _ in range(4):
        await RisingEdge(dut.clk)
    dut.resetn.value = 1


async def finish(dut, run, limit):
    """Wait for the last beat of every link, telling the progress now and then; gives up after ``limit`` cycles."""
    chunk = max(200, min(20_000, limit // 200))
    waited = 0
    while not int(dut.done.value) and waited < limit:
        await Timer(chunk * PERIOD, "ns")
        waited += chunk
        (FOLDER / "progress.json").write_text(json.dumps({"run": run, "frames": int(dut.frames_done.value), "cycles": waited}))
    # Beats too many would still come now.
    await Timer(50 * PERIOD, "ns")


async def read(dut):
    """All counters, and the cycles of every frame."""
    links = []
    for index, link in enumerate(EXPECTED["links"]):
        dut.link_select.value = index
        await Timer(1, "ps")
        links.append({
            "name": link["name"],
            "beats": int(dut.link_beats.value),
            "mismatches": int(dut.link_mismatches.value),
            "first_mismatch": int(dut.link_first_mismatch.value),
            "unstable": int(dut.link_unstable.value),
        })
    frames = []
    for index in range(min(EXPECTED["frames"], int(dut.frames_done.value))):
        dut.frame_select.value = index
        await Timer(1, "ps")
        frames.append([int(dut.frame_start.value), int(dut.frame_first.value), int(dut.frame_end.value)])
    return {"links": links, "frames": frames, "frames_done": int(dut.frames_done.value), "tlast_errors": int(dut.tlast_errors.value),
            "cycles": int(dut.cycle.value)}


def faults(result):
    """What is wrong with the values of a run, in sentences."""
    found = []
    for link, got in zip(EXPECTED["links"], result["links"], strict=True):
        if got["mismatches"]:
            found.append(f"{link['name']}: {got['mismatches']} beats differ, the first is beat {got['first_mismatch']}")
        # Only what is made of padding alone may come before the frame it belongs to.
        if not link["beats"] <= got["beats"] <= link["beats"] + link["early"]:
            found.append(f"{link['name']}: {got['beats']} beats of {link['beats']}")
        if got["unstable"]:
            found.append(f"{link['name']}: {got['unstable']} times payload or valid changed before it was taken")
    if result["tlast_errors"]:
        found.append(f"tlast at the output wrong {result['tlast_errors']} times")
    return found


def record(run, result, found):
    """Add a run to ``results.json``."""
    path = FOLDER / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    results[run] = {**result, "faults": found}
    path.write_text(json.dumps(results, indent=1))
    assert not found, "; ".join(found[:10])


@cocotb.test()
async def back_to_back(dut):
    """Nothing stalls: values, cycles per frame once the pipeline is full, latency of the first frame."""
    await start(dut)
    await finish(dut, "back_to_back", 4 * (EXPECTED["ends"][0] + EXPECTED["frames"] * EXPECTED["interval"]) + 1000)
    result = await read(dut)
    found = faults(result)
    if result["frames"]:
        begin = result["frames"][0][0]
        result["latency"] = result["frames"][0][1] - begin
        result["ends"] = [frame[2] - begin for frame in result["frames"]]
        gaps = [after - before for before, after in itertools.pairwise(result["ends"])]
        result["interval"] = gaps[-1] if gaps else None
        if result["latency"] != EXPECTED["latency"]:
            found.append(f"latency {result['latency']}, {EXPECTED['latency']} predicted")
        for index, (end, predicted) in enumerate(zip(result["ends"], EXPECTED["ends"], strict=False)):
            if end != predicted:
                found.append(f"frame {index} ends at cycle {end}, {predicted} predicted")
        # Once as many frames have passed as are predicted one by one, the pattern repeats.
        for gap in gaps[len(EXPECTED["ends"]) :]:
            if gap != EXPECTED["interval"]:
                found.append(f"{gap} cycles per frame, {EXPECTED['interval']} predicted")
    record("back_to_back", result, found)


@cocotb.test()
async def random_stalls(dut):
    """Source and sink stall at random: values, order, and no deadlock."""
    stalls = random.Random(EXPECTED["seed"])
    source, sink = stalls.choice([(64, 64), (128, 32), (32, 128), (100, 100)])
    await start(dut, source, sink, seed=stalls.randrange(1, 1 << 32))
    await finish(dut, "random_stalls", 8 * (EXPECTED["ends"][0] + EXPECTED["frames"] * EXPECTED["stalled_interval"]) + 5000)
    result = await read(dut)
    record("random_stalls", result, faults(result))


@cocotb.test()
async def long_stalls(dut):
    """Source and sink stop for parts of a frame at a time, so that every stage is met full and empty."""
    span = EXPECTED["stalled_interval"] // 4
    await start(dut, 100, 140, seed=random.Random(EXPECTED["seed"] + 2).randrange(1, 1 << 32), source_hold=span // 3, sink_hold=span)
    await finish(dut, "long_stalls", 12 * (EXPECTED["ends"][0] + EXPECTED["frames"] * EXPECTED["stalled_interval"]) + 5000)
    result = await read(dut)
    record("long_stalls", result, faults(result))


@cocotb.test()
async def reset_in_mid_run(dut):
    """A reset in the middle of a frame leaves nothing behind."""
    moments = random.Random(EXPECTED["seed"] + 1)
    await start(dut, 20, 20, seed=moments.randrange(1, 1 << 32))
    for _ in range(2):
        await Timer(PERIOD * moments.randrange(10, EXPECTED["ends"][0] + 10), "ns")
        await RisingEdge(dut.clk)
        await reset(dut)
    await finish(dut, "reset_in_mid_run", 8 * (EXPECTED["ends"][0] + EXPECTED["frames"] * EXPECTED["stalled_interval"]) + 5000)
    result = await read(dut)
    record("reset_in_mid_run", result, faults(result))
