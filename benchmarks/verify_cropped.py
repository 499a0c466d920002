"""Verify fully convolutional networks too slow to simulate whole on a cropped input: ``python benchmarks/verify_cropped.py [MODEL ...]``.

The model of ``../shared/models`` is given a smaller input; real inputs are cropped to it; the reference on the crop is compared with
qonnx's executor, then the whole Verilog with the reference, every link beat by beat.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.util.cleanup import cleanup_model

from finnr_rtl.build import build
from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate
from finnr_rtl.verify import verify

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
SIZES = {"espcn_x2_subpixel": 12, "espcn_x2_nn_resize": 12, "tinier_yolo_w1a3": 64}


def cropped(name: str, size: int) -> onnx.ModelProto:
    """The model with an input of ``size`` x ``size`` pixels."""
    model = onnx.load(MODELS / name / "model.onnx")
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return model


def main() -> int:
    if not MODELS.is_dir():
        print(f"{MODELS} is not here; nothing to verify")
        return 0
    good = True
    with tempfile.TemporaryDirectory() as place:
        for name in sys.argv[1:] or SIZES:
            size = SIZES[name]
            path, data = Path(place) / f"{name}.onnx", Path(place) / f"{name}.npz"
            model = cropped(name, size)
            onnx.save(model, path)
            with np.load(MODELS / name / "io.npz") as stored:
                start = (stored["inputs"].shape[2] - size) // 2
                inputs = stored["inputs"][:3, :, start : start + size, start : start + size]
            wrapper = cleanup_model(ModelWrapper(model))
            tensor, result = wrapper.graph.input[0].name, wrapper.graph.output[0].name
            outputs = np.concatenate([execute_onnx(wrapper, {tensor: x[None]})[result] for x in inputs])
            np.savez(data, inputs=inputs, outputs=outputs)
            report = evaluate(load_network(path), {"inputs": inputs, "outputs": outputs})
            built = build(path, "aws_f1", Path(place) / name, data=data, target_fps=2000)
            done = verify(Path(place) / name, len(inputs), data)
            beats = sum(link["beats"] for run in done.runs.values() for link in run["links"])
            faults = [fault for run in done.runs.values() for fault in run["faults"]]
            good &= not faults
            differ = f"{report.mismatching_values} of {outputs.size} values differ from qonnx"
            print(f"{name} at {size} x {size}: {differ}, {built.cycles.interval} cycles per frame, {beats} beats, "
                  f"faults: {'; '.join(faults) or 'none'}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
