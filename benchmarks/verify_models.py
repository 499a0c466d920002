"""Build and verify every real network that is supported, on real data: the table of the README.

``python benchmarks/verify_models.py [MODEL ...]`` takes the folders of ``../shared/models`` by name. For each: the integer reference on all
stored samples, then the Verilog on the first frames, every link beat by beat, back to back and with random stalls.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from finnr_rtl.build import build, read_data
from finnr_rtl.frontend import load_network
from finnr_rtl.network.evaluate import evaluate
from finnr_rtl.verify import verify

MODELS = Path(__file__).resolve().parents[2] / "shared" / "models"
# Frames in the Verilog, and the smallest board of ours that the network fits.
NETWORKS = {
    "cnv_w1a1": (3, "pynq_z1"), "cnv_w1a2": (3, "pynq_z1"), "cnv_w2a2": (3, "pynq_z1"),
    "tfc_w1a1": (50, "pynq_z1"), "tfc_w1a2": (50, "pynq_z1"), "tfc_w2a2": (50, "pynq_z1"), "tfc_w1a1_finnonnx": (50, "pynq_z1"),
    "lfc_w1a1": (50, "pynq_z1"), "lfc_w1a2": (50, "pynq_z1"), "cybsec_mlp_w2a2": (50, "pynq_z1"), "kws_mlp_w3a3": (50, "pynq_z1"),
    "jet_tagging_w6a6": (50, "pynq_z1"), "ad_autoencoder_w8a8": (10, "pynq_z1"), "quickdraw_cnn_qcdq_w8a8": (3, "pynq_z1"),
    "resnet8_cifar10_w8a8": (3, "pynq_z1"), "mobilenetv1_vww_w4a4": (3, "pynq_z1"), "radioml_vgg10_w8a8": (3, "ultra96"),
    "mobilenetv1_vww_w8a8": (3, "ultra96"), "cnv_w1a1_finn": (4, "pynq_z1"),
    "espcn_x2_subpixel": (2, "pynq_z1"), "espcn_x2_nn_resize": (2, "pynq_z1"), "tinier_yolo_w1a3": (3, "aws_f1"),
}
# Samples that fall on ties of the float graph's own rounding (see docs/design.md).
TIES = {"radioml_vgg10_w8a8": 2, "espcn_x2_subpixel": 2, "espcn_x2_nn_resize": 2}
# CNV in FINN's published folding: the file, and the frames per second at 100 MHz that it stands for.
FINN = {"fold": Path(__file__).resolve().parents[1] / "examples" / "cnv_finn_folding.json", "target_fps": 3051}


def row(name: str, frames: int, platform: str, folder: Path) -> tuple:
    """Figures of one network, and whether everything agreed."""
    stored = MODELS / name.removesuffix("_finn")
    model, data = stored / "model.onnx", stored / "io.npz"
    report = evaluate(load_network(model), read_data(data))
    start = time.perf_counter()
    built = build(model, platform, folder / name, data=data, **(FINN if name.endswith("_finn") else {}))
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    result = verify(folder / name, frames, data)
    runs = result.runs.values()
    beats = sum(link["beats"] for run in runs for link in run["links"])
    wrong = sum(link["mismatches"] for run in runs for link in run["links"])
    steady = result.runs["back_to_back"].get("interval")
    good = result.sound and report.mismatching_samples <= TIES.get(name, 0) and steady == built.cycles.gap(result.frames)
    return (name, report.samples, report.mismatching_samples, result.frames, beats, wrong, built.cycles.interval, steady, f"{seconds:.1f}",
            f"{time.perf_counter() - start:.1f}", "PASS" if good else "FAIL")


def main() -> int:
    if not MODELS.is_dir():
        print(f"{MODELS} is not here; nothing to verify")
        return 0
    names = sys.argv[1:] or list(NETWORKS)
    columns = ("network", "samples", "differ", "frames", "beats", "mismatches", "II predicted", "measured", "build s", "verify s", "")
    print(" | ".join(columns), flush=True)
    results = []
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            results.append(row(name, *NETWORKS.get(name, (3, "aws_f1")), Path(place)))
            print(" | ".join(map(str, results[-1])), flush=True)
    return int(np.any([result[-1] != "PASS" for result in results]))


if __name__ == "__main__":
    sys.exit(main())
