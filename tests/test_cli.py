"""The command line as its user meets it: help, mistakes, the two main commands on the example."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from finnr_rtl.cli import main
from finnr_rtl.dataflow.timing import Cycles
from finnr_rtl.verify import RUNS, Verification

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "examples" / "digits_w1a1.onnx"
DATA = ROOT / "examples" / "digits_w1a1.npz"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("command", ["", "build", "estimate", "explore", "verify", "synth", "run", "check", "platforms", "example"])
def test_help_tells_what_each_option_is_for(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command.split(), "--help"])
    assert caught.value.code == 0
    assert "usage: finnr_rtl" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["build", "no.onnx", "--platform", "pynq_z1"], ["no.onnx"]),
        (["build", str(ROOT / "README.md"), "--platform", "pynq_z1"], ["README.md", "ONNX"]),
        (["build", str(MODEL), "--platform", "pink"], ["'pink'", "pynq_z1", "zedboard"]),
        (["build", str(MODEL), "--platform", "pynq_z1", "--target-fps", "1e9"], ["memory of pynq_z1", "most possible"]),
        (["build", str(MODEL), "--platform", "pynq_z1", "--target-fps", "2e6"], ["50 cycles per frame", "Conv_0", "most possible"]),
        (["build", str(MODEL), "--platform", "pynq_z1", "--max-lut", "0.08"], ["LUT", "short", "ulx3s"]),
        (["build", str(MODEL), "--platform", "pynq_z1", "--fold", "no.json"], ["no.json"]),
        (["build", str(MODEL), "--platform", "pynq_z1", "--data", "no.npz"], ["no.npz"]),
        (["build", str(MODEL), "--platform", "pynq_z1", "--input-type", "FLOAT"], ["FLOAT"]),
        (["build", str(MODEL), "--platform", "pynq_z1", "-o", str(ROOT / "tests")], ["tests", "did not write"]),
        (["verify", "."], ["manifest.json"]),
        (["synth", "."], ["manifest.json"]),
        (["run", str(MODEL), "--data", str(MODEL)], ["npz"]),
        (["example", "resnet", "-o", "x.onnx"], ["'resnet'", "tfc_w1a1"]),
    ],
)
def test_mistakes_get_one_sentence_and_leave_nothing(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    for word in words:
        assert word in message
    assert not any(tmp_path.iterdir())


def test_mistakes_show_no_traceback():
    done = subprocess.run([sys.executable, "-m", "finnr_rtl", "build", "no.onnx", "--platform", "pynq_z1"], capture_output=True, text=True,
                          cwd=ROOT, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_illegal_fold_is_refused_with_the_legal_ones(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fold = tmp_path / "fold.json"
    fold.write_text('{"layers": {"Conv_0": {"pe": 5}}}')
    assert main(["build", str(MODEL), "--platform", "pynq_z1", "--fold", str(fold), "-o", "out"]) == 2
    assert "pe=5 is not legal; legal values are 1, 2, 4, 8, 16, 32" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_check_tells_what_becomes_of_each_node(capsys):
    assert main(["check", str(MODEL)]) == 0
    text = capsys.readouterr().out
    assert "Conv_0 (Conv)" in text
    assert "can be built" in text


def test_run_compares_outputs_and_counts_labels(capsys):
    assert main(["run", str(MODEL), "--data", str(DATA)]) == 0
    text = capsys.readouterr().out
    assert "0 values in 0 samples differ" in text
    assert "accuracy" in text


def test_run_fails_on_a_mismatch(tmp_path, capsys):
    with np.load(DATA) as data:
        arrays = {name: data[name][:4] for name in data.files}
    arrays["outputs"] = arrays["outputs"].copy()
    arrays["outputs"][2, 0] += 1000
    np.savez(tmp_path / "wrong.npz", **arrays)
    assert main(["run", str(MODEL), "--data", str(tmp_path / "wrong.npz")]) == 1
    assert "the first is sample 2" in capsys.readouterr().out


def test_build_then_verify(tmp_path, capsys):
    out = tmp_path / "digits"
    assert main(["build", str(MODEL), "--platform", "pynq_z1", "--target-fps", "20000", "--data", str(DATA), "-o", str(out)]) == 0
    assert "cycles per frame" in capsys.readouterr().out
    first = files(out)
    assert {"manifest.json", "folding.json", "README.txt", "sim/run.py", "sim/tb.v", "network/network.json"} <= set(first)
    manifest = json.loads(first["manifest.json"])
    assert manifest["cycles"]["interval"] <= 100e6 / 20000
    assert str(tmp_path).encode() not in b"".join(first.values())

    # Same input, same bytes; and its own folding, handed back in, gives the same accelerator.
    fold = str(out / "folding.json")
    assert main(["build", str(MODEL), "--platform", "pynq_z1", "--fold", fold, "--data", str(DATA), "-o", str(out)]) == 0
    # The report tells of the target too, which is another one now.
    again = files(out)
    assert set(again) == set(first)
    assert all(again[path] == first[path] for path in first if not path.startswith("report."))

    capsys.readouterr()
    assert main(["verify", str(out), "--data", str(DATA), "--frames", "4"]) == 0
    text = capsys.readouterr().out
    assert "PASS" in text
    assert f"{manifest['cycles']['interval']:,} predicted, {manifest['cycles']['interval']:,} measured" in text
    assert "0 of 4 frames differ" in text


def test_verify_tells_stored_outputs_that_differ_from_wrong_verilog(monkeypatch, capsys):
    run = {"links": [{"name": "m_axis", "beats": 7, "mismatches": 0}], "frames_done": 1, "cycles": 70, "faults": []}
    result = Verification(1, Cycles(60, 5, (60,), "conv", "compute", 5), dict.fromkeys(RUNS, run), differing_samples=1)
    monkeypatch.setattr("finnr_rtl.verify.verify", lambda *_, **__: result)
    assert main(["verify", "anywhere"]) == 1
    assert "0 mismatches: FAIL: the Verilog equals the reference, the stored outputs do not" in capsys.readouterr().out.replace("\n", " ")


def test_verify_sees_a_wrong_weight(tmp_path, capsys):
    out = tmp_path / "digits"
    assert main(["build", str(MODEL), "--platform", "pynq_z1", "--target-fps", "20000", "-o", str(out)]) == 0
    path = next((out / "rtl").glob("*_MatMul_1_mvtu.v"))
    text = path.read_text()
    place = text.index("0: data <= ")
    digit = text.index("'h", place) + 2
    path.write_text(text[:digit] + ("1" if text[digit] != "1" else "2") + text[digit + 1 :])
    capsys.readouterr()
    assert main(["verify", str(out)]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_a_folder_that_is_not_a_build_stays_as_it_was(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert main(["build", str(MODEL), "--platform", "pynq_z1", "-o", str(tmp_path / "mine")]) == 2
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    assert "did not write" in capsys.readouterr().err


def test_example_writes_a_file_that_builds(tmp_path, capsys):
    model = tmp_path / "tfc.onnx"
    assert main(["example", "tfc_w1a1", "-o", str(model)]) == 0
    assert main(["build", str(model), "--platform", "zedboard", "-o", str(tmp_path / "out")]) == 0
    assert "cycles per frame" in capsys.readouterr().out
