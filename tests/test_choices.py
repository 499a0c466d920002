"""What the Verilog says of memories and products is what Yosys makes of them, whatever its own thresholds."""

import json
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.back import verilog
from amaranth.hdl import Module, Signal, signed, unsigned

from finnr_rtl.cores.one_address import one_address_memory
from finnr_rtl.cores.product import product, uses_dsp
from finnr_rtl.cores.ram import one_address_banks, rom_in_block
from finnr_rtl.cost.cores.arithmetic import multiply
from finnr_rtl.cost.memories import lut_ram
from finnr_rtl.cost.parts import Parts
from finnr_rtl.emit.images import rom_module
from finnr_rtl.errors import UserError
from finnr_rtl.synthesis.cells import count_cells
from finnr_rtl.synthesis.yosys import COMMANDS, find_yosys

FAMILIES = ("xc7", "xcup", "ecp5", "ice40")
BLOCK_RAMS = ("RAMB18E1", "RAMB18E2", "RAMB36E1", "RAMB36E2", "DP16KD", "SB_RAM40_4K")
DSPS = ("DSP48E1", "DSP48E2", "MULT18X18D", "SB_MAC16")


def cells(text, top, family, place) -> dict[str, int]:
    """Cells that Yosys makes of module ``top``, by type."""
    try:
        yosys = find_yosys()
    except UserError as reason:
        pytest.skip(str(reason))
    (place / "x.v").write_text(text)
    script = f"read_verilog x.v; {COMMANDS[family]} -top {top}; tee -q -o stat.json stat -json"
    subprocess.run([yosys, "-q", "-p", script], cwd=place, check=True, capture_output=True)
    return json.loads((place / "stat.json").read_text())["design"]["num_cells_by_type"]


def roms(shapes, storage):
    """A module ``roms`` with a read-only memory of random words for each (words, bits)."""
    rng, texts, ports, instances = np.random.default_rng(1), [], [], []
    for index, (words, width) in enumerate(shapes):
        rows = [int.from_bytes(rng.bytes(-(-width // 8)), "little") % (1 << width) for _ in range(words)]
        texts.append(rom_module(f"rom{index}", rows, width, rom_in_block(storage, words, width)))
        ports.append(f", input [{(words - 1).bit_length() - 1}:0] a{index}, output [{width - 1}:0] d{index}")
        instances.append(f"  rom{index} r{index}(.clk(clk), .enable(enable), .address(a{index}), .data(d{index}));\n")
    return f"module roms(input clk, input enable{''.join(ports)});\n{''.join(instances)}endmodule\n" + "".join(texts)


@pytest.mark.parametrize("family", FAMILIES)
def test_read_only_memories(family, tmp_path):
    shapes = [(2, 4), (7, 30), (8, 3), (30, 12), (100, 9), (512, 8)]
    found = cells(roms(shapes, "block"), "roms", family, tmp_path)
    assert sum(number for kind, number in found.items() if kind in BLOCK_RAMS) == 4
    found = cells(roms([*shapes, (600, 20)], "lut"), "roms", family, tmp_path)
    assert not set(BLOCK_RAMS) & set(found)


@pytest.mark.parametrize("family", ["xc7", "xcup"])
@pytest.mark.parametrize(("words", "width"), [(16, 49), (40, 5), (200, 3), (512, 2), (700, 3)])
def test_memories_with_one_address(words, width, family, tmp_path):
    m, address, write = Module(), Signal(range(words)), Signal()
    data, y = Signal(width), Signal(width)
    m.d.comb += y.eq(one_address_memory(m, "kept", words, address, write, data, SimpleNamespace(slices=True)))
    text = verilog.convert(m, name="memory", ports=[address, write, data, y], emit_src=False)
    found = cells(text, "memory", family, tmp_path)
    memories = {kind: number for kind, number in found.items() if kind.startswith("RAM")}
    expected = sum(lut_ram(family, bank, width, addresses=1).cells for bank in one_address_banks(words, slices=True))
    assert count_cells(memories).lut == expected


def test_auto_takes_the_cheaper_storage():
    assert not rom_in_block("auto", 64, 1000)
    assert not rom_in_block("auto", 1024, 8)
    assert rom_in_block("auto", 512, 36)
    assert rom_in_block("auto", 2304, 128)


@pytest.mark.parametrize("family", FAMILIES)
def test_products(family, tmp_path):
    cases = [
        (signed(4), unsigned(4), "lut"), (signed(10), signed(10), "lut"), (signed(3), signed(3), "dsp"), (unsigned(8), signed(4), "auto"),
        (signed(9), signed(2), "dsp"), (unsigned(6), signed(5), "dsp"), (signed(8), signed(8), "auto"), (unsigned(15), signed(16), "auto"),
    ]
    m, ports = Module(), []
    for index, (first, second, arithmetic) in enumerate(cases):
        a, b = Signal(first, name=f"a{index}"), Signal(second, name=f"b{index}")
        y = Signal(first.width + second.width, name=f"y{index}")
        m.d.sync += y.eq(product(m, f"p{index}", a, b, arithmetic))
        ports += [a, b, y]
    text = verilog.convert(m, name="products", ports=ports, emit_src=False)
    found = cells(text, "products", family, tmp_path)
    expected = sum(uses_dsp(arithmetic, first, second) for first, second, arithmetic in cases)
    assert sum(number for kind, number in found.items() if kind in DSPS) == expected == 4


@pytest.mark.parametrize(("family", "cases"), [
    ("ecp5", [(18, 18), (16, 24), (18, 23), (19, 24), (19, 27), (20, 25), (22, 27)]),
    ("ice40", [(16, 16), (8, 20), (14, 18), (16, 20), (18, 18), (20, 20)]),
])
def test_products_of_several_blocks(family, cases, tmp_path):
    m, ports, expected = Module(), [], Parts(family)
    for first, second in cases:
        a, b = Signal(signed(first), name=f"a{first}_{second}"), Signal(second, name=f"b{first}_{second}")
        y = Signal(signed(first + second), name=f"y{first}_{second}")
        m.d.sync += y.eq(product(m, f"p{first}_{second}", a, b, "dsp"))
        ports += [a, b, y]
        multiply(expected, 1, a.shape(), b.shape(), "dsp")
    text = verilog.convert(m, name="products", ports=ports, emit_src=False)
    found = count_cells(cells(text, "products", family, tmp_path))
    assert (found.lut, found.dsp) == (expected.fixed, expected.dsp)
