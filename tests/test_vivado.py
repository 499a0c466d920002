"""Vivado: its scripts, what is read of its reports, and what happens without it (it is not needed here: a small program stands for it)."""

import json

import pytest
from graphs import Writer
from onnx import save

from finnr_rtl.build import build
from finnr_rtl.cli import main
from finnr_rtl.cost.resources import Resources
from finnr_rtl.emit.output import check_output
from finnr_rtl.synthesis.vivado import parse_utilization, tool_version

SERIES_7 = """\
| Tool Version : Vivado v.2022.1 (lin64) Build 3526262 Mon Apr 18 15:47:01 MDT 2022
| Command      : report_utilization -file x_utilization.rpt

1. Slice Logic
--------------

+----------------------------+------+-------+------------+-----------+-------+
|          Site Type         | Used | Fixed | Prohibited | Available | Util% |
+----------------------------+------+-------+------------+-----------+-------+
| Slice LUTs*                | 1234 |     0 |          0 |     53200 |  2.32 |
|   LUT as Logic             | 1200 |     0 |          0 |     53200 |  2.26 |
|   LUT as Memory            |   34 |     0 |          0 |     17400 |  0.20 |
| Slice Registers            |  567 |     0 |          0 |    106400 |  0.53 |
+----------------------------+------+-------+------------+-----------+-------+

2. Memory
+-------------------+------+-------+------------+-----------+-------+
| Block RAM Tile    |  2.5 |     0 |          0 |       140 |  1.79 |
|   RAMB36/FIFO*    |    2 |     0 |          0 |       140 |  1.43 |
|   RAMB18          |    1 |     0 |          0 |       280 |  0.36 |
+-------------------+------+-------+------------+-----------+-------+

3. DSP
+-----------+------+-------+------------+-----------+-------+
| DSPs      |    7 |     0 |          0 |       220 |  3.18 |
+-----------+------+-------+------------+-----------+-------+
"""
ULTRASCALE = SERIES_7.replace("Slice ", "CLB ").replace("| DSPs ", "| URAM      |    3 |     0 |          0 |        96 |  3.13 |\n| DSPs ")


def test_reports():
    assert parse_utilization(SERIES_7) == Resources(lut=1234, ff=567, bram18=5, dsp=7)
    assert parse_utilization(ULTRASCALE) == Resources(lut=1234, ff=567, bram18=5, dsp=7, uram=3)
    assert tool_version(SERIES_7) == "Vivado v.2022.1"
    with pytest.raises(ValueError, match="dsp not found"):
        parse_utilization(SERIES_7[: SERIES_7.index("3. DSP")])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    place, w = tmp_path_factory.mktemp("vivado"), Writer((4,))
    x = w.quant("x", bits=4)
    save(w.model(w.quant(w.node("Relu", x), 2.0, bits=3)), place / "small.onnx")
    return place / "small.onnx"


def test_scripts_without_vivado(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    build(model, "pynq_z1", tmp_path / "out", clock_mhz=125)
    assert main(["synth", str(tmp_path / "out"), "--tool", "vivado"]) == 0
    assert "synth.tcl is written but not run" in " ".join(capsys.readouterr().out.split())
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    modules = [manifest["top"], *(f"{manifest['top']}_{stage['name']}" for stage in manifest["stages"])]
    place = tmp_path / "out" / "synth_vivado"
    assert {path.name for path in place.iterdir()} == {"clock.xdc", "synth.tcl", *(f"{module}.tcl" for module in modules)}
    assert "-period 8.000 " in (place / "clock.xdc").read_text()
    for module in modules:
        assert f"source {module}.tcl\n" in (place / "synth.tcl").read_text()
        lines = (place / f"{module}.tcl").read_text().splitlines()
        assert f"synth_design -top {module} -part xc7z020clg400-1 -mode out_of_context" in lines
        (sources,) = [line for line in lines if line.startswith("read_verilog ")]
        assert all((place / path).is_file() for path in sources.removeprefix("read_verilog {").removesuffix("}").split())
    assert not (tmp_path / "out" / "synth.json").exists()
    check_output(tmp_path / "out")  # may be built again in its place


def test_with_a_program_that_stands_for_vivado(model, tmp_path, monkeypatch, capsys):
    build(model, "pynq_z1", tmp_path / "out")
    (tmp_path / "report").write_text(SERIES_7)
    program = tmp_path / "vivado"
    program.write_text(f'#!/bin/sh\nfor last; do :; done\ncp {tmp_path}/report "${{last%.tcl}}_utilization.rpt"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert main(["synth", str(tmp_path / "out"), "--tool", "vivado"]) == 0
    assert "Vivado v.2022.1, synth_design -mode out_of_context" in " ".join(capsys.readouterr().out.split())
    written = json.loads((tmp_path / "out" / "synth.json").read_text())
    assert written["whole"] == {"lut": 1234, "ff": 567, "bram18": 5, "dsp": 7, "uram": 0}
    check_output(tmp_path / "out")
    program.write_text("#!/bin/sh\nexit 1\n")
    assert main(["synth", str(tmp_path / "out"), "--tool", "vivado"]) == 2
    assert "Vivado failed on" in capsys.readouterr().err


def test_lattice_parts_are_refused(model, tmp_path, capsys):
    build(model, "ulx3s", tmp_path / "out")
    assert main(["synth", str(tmp_path / "out"), "--tool", "vivado"]) == 2
    assert "LFE5U-85F-6BG381C, which Vivado does not know; use --tool yosys" in " ".join(capsys.readouterr().err.split())
