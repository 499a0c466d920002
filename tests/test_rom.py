"""Read-only memories in several parts."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from finnr_rtl.cores.ram import block_rams, rom_parts
from finnr_rtl.cores.rom import Rom


@pytest.mark.parametrize(
    ("words", "width", "parts"),
    [
        (9216, 64, [8192, 1024]),
        (25_600, 32, [16_384, 8192, 1024]),
        (1024, 64, [1024]),
        (600, 8, [600]),  # one block RAM either way
        (1027, 256, [1027]),  # too few words left for a block RAM
    ],
)
def test_parts(words, width, parts):
    assert rom_parts(words, width, True) == parts
    assert sum(block_rams(1 << (part - 1).bit_length(), width) for part in parts) <= block_rams(1 << (words - 1).bit_length(), width)


@pytest.mark.parametrize(
    ("words", "block", "parts"),
    [(294_912, True, [65_536] * 4 + [32_768]), (65_536, True, [65_536]), (4096, False, [1024] * 4), (1025, False, [1024, 1])],
)
def test_none_is_too_deep(words, block, parts):
    assert rom_parts(words, 2, block) == parts


@pytest.mark.parametrize(("words", "width", "storage"), [(1152, 96, "block"), (2304, 72, "block"), (2304, 8, "lut"), (1025, 16, "lut")])
def test_every_word_is_read(words, width, storage):
    assert len(rom_parts(words, width, storage == "block")) > 1
    contents = np.random.default_rng(3).integers(0, 256, (words, width // 8), dtype=np.uint8)
    rows = [int.from_bytes(row.tobytes(), "little") for row in contents]
    rom = Rom(rows, width, storage)

    async def bench(ctx):
        ctx.set(rom.enable, 1)
        for address in (*range(words), words - 1, 0, words - 1):
            ctx.set(rom.address, address)
            await ctx.tick()
            assert ctx.get(rom.data) == rows[address]
        # Without ``enable`` the word stays.
        ctx.set(rom.enable, 0)
        ctx.set(rom.address, 0)
        await ctx.tick()
        assert ctx.get(rom.data) == rows[words - 1]

    simulator = Simulator(rom)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
