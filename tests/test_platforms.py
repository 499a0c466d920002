"""Boards: every file is sound, mistakes are told by file and key, and the Amaranth platform makes a build plan."""

import importlib.util

import pytest
from amaranth.hdl import Elaboratable, Module, Signal
from amaranth.lib import io

from finnr_rtl import platforms
from finnr_rtl.cli import main
from finnr_rtl.data_folders import folder
from finnr_rtl.errors import UserError


def test_all_files_load_and_leave_room_beside_the_shell():
    assert set(platforms.names()) >= {
        "aws_f1", "icebreaker", "ku115", "kv260", "pynq_z1", "ulx3s", "ultra96", "zc706", "zcu104", "zedboard",
    }
    for name in platforms.names():
        platform = platforms.load(name)
        assert platform.name == name
        assert platform.device.lut > 2 * platform.shell.lut
        xilinx = platform.family.startswith("xc")
        assert platform.device.ff == (2 if xilinx else 1) * platform.device.lut
        assert platform.part.startswith({"ecp5": "LFE5U", "ice40": "iCE40"}.get(platform.family, "xc"))


def test_known_figures():
    board = platforms.load("pynq_z1")
    assert (board.part, board.family, board.clock_mhz) == ("xc7z020clg400-1", "xc7", 100)
    assert (board.lut, board.bram18, board.device.dsp) == (53200, 280, 220)
    assert vars(platforms.load("ulx3s").device) == {"lut": 83640, "ff": 83640, "bram18": 208, "dsp": 156, "uram": 0}
    assert vars(platforms.load("icebreaker").device) == {"lut": 5280, "ff": 5280, "bram18": 30, "dsp": 8, "uram": 0}


def test_the_command_lists_every_board(capsys):
    assert main(["platforms"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == platforms.names()
    (line,) = [line for line in lines if line.startswith("pynq_z1")]
    assert line.split()[1:10] == ["PYNQ-Z1", "xc7z020clg400-1", "xc7", "53200", "106400", "280", "220", "0", "100"]
    assert line.endswith("4 x 64 bit, 2.1 GB/s")


def test_unknown_platform_lists_the_known_ones():
    with pytest.raises(UserError, match="no platform 'pynq'.*aws_f1.*pynq_z1.*ultra96.*ulx3s.*zedboard"):
        platforms.load("pynq")


@pytest.mark.parametrize("name", ["", ".", "../platforms/pynq_z1", "PYNQ_Z1"])
def test_names_are_not_paths(name):
    with pytest.raises(UserError, match="no platform"):
        platforms.load(name)


GOOD = (folder("platforms") / "pynq_z1.toml").read_text()


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace("lut = 53200", "lut = 50000"))
    assert platforms.load(path).name == "mine"
    assert platforms.load(str(path)).lut == 50000


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lut = 53200", "", "key 'device.lut' is missing"),
        ("dsp = 220", "dsp = 220\nhbm = 1", "key 'device.hbm' is unknown; legal here are lut, ff"),
        ("clock_mhz = 100", "clock_mhz = 0", "clock_mhz = 0 must be a positive number"),
        ("clock_mhz = 100", "clock_mhz = nan", "clock_mhz = nan must be a positive number"),
        ("clock_mhz = 100", 'clock_mhz = "100"', "clock_mhz = '100' must be a positive number"),
        ("bram18 = 280", "bram18 = 280.5", "device.bram18 = 280.5 must be a whole number of at least 0"),
        ("bram18 = 280", "bram18 = true", "device.bram18 = True must be a whole number of at least 0"),
        ("dsp = 220", "dsp = -1", "device.dsp = -1 must be a whole number of at least 0"),
        ("ports = 4", "ports = 0", "memory.ports = 0 must be a whole number of at least 1"),
        ('part = "xc7z020clg400-1"', 'part = ""', "part = '' must be a text"),
        ('family = "xc7"', 'family = "xc6"', "family = 'xc6' must be one of xc7, xcu, xcup, ecp5, ice40"),
        ("lut = 4000", "lut = 60000", r"shell.lut = 60000 is more than the device has \(53200\)"),
        ('board = "PYNQ-Z1"', "memory = 5", "key 'board' is missing|not TOML"),
        ("[device]", "[device", "is not TOML: .*line"),
    ],
)
def test_mistakes_in_a_file_name_it_and_the_key(tmp_path, old, new, message):
    path = tmp_path / "board.toml"
    assert GOOD.count(old) >= 1
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UserError, match=message) as caught:
        platforms.load(path)
    assert str(path) in str(caught.value)


def test_a_table_where_a_text_stands(tmp_path):
    path = tmp_path / "board.toml"
    path.write_text("memory = 5\n" + GOOD[: GOOD.index("# Four 64-bit")])
    with pytest.raises(UserError, match="memory = 5 must be a table"):
        platforms.load(path)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(UserError, match="cannot read platform file .*none.toml: No such file"):
        platforms.load(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="binary.toml is not TOML"):
        platforms.load(tmp_path / "binary.toml")


class Blinker(Elaboratable):
    def elaborate(self, platform):
        m = Module()
        count = Signal(24)
        m.d.sync += count.eq(count + 1)
        for index in range(4):
            led = io.Buffer("o", platform.request("led", index, dir="-"))
            button = io.Buffer("i", platform.request("button", index, dir="-"))
            m.submodules += led, button
            m.d.comb += led.o.eq(count[-1] ^ button.i)
        return m


def test_pynq_z1_platform_makes_a_build_plan(monkeypatch):
    monkeypatch.setenv("AMARANTH_USE_YOSYS", "builtin")
    spec = importlib.util.spec_from_file_location("pynq_z1", folder("platforms") / "pynq_z1.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    plan = module.PynqZ1Platform().build(Blinker(), do_build=False)
    files = {name: text.decode() if isinstance(text, bytes) else text for name, text in plan.files.items()}
    assert "xc7z020clg400-1" in files["top.tcl"]
    for pin in ("H16", "R14", "P14", "N16", "M14", "D19", "D20", "L20", "L19"):
        assert f"PACKAGE_PIN {pin}" in files["top.xdc"] or f"LOC {pin}" in files["top.xdc"], pin
    assert "create_clock" in files["top.xdc"]
