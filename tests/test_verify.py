"""Whole accelerators in simulation: every stream, every cycle; and what the bench says when something is wrong."""

import importlib.util
import json
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
from networks import conv, network, small_cnn, small_resnet, two_ways

from finnr_rtl.datatypes import DataType
from finnr_rtl.errors import UserError
from finnr_rtl.folding.folding import Fold, FoldedNetwork
from finnr_rtl.network.layers import Window
from finnr_rtl.verify import RUNS, Verification, verify

SCRIPTS = ("run.py", "runner.py", "network_bench.py")


def bench(folder: Path):
    """The module ``run.py`` in the ``sim/`` of an emitted folder."""
    spec = importlib.util.spec_from_file_location("bench_run", folder / "sim" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def simulate(folder: Path, simulator: str, builds: Path, tests: str | None = None) -> dict:
    try:
        return bench(folder).simulate(folder / "sim", folder / "rtl", simulator, builds, tests)
    except runner.SimulatorMissing as reason:
        pytest.skip(str(reason))


def faults(results: dict) -> list[str]:
    return [fault for run in results.values() for fault in run["faults"]]


@pytest.mark.parametrize(("network", "seed", "simulator"), [
    (small_cnn(0, "BIPOLAR"), 0, "verilator"), (small_cnn(2, "UINT2"), 2, "icarus"), (small_resnet(), 0, "verilator"),
    (two_ways(), 0, "verilator"), (two_ways(), 1, "icarus"),
], ids=["cnn", "cnn-icarus", "resnet", "two-ways", "two-ways-icarus"])
def test_random_foldings_keep_values_and_cycles(network, seed, simulator, tmp_path, builds):
    print(f"folding seed {seed}")
    emit(random(network, seed), tmp_path / "net")
    results = simulate(tmp_path / "net", simulator, builds)
    assert list(results) == ["back_to_back", "random_stalls", "long_stalls", "reset_in_mid_run"]
    assert faults(results) == []
    expected = json.loads((tmp_path / "net" / "sim" / "expected.json").read_text())
    for run in results.values():
        assert [link["name"] for link in run["links"]] == [link["name"] for link in expected["links"]]
        assert all(link["beats"] >= beats["beats"] > 0 for link, beats in zip(run["links"], expected["links"], strict=True))
        assert run["frames_done"] == 3
    free = results["back_to_back"]
    assert (free["latency"], free["ends"][: len(expected["ends"])]) == (expected["latency"], expected["ends"])


def test_whole_windows_several_at_a_time(tmp_path, builds):
    """Values and cycles with line buffers everywhere: by channel, tap by tap and all at once, in stream order and transposed."""
    folds = {"stem": Fold(3, 9, mmv=7), "wide": Fold(2, window="lines"), "mix": Fold(2, 3, mmv=7), "down": Fold(8, 18, mmv=2),
             "skip": Fold(4, 6, mmv=4)}
    resnet = small_resnet()
    stages = emit(FoldedNetwork(resnet, {layer.name: folds.get(layer.name, Fold(1)) for layer in resnet.layers}), tmp_path / "net")
    assert {"stem_transpose", "mix_transpose", "skip_transpose"} == {stage.name for stage in stages if "transpose" in stage.name}
    results = simulate(tmp_path / "net", "verilator", builds)
    assert faults(results) == []
    expected = json.loads((tmp_path / "net" / "sim" / "expected.json").read_text())
    assert results["back_to_back"]["ends"][: len(expected["ends"])] == expected["ends"]


def test_a_result_of_padding_alone_may_come_before_its_frame(tmp_path, builds):
    rng, dtype = np.random.default_rng(0), DataType("INT3")
    layer = conv(rng, "conv", "input", (3, 3, 2), dtype, 2, dtype, None, Window((1, 1), pads=(1, 1, 1, 1)))
    emit(fast(network("frame", (3, 3, 2), dtype, [layer])), tmp_path / "net")
    results = simulate(tmp_path / "net", "icarus", builds)
    assert faults(results) == []
    assert results["back_to_back"]["links"][-1]["beats"] > 3 * 25


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A small accelerator that simulates in few cycles."""
    folder = tmp_path_factory.mktemp("small") / "net"
    emit(fast(small_cnn()), folder, frames=4)
    return folder


@pytest.fixture
def copy(small, tmp_path) -> Path:
    return Path(shutil.copytree(small, tmp_path / "net"))


def edit(path: Path, pattern: str, replacement: str) -> None:
    """Replace the first match in a file; there must be one."""
    text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.M)
    assert count == 1, f"{pattern} not found in {path}"
    path.write_text(text)


def test_a_wrong_weight_is_found_at_its_stage(copy, builds):
    edit(copy / "rtl" / "net_conv1_mvtu.v", r"(\.INIT\(64'h)([0-9a-f]+)", lambda m: m[1] + f"{int(m[2], 16) ^ (1 << 64) - 1:x}")
    found = faults(simulate(copy, "icarus", builds, "back_to_back"))
    assert any(fault.startswith("conv1_mvtu: ") and "differ" in fault for fault in found)
    assert not any(fault.startswith("conv1_swu: ") for fault in found)


def test_a_wrong_tlast_is_found(copy, builds):
    edit(copy / "rtl" / "net.v", r"assign m_axis_tlast = .*;", "assign m_axis_tlast = 1'h0;")
    assert "tlast at the output wrong 4 times" in faults(simulate(copy, "icarus", builds, "back_to_back"))


def test_a_payload_that_changes_while_it_waits_is_found(copy, builds):
    edit(copy / "rtl" / "net.v", r"\.o__payload\(top_argmax_tdata\)", ".o__payload(steady)")
    width = re.search(r"wire (\[.*\] )?top_argmax_tdata;", (copy / "rtl" / "net.v").read_text())[1] or ""
    edit(copy / "rtl" / "net.v", r"^endmodule", f"""
  reg waited = 0;
  wire {width}steady;
  assign top_argmax_tdata = steady ^ waited;
  always @(posedge aclk) waited <= top_argmax_tvalid & ~top_argmax_tready;
endmodule""")
    found = faults(simulate(copy, "icarus", builds, "long_stalls"))
    assert any(fault.startswith("top_argmax: ") and "before it was taken" in fault for fault in found)


def test_a_stage_that_stops_is_found(copy, builds):
    edit(copy / "rtl" / "net.v", r"\.i__valid\(fc0_mvtu_tvalid\)", ".i__valid(1'h0)")
    found = faults(simulate(copy, "icarus", builds, "back_to_back"))
    assert any(re.match(r"top_argmax: 0 beats of 4", fault) for fault in found)


def test_wrong_predictions_are_found(copy, builds):
    path = copy / "sim" / "expected.json"
    expected = json.loads(path.read_text())
    path.write_text(json.dumps({**expected, "latency": expected["latency"] + 1, "ends": [end - 1 for end in expected["ends"]]}))
    found = faults(simulate(copy, "icarus", builds, "back_to_back"))
    assert f"latency {expected['latency']}, {expected['latency'] + 1} predicted" in found
    assert f"frame 1 ends at cycle {expected['ends'][1]}, {expected['ends'][1] - 1} predicted" in found


def test_the_folder_can_be_moved_and_needs_no_finnr_rtl(small, tmp_path):
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed: put iverilog on PATH")
    moved = Path(shutil.copytree(small, tmp_path / "moved"))
    for script in SCRIPTS:
        assert not re.search(r"^\s*(import|from) finnr_rtl", (moved / "sim" / script).read_text(), re.M)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")}
    command = [sys.executable, str(moved / "sim" / "run.py"), "--simulator", "icarus"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 mismatches" in done.stdout
    edit(moved / "sim" / "vectors" / "top_argmax.hex", r"\A(\w)", lambda m: f"{int(m[1], 16) ^ 1:x}")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "top_argmax: 1 beats differ, the first is beat 0" in done.stdout


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"top": 1, "stages": [{}]}'])
def test_a_folder_that_is_no_build_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(UserError, match=r"not a folder that `build` wrote"):
        verify(tmp_path)


@pytest.mark.parametrize(("runs", "fault", "differing", "sound", "passed"), [
    (RUNS, [], 0, True, True), (RUNS, [], 1, True, False), (RUNS, ["late"], 0, False, False), (RUNS[:1], [], None, False, False),
])
def test_stored_outputs_that_differ_are_no_fault_of_the_verilog(runs, fault, differing, sound, passed):
    result = Verification(3, None, {run: {"faults": fault} for run in runs}, differing)
    assert (result.sound, result.passed) == (sound, passed)
