"""Time and memory from ONNX to Verilog, imports included: ``python benchmarks/build_time.py [--platform BOARD] [MODEL.onnx ...]``.

Without models: TFC and CNV of the zoo, in w1a1. Each build is a process of its own, as a user starts it; the second line of each is
where its time goes, by step. Also the time of ``--help`` and of a mistake.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_STEPS = """
import sys, time
begin = time.time()
from pathlib import Path
from finnr_rtl.build import build
steps = [("imports", begin)]
build(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), progress=lambda step: steps.append((step, time.time())))
ends = [start for _, start in steps[1:]] + [time.time()]
print(", ".join(f"{name} {end - start:.1f} s" for (name, start), end in zip(steps, ends)))
"""


def measured(*arguments: str) -> tuple[float, float]:
    """Wall seconds and the most memory, in GB, of one command line; its exit code may be 0 or 2."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        if process.returncode not in (0, 2):
            errors.seek(0)
            raise RuntimeError(errors.read())
    return seconds, usage.ru_maxrss * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--platform", default="pynq_z1")
    parser.add_argument("models", nargs="*", type=Path)
    options = parser.parse_args()
    print(f"--help: {measured('-m', 'finnr_rtl', '--help')[0]:.2f} s")
    print(f"a missing model: {measured('-m', 'finnr_rtl', 'build', 'no.onnx', '--platform', options.platform)[0]:.2f} s")
    with tempfile.TemporaryDirectory() as place:
        models = [path.resolve() for path in options.models]
        for name in () if models else ("tfc_w1a1", "cnv_w1a1"):
            models.append(Path(place) / f"{name}.onnx")
            measured("-m", "finnr_rtl", "example", name, "-o", str(models[-1]))
        for model in models:
            name = model.parent.name if model.stem == "model" else model.stem
            out = str(Path(place) / "out")
            seconds, memory = measured("-m", "finnr_rtl", "build", str(model), "--platform", options.platform, "-o", out)
            size = sum(path.stat().st_size for path in (Path(out) / "rtl").iterdir())
            print(f"{name}: {seconds:.1f} s, {memory:.2f} GB of memory, {size / 1e6:.2f} MB of Verilog", flush=True)
            command = [sys.executable, "-c", _STEPS, str(model), options.platform, out]
            steps = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            print(f"  {steps.stdout.strip()}", flush=True)


if __name__ == "__main__":
    main()
