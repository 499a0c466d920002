"""Frames computed together: the same numbers as one by one, from the network to the simulation; and what is told of cycles and rates."""

import json
import shlex
from pathlib import Path

import numpy as np
import onnx
import pytest
from graphs import Writer, execute
from networks import small_cnn
from onnx import TensorProto
from test_report import check_page

from finnr_rtl.cli import main
from finnr_rtl.design import Goal, design
from finnr_rtl.errors import UserError
from finnr_rtl.explore import explore
from finnr_rtl.frontend import load_network
from finnr_rtl.network.batch import MOST_FRAMES, batched
from finnr_rtl.network.evaluate import evaluate
from finnr_rtl.network.host import quantise
from finnr_rtl.platforms import load
from finnr_rtl.report.facts import facts

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = 7


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A network of vectors with all that may stand between them, its samples, and what another executor makes of these: an image that a
    quantiser meets as a map and a matrix as a vector, a sum of two branches, and the class at the end."""
    place, rng, w = tmp_path_factory.mktemp("mlp"), np.random.default_rng(5), Writer((1, 4, 6))

    def dense(x, inputs, outputs):
        return w.node("MatMul", x, w.quant(np.float32(rng.normal(0, 2, (inputs, outputs))), bits=3))

    x = w.node("Flatten", w.quant(w.quant("x", 0.5, bits=4), 1.0, bits=3))
    x = w.quant(dense(x, 24, 12), 4.0, bits=3)
    x = w.quant(w.node("Add", w.quant(dense(x, 12, 12), 8.0, bits=4), w.quant(dense(x, 12, 12), 8.0, bits=4)), 8.0, bits=3)
    x = w.node("ArgMax", dense(x, 12, 6), axis=1, keepdims=0)
    model = w.model(x)
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    onnx.save(model, place / "mlp.onnx")
    samples = np.float32(rng.normal(0, 2, (SAMPLES, 1, 4, 6)))
    outputs = execute(model, samples[:, None])
    np.savez(place / "data.npz", inputs=samples, outputs=outputs, labels=outputs.reshape(-1))
    return place / "mlp.onnx", place / "data.npz"


@pytest.mark.parametrize("frames", [1, 2, 3, SAMPLES, MOST_FRAMES])
def test_frames_together_give_what_each_gives(case, frames):
    network, samples = load_network(case[0]), np.load(case[1])["inputs"]
    several = batched(network, frames)
    one, q = quantise(network.input, samples)[0], quantise(several.input, samples)[0]
    assert q.shape == (-(-SAMPLES // frames), *several.input.shape)
    found, wanted = several.execute(q), network.execute(one)
    for layer in (several.input, *several.layers):
        results = several.by_frame(found[layer.name])
        assert np.array_equal(results[:SAMPLES], wanted[layer.name].reshape(SAMPLES, -1)), layer.name
        # The last batch is filled up with the last sample.
        assert (results[SAMPLES:] == results[SAMPLES - 1]).all()
    assert several.operations == frames * network.operations and several.parameters == network.parameters


def test_data_sets_need_not_be_whole_batches(case, capsys):
    model, data = case
    report = evaluate(batched(load_network(model), 3), dict(np.load(data)))
    assert (report.samples, report.mismatching_values, report.correct) == (SAMPLES, 0, SAMPLES)
    assert main(["run", str(model), "--data", str(data), "--batch", "4"]) == 0
    assert f"{SAMPLES} samples" in capsys.readouterr().out


@pytest.mark.parametrize(("frames", "mmv"), [(2, 1), (2, 2), (3, 3)])
def test_built_and_simulated(case, frames, mmv, tmp_path, capsys):
    model, data = case
    fold, out = tmp_path / "fold.json", tmp_path / "out"
    matrices = [layer.name for layer in load_network(model).layers if hasattr(layer, "weights")]
    # Of one layer a transposition, of the others all outputs at once.
    fold.write_text(json.dumps({"layers": {name: {"pe": 6 if name == matrices[1] else 2, "simd": 4, "mmv": mmv} for name in matrices}}))
    arguments = ["build", str(model), "--platform", "pynq_z1", "--batch", str(frames), "--fold", str(fold), "-o", str(out)]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    manifest, known = (json.loads((out / name).read_text()) for name in ("manifest.json", "report.json"))
    interval = manifest["cycles"]["interval"]
    assert f"{interval:,} cycles per batch of {frames} frames" in told
    assert manifest["batch"] == known["network"]["batch"] == frames
    assert manifest["cycles"]["frames_per_second"] == known["performance"]["frames_per_second"] == pytest.approx(100e6 * frames / interval)
    assert manifest["outputs"][0]["shape"] == [1, frames, 1] and manifest["inputs"][0]["model_shape"] == [1, 4, 6]
    assert all(layer["fold"]["mmv"] == mmv for layer in known["layers"] if layer["name"] in matrices)
    check_page((out / "report.html").read_text())

    # Of 7 samples, the last batch is filled up; random frames come as whole batches.
    count, given = (2 * frames, []) if mmv == 1 else (SAMPLES, ["--data", str(data)])
    assert main(["verify", str(out), "--frames", str(2 * frames - 1) if mmv == 1 else str(SAMPLES), *given]) == 0
    told = capsys.readouterr().out
    batches = -(-count // frames)
    assert f"{batches} batches of {frames} frames in" in told and f"\n{count} frames, " in told and " 0 mismatches: PASS" in told
    assert (f"0 of {SAMPLES} frames differ" in told) == bool(given)
    found = json.loads((out / "verify.json").read_text())
    assert found["measured"] == found["predicted"] and found["frames"] == count


def test_rates_count_frames(case):
    board, caps = load("pynq_z1"), {"bram18": 0, "dsp": 0}
    one, two = (batched(load_network(case[0]), frames) for frames in (1, 2))
    fast, known = design(two, board, Goal(caps=caps)), facts(design(two, board, Goal(caps=caps)))
    assert fast.frames_per_second == 2 * 100e6 / fast.cycles.interval
    assert known["performance"]["operations_per_second"] == pytest.approx(one.operations * fast.frames_per_second)
    assert known["traffic"]["bytes_per_second"] == pytest.approx((known["traffic"]["input_bytes"] + 1) * fast.frames_per_second / 2)
    # A target is one of frames: a batch may take twice the cycles.
    slow = design(two, board, Goal(target_fps=1e6, caps=caps))
    assert slow.cycles.interval == 200 or slow.cycles.interval < 200 and slow.frames_per_second >= 1e6
    with pytest.raises(UserError, match="1,000,000,000 frames/s at 100 MHz leave 1 cycles per batch of 2 frames"):
        design(two, board, Goal(target_fps=1e9, caps=caps))


def test_explored_designs_build_with_their_batch(case, tmp_path):
    result = explore(case[0], ["pynq_z1"], tmp_path / "out", points=2, jobs=1, batch=2)
    best = result["platforms"][0]["points"][-1]
    assert best["frames_per_second"] == pytest.approx(200e6 / best["interval_cycles"])
    assert "of a batch of 2 frames" in (tmp_path / "out" / "report.html").read_text()
    assert main([*shlex.split(best["build"])[3:], "-o", str(tmp_path / "built")]) == 0
    manifest = json.loads((tmp_path / "built" / "manifest.json").read_text())
    assert (manifest["batch"], manifest["cycles"]["interval"]) == (2, best["interval_cycles"])


@pytest.mark.parametrize(
    ("batch", "words"), [("2", ["'Conv_0' (Conv 3x3) works on a map", "leave --batch out"]), ("65", ["--batch 65", "1 to 64"])]
)
def test_what_cannot_be_batched_is_refused(batch, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["build", str(ROOT / "examples" / "digits_w1a1.onnx"), "--platform", "pynq_z1", "--batch", batch]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and all(word in message for word in words)
    assert not any(tmp_path.iterdir())


def test_a_batch_is_of_one_frame_at_least(case):
    with pytest.raises(SystemExit) as caught:
        main(["build", str(case[0]), "--platform", "pynq_z1", "--batch", "0"])
    assert caught.value.code == 2
    with pytest.raises(UserError, match="--batch 0"):
        batched(small_cnn(), 0)
