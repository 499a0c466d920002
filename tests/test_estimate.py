"""``estimate``: the figures of a build without one."""

import json
from pathlib import Path

import pytest
from test_report import check_page

from finnr_rtl.cli import main
from finnr_rtl.platforms import load

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "examples" / "digits_w1a1.onnx"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_estimate_tells_what_the_build_of_its_folding_has(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["estimate", str(MODEL), "--platform", "pynq_z1"]) == 0
    told = capsys.readouterr().out
    folder = tmp_path / "digits_w1a1_pynq_z1_estimate"
    first = contents(folder)
    assert set(first) == {"report.json", "report.html", "folding.json"}
    known = json.loads(first["report.json"])
    for words in ("cycles per frame", "frames/s", "Op/s", "off chip", "w1a1", "BRAM18", f"{known['performance']['interval_cycles']:,}"):
        assert words in told
    check_page(first["report.html"].decode())
    assert str(tmp_path).encode() not in b"".join(first.values())

    # Again in its place: the same bytes. And the folding, built, has the cycles that were told.
    assert main(["estimate", str(MODEL), "--platform", "pynq_z1"]) == 0
    assert contents(folder) == first
    assert main(["build", str(MODEL), "--platform", "pynq_z1", "--fold", str(folder / "folding.json"), "-o", "built"]) == 0
    manifest = json.loads((tmp_path / "built" / "manifest.json").read_text())
    assert manifest["cycles"]["interval"] == known["performance"]["interval_cycles"]
    assert manifest["cycles"]["latency"] == known["performance"]["first_result_cycles"]
    assert json.loads((tmp_path / "built" / "report.json").read_text())["layers"] == known["layers"]


def test_a_target_is_reached_with_less(tmp_path):
    def lut(*options):
        assert main(["estimate", str(MODEL), "--platform", "pynq_z1", *options, "-o", str(tmp_path / "out")]) == 0
        known = json.loads((tmp_path / "out" / "report.json").read_text())
        return known["resources"]["lut"], known["performance"]["frames_per_second"]

    most, fastest = lut()
    least, slow = lut("--target-fps", "5000")
    assert least < most and 5000 <= slow < fastest
    assert lut("--clock-mhz", str(2 * load("pynq_z1").clock_mhz), "--target-fps", "5000")[0] <= least


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no.onnx", "--platform", "pynq_z1"], ["no.onnx"]),
        ([str(ROOT / "README.md"), "--platform", "pynq_z1"], ["README.md", "ONNX"]),
        ([str(MODEL), "--platform", "pink"], ["'pink'", "pynq_z1"]),
        ([str(MODEL), "--platform", "pynq_z1", "--target-fps", "1e9"], ["cycles per frame"]),
        ([str(MODEL), "--platform", "pynq_z1", "--fold", "no.json"], ["no.json"]),
        ([str(MODEL), "--platform", "pynq_z1", "-o", str(ROOT / "tests")], ["did not write"]),
    ],
)
def test_mistakes_get_one_sentence_and_leave_nothing(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["estimate", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1
    assert all(word in message for word in words)
    assert not any(tmp_path.iterdir())


def test_an_estimate_does_not_take_the_place_of_a_build(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.json").write_text('{"generator": "finnr_rtl 1", "files": {}}')
    assert main(["estimate", str(MODEL), "--platform", "pynq_z1", "-o", str(tmp_path / "mine")]) == 2
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["manifest.json"]
