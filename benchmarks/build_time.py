"""Time from ONNX to Verilog, imports included: ``python benchmarks/build_time.py [MODEL.onnx ...]``.

Without arguments: TFC and CNV of the zoo, in w1a1. Each build is a process of its own, as a user starts it; the second line of each is
where its time goes, by step. Also the time of ``--help`` and of a mistake.
"""

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
build(Path(sys.argv[1]), "pynq_z1", Path(sys.argv[2]), progress=lambda step: steps.append((step, time.time())))
ends = [start for _, start in steps[1:]] + [time.time()]
print(", ".join(f"{name} {end - start:.1f} s" for (name, start), end in zip(steps, ends)))
"""


def timed(*arguments: str) -> float:
    """Wall seconds of one command line; its exit code may be 0 or 2."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 2):
        raise RuntimeError(done.stderr)
    return seconds


def main() -> None:
    print(f"--help: {timed('-m', 'finnr_rtl', '--help'):.2f} s")
    print(f"a missing model: {timed('-m', 'finnr_rtl', 'build', 'no.onnx', '--platform', 'pynq_z1'):.2f} s")
    with tempfile.TemporaryDirectory() as place:
        models = [Path(name).resolve() for name in sys.argv[1:]]
        for name in () if models else ("tfc_w1a1", "cnv_w1a1"):
            models.append(Path(place) / f"{name}.onnx")
            timed("-m", "finnr_rtl", "example", name, "-o", str(models[-1]))
        for model in models:
            out = str(Path(place) / "out")
            seconds = timed("-m", "finnr_rtl", "build", str(model), "--platform", "pynq_z1", "-o", out)
            size = sum(path.stat().st_size for path in (Path(out) / "rtl").iterdir())
            print(f"{model.stem}: {seconds:.1f} s, {size / 1e6:.2f} MB of Verilog", flush=True)
            steps = subprocess.run([sys.executable, "-c", _STEPS, str(model), out], cwd=ROOT, capture_output=True, text=True, check=True)
            print(f"  {steps.stdout.strip()}", flush=True)


if __name__ == "__main__":
    main()
