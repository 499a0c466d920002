"""Synthesis: cells counted, a small accelerator through Yosys, and what goes wrong."""

import json
import shutil

import numpy as np
import onnx
import pytest
from graphs import Writer

from finnr_rtl import synth as subject
from finnr_rtl.build import build
from finnr_rtl.cost.resources import Resources
from finnr_rtl.emit.output import check_output
from finnr_rtl.errors import UserError
from finnr_rtl.synth import count_cells, find_yosys, synth


def test_cells_are_counted_by_what_they_take():
    cells = {"LUT2": 3, "LUT6": 2, "RAM64M": 1, "SRL16E": 4, "FDRE": 5, "FDSE": 1, "RAMB36E1": 1, "RAMB18E1": 1, "DSP48E1": 2, "CARRY4": 9}
    assert count_cells(cells) == Resources(lut=13, ff=6, bram18=3, dsp=2)
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
