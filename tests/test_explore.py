"""``explore``: the same front from one core, from several and from a cluster; points that are kept; and designs that build."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from graphs import Writer
from test_report import check_page

from finnr_rtl import explore as subject
from finnr_rtl.cli import main
from finnr_rtl.errors import UserError
from finnr_rtl.explore import explore
from finnr_rtl.pareto import front
from finnr_rtl.workers import each, workers

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Two small matrices."""
    place, rng, w = tmp_path_factory.mktemp("model"), np.random.default_rng(1), Writer((24,))
    x = w.quant("x", bits=4)
    for shape in ((24, 16), (16, 4)):
        x = w.quant(w.node("MatMul", x, w.quant(np.float32(rng.normal(0, 3, shape)), bits=3)), 4.0, bits=3)
    onnx.save(w.model(x), place / "small.onnx")
    return place / "small.onnx"


@pytest.fixture(scope="module")
def alone(model, tmp_path_factory):
    """What one core finds, and where."""
    folder = tmp_path_factory.mktemp("alone") / "out"
    return explore(model, ["pynq_z1", "ultra96"], folder, points=5, jobs=1), folder


def comparable(result: dict) -> dict:
    """All but the commands, which name the folder."""
    content = json.loads(json.dumps(result))
    for board in content["platforms"]:
        for point in board["points"]:
            point.pop("build", None)
    return content


def test_what_no_other_beats_is_on_the_front():
    points = [(10, 5, 1), (20, 5, 2), (20, 5, 2), (30, 9, 1), (5, 9, 9), (30, 8, 3)]
    kinds = [(fps, {"lut": lut, "ff": ff}) for fps, lut, ff in points]
    assert front(kinds, ("lut", "ff")) == [True, True, False, True, False, True]
    assert front(kinds, ("lut",)) == [False, True, False, False, False, True]
    assert front([], ("lut",)) == []


def test_points_lie_between_the_slowest_design_and_the_fastest(alone):
    result, folder = alone
    assert [board["name"] for board in result["platforms"]] == ["pynq_z1", "ultra96"]
    for board in result["platforms"]:
        rates = [point["frames_per_second"] for point in board["points"]]
        assert rates == sorted(rates) and len(rates) >= 3 and not board["errors"]
        assert rates[-1] > 4 * rates[0] > 0
        for point in board["points"]:
            assert not point["target_fps"] or point["frames_per_second"] >= point["target_fps"]
            assert point["front"] or any(
                other["frames_per_second"] >= point["frames_per_second"]
                and all(other["resources"][kind] <= count for kind, count in point["resources"].items())
                for other in board["points"] if other is not point
            )
        assert board["points"][-1]["front"]
    assert json.loads((folder / "explore.json").read_text()) == json.loads(json.dumps(result))
    check_page((folder / "report.html").read_text())


def test_a_point_of_the_front_builds_with_its_command(alone, tmp_path):
    result, folder = alone
    ready = [point for board in result["platforms"] for point in board["points"] if point["front"]]
    assert sorted(path.stem for path in (folder / "foldings").iterdir()) == sorted(point["name"] for point in ready)
    point = next(point for point in ready if point["name"].startswith("ultra96"))
    words = shlex.split(point["build"])
    assert words[:4] == ["python", "-m", "finnr_rtl", "build"]
    assert main([*words[3:], "-o", str(tmp_path / "built")]) == 0
    cycles = json.loads((tmp_path / "built" / "manifest.json").read_text())["cycles"]
    assert cycles["interval"] == point["interval_cycles"]


def test_several_processes_find_the_same_front(model, alone, tmp_path):
    result = explore(model, ["pynq_z1", "ultra96"], tmp_path / "out", points=5, jobs=2)
    assert comparable(result) == comparable(alone[0])
    assert {path.name: path.read_bytes() for path in (tmp_path / "out" / "points").iterdir()} == {
        path.name: path.read_bytes() for path in (alone[1] / "points").iterdir()
    }


