"""Synthesis: cells counted, a small accelerator through Yosys, and what goes wrong."""

import json
import shutil

import numpy as np
import onnx
import pytest
from graphs import Writer

from finnr_rtl.build import build
from finnr_rtl.cost.resources import Resources
from finnr_rtl.emit.output import check_output
from finnr_rtl.errors import UserError
from finnr_rtl.synth import synth
from finnr_rtl.synthesis import yosys as subject
from finnr_rtl.synthesis.cells import count_cells
from finnr_rtl.synthesis.yosys import find_yosys


def test_cells_are_counted_by_what_they_take():
    cells = {"LUT2": 3, "LUT6": 2, "RAM64M": 1, "SRL16E": 4, "FDRE": 5, "FDSE": 1, "RAMB36E1": 1, "RAMB18E1": 1, "DSP48E1": 2, "CARRY4": 9}
    assert count_cells(cells) == Resources(lut=13, ff=6, bram18=3, dsp=2)
    ecp5 = {"LUT4": 3, "CCU2C": 2, "TRELLIS_DPR16X4": 1, "TRELLIS_FF": 4, "PFUMX": 5, "DP16KD": 2, "MULT18X18D": 3}
    assert count_cells(ecp5) == Resources(lut=13, ff=4, bram18=2, dsp=3)
    ice40 = {"SB_LUT4": 3, "SB_CARRY": 2, "SB_DFF": 1, "SB_DFFESR": 2, "SB_RAM40_4K": 4, "SB_MAC16": 1}
    assert count_cells(ice40) == Resources(lut=3, ff=3, bram18=4, dsp=1)
    assert count_cells({}) == Resources()
    with pytest.raises(ValueError, match=r"\$mul"):
        count_cells({"$mul": 1})


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A build of two small matrices."""
    place, rng, w = tmp_path_factory.mktemp("synth"), np.random.default_rng(1), Writer((12,))
    x = w.quant("x", bits=4)
    for shape in ((12, 8), (8, 3)):
        x = w.quant(w.node("MatMul", x, w.quant(np.float32(rng.normal(0, 3, shape)), bits=3)), 4.0, bits=3)
    onnx.save(w.model(x), place / "small.onnx")
    build(place / "small.onnx", "pynq_z1", place / "out")
    return place / "out"


def test_stages_and_the_whole(built):
    try:
        find_yosys()
    except UserError as reason:
        pytest.skip(str(reason))
    seen = []
    result = synth(built, 2, lambda name, done, total: seen.append((done, total)))
    names = [stage["name"] for stage in json.loads((built / "manifest.json").read_text())["stages"]]
    assert list(result.stages) == names
    assert seen == [(done, len(names) + 1) for done in range(1, len(names) + 2)]
    parts = sum(result.stages.values(), Resources())
    # Across stages a little is shared or folded, and the counter of the last beat is added.
    assert 0.85 * parts.lut < result.whole.lut < 1.1 * parts.lut
    assert 0.9 * parts.ff < result.whole.ff < 1.1 * parts.ff
    assert (result.whole.bram18, result.whole.dsp) == (parts.bram18, parts.dsp)
    written = json.loads((built / "synth.json").read_text())
    assert (written["whole"], written["family"]) == (vars(result.whole), "xc7")
    check_output(built)  # may be built again in its place


@pytest.mark.parametrize("board", ["ulx3s", "icebreaker"])
def test_lattice_families(built, tmp_path, board):
    try:
        find_yosys()
    except UserError as reason:
        pytest.skip(str(reason))
    # Four steps for each result: FIFOs and replay buffers are memories where there are such.
    names = json.loads((built / "folding.json").read_text())["layers"]
    (tmp_path / "fold.json").write_text(json.dumps({"layers": {name: {"pe": 1, "simd": 4} for name in names}}))
    build(built.parent / "small.onnx", board, tmp_path / "out", fold=tmp_path / "fold.json")
    result = synth(tmp_path / "out", 2)
    assert result.whole.lut > 100
    assert result.whole.ff > 100
    text = "".join(path.read_text() for path in (tmp_path / "out" / "rtl").glob("*.v"))
    assert ("distributed\" *)\n  reg" in text) == (board == "ulx3s")


def test_a_build_whose_verilog_is_damaged(built, tmp_path):
    copy = shutil.copytree(built, tmp_path / "copy")
    for path in (copy / "rtl").glob("*.v"):
        path.write_text("module")
    try:
        find_yosys()
    except UserError as reason:
        pytest.skip(str(reason))
    (copy / "synth.json").unlink(missing_ok=True)
    with pytest.raises(UserError, match="Yosys failed on"):
        synth(copy)
    assert not (copy / "synth.json").exists()


def test_without_yosys(built, monkeypatch, tmp_path):
    monkeypatch.setattr(subject.shutil, "which", lambda _: None)
    monkeypatch.setattr(subject.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(UserError, match="pip install"):
        synth(built)