def test_a_dask_cluster_of_two_workers_finds_the_same_front(model, alone, tmp_path):
    pytest.importorskip("distributed", reason="pip install 'finnr_rtl[cluster]'")
    script = f"""
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
                      local_directory={str(tmp_path / "dask")!r}) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""
    (tmp_path / "cluster.py").write_text(script)
    cluster = subprocess.Popen([sys.executable, str(tmp_path / "cluster.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    try:
        address = cluster.stdout.readline().strip()
        # In a process of its own, as a user does: Dask's clean-up at exit is not this test's business.
        command = [sys.executable, "-m", "finnr_rtl", "explore", str(model), "--platform", "pynq_z1", "--platform", "ultra96",
                   "--points", "5", "--scheduler", address, "-o", str(tmp_path / "out")]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    finally:
        cluster.communicate("\n", timeout=60)
    assert comparable(json.loads((tmp_path / "out" / "explore.json").read_text())) == comparable(alone[0])


def test_an_interrupted_exploration_keeps_its_points_and_goes_on(model, alone, tmp_path, monkeypatch, capsys):
    real, asked = subject.point, []

    def interrupted(*task):
        asked.append(task)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(*task)

    monkeypatch.setattr(subject, "point", interrupted)
    command = ["explore", str(model), "--platform", "pynq_z1", "--platform", "ultra96", "--points", "5", "--jobs", "1"]
    assert main([*command, "-o", str(tmp_path / "out")]) == 130
    assert "2 designs are kept" in capsys.readouterr().err.replace("\n", " ")
    assert len(list((tmp_path / "out" / "points").iterdir())) == 2
    assert main([*command, "-o", str(tmp_path / "out")]) == 0
    total = len(list((tmp_path / "out" / "points").iterdir()))
    assert len(asked) == total + 1  # those of the first time were not asked for again
    assert comparable(json.loads((tmp_path / "out" / "explore.json").read_text())) == comparable(alone[0])
    assert main([*command, "-o", str(tmp_path / "out")]) == 0
    assert len(asked) == total + 1
    told = capsys.readouterr().out
    assert "python -m finnr_rtl build" in told and "frames/s" in told


@pytest.mark.parametrize("left", ["{", "[]", "{}", '{"sha256": "0", "design": {"error": "none"}}'])
def test_a_damaged_point_is_computed_again(left, model, alone, tmp_path):
    shutil.copytree(alone[1], tmp_path / "out")
    damaged = next((tmp_path / "out" / "points").iterdir())
    damaged.write_text(left)
    explore(model, ["pynq_z1", "ultra96"], tmp_path / "out", points=5, jobs=1)
    assert damaged.read_text() == (alone[1] / "points" / damaged.name).read_text()


def test_boards_given_twice_count_once_and_namesakes_keep_apart(model, tmp_path):
    slow = tmp_path / "pynq_z1.toml"
    slow.write_text((ROOT / "platforms" / "pynq_z1.toml").read_text().replace("clock_mhz = 100", "clock_mhz = 50"))
    given = ["pynq_z1", str(ROOT / "platforms" / "pynq_z1.toml"), str(slow)]
    boards = explore(model, given, tmp_path / "out", points=2, jobs=1)["platforms"]
    assert [board["clock_mhz"] for board in boards] == [100, 50]
    front = [point["name"] for board in boards for point in board["points"] if point["front"]]
    assert len(set(front)) == len(front) == len(list((tmp_path / "out" / "foldings").iterdir()))


def test_several_clocks(model, tmp_path):
    result = explore(model, ["pynq_z1"], tmp_path / "out", clocks_mhz=[50, 75], points=2, jobs=1)
    (board,) = result["platforms"]
    assert {point["clock_mhz"] for point in board["points"]} == {50, 75}
    assert [roofline["clock_mhz"] for roofline in board["rooflines"]] == [50, 75]
    best = board["points"][-1]
    assert best["clock_mhz"] == 75
    assert "--clock-mhz 75" in best["build"] and best["name"].endswith("75mhz")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no.onnx", "--platform", "pynq_z1"], ["no.onnx"]),
        (["MODEL", "--platform", "pynq_z1", "--platform", "pink"], ["'pink'"]),
        ([str(ROOT / "README.md"), "--platform", "pynq_z1"], ["README.md", "ONNX"]),
        (["MODEL", "--platform", "pynq_z1", "-o", str(ROOT / "tests")], ["did not write"]),
        (["MODEL", "--platform", "pynq_z1", "--max-lut", "0.076", "--jobs", "1"], ["does not fit", "LUT"]),
    ],
)
def test_mistakes_get_one_sentence_and_leave_nothing(arguments, words, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["explore", *(str(model) if word == "MODEL" else word for word in arguments)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ") and message.count("\n") == 1
    assert all(word in message for word in words)
    assert not any(tmp_path.iterdir())


def test_a_scheduler_that_is_not_there(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"pip install 'finnr_rtl\[cluster\]'"):
        explore(model, ["pynq_z1"], tmp_path / "out", scheduler="tcp://127.0.0.1:1")
    assert not (tmp_path / "out").exists()


def test_work_that_fails_ends_the_rest(tmp_path):
    with pytest.raises(ZeroDivisionError), workers(2) as executor:
        list(each(executor, divmod, [(1, 1), (1, 0), (1, 2)]))
    with workers(1) as executor:
        assert sorted(each(executor, divmod, [(7, 2), (9, 3)])) == [(0, (3, 1)), (1, (3, 0))]
