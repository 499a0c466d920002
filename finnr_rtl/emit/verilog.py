"""The Verilog of an accelerator: a file for the top, one for each stage, and the lint waivers."""

import re
from dataclasses import fields

from finnr_rtl.cores.contract import CoreConfig, StreamSpec
from finnr_rtl.data_folders import folder
from finnr_rtl.dataflow.accelerator import Accelerator
from finnr_rtl.dataflow.stages import Stage
from finnr_rtl.dataflow.timing import Cycles
from finnr_rtl.datatypes import DataType
from finnr_rtl.emit.convert import convert, stage_module
from finnr_rtl.emit.names import plain_names
from finnr_rtl.emit.waivers import waivers

__all__ = ["verilog_files"]


def verilog_files(accelerator: Accelerator, cycles: Cycles, family: str = "xc7") -> dict[str, str]:
    """Verilog-2005 of ``accelerator`` by file name. Its comments call a frame what ends with tlast, be it a batch of them.

    ``<top>.v`` is the top, each ``<top>_<stage>.v`` a stage with all that is below it, ``verilator.vlt`` the lint waivers.
    Modules are named after their place in the hierarchy, joined by underscores; the same accelerator gives the same text.
    ``family`` is that of the device (:mod:`finnr_rtl.families`): on iCE40, small memories are registers and others block RAM, and Xilinx'
    have cells of their slices, with models for simulation in ``<cell>.v``.
    """
    top = accelerator.name
    modules, roms, shared, kept = convert(accelerator, family)
    hierarchies = plain_names(modules, roms, [top, *shared, *(name for names in shared.values() for name in names)])
    files = {f"{top}.v": _comment(_top_lines(accelerator, cycles)) + hierarchies[top]}
    for stage in accelerator.stages:
        module = stage_module(top, stage)
        texts = [("(* keep_hierarchy *)\n" if name in kept else "") + hierarchies[name] for name in (module, *shared[module])]
        files[f"{module}.v"] = _comment(_stage_lines(stage)) + "\n".join(texts)
    text = "".join(files.values())
    cells = sorted((folder("sim") / "cells").glob("*.v"))
    files |= {path.name: path.read_text() for path in cells if re.search(rf"^ *{path.stem} ", text, re.M)}
    files["verilator.vlt"] = waivers(top)
    return files


def _comment(lines: list[str]) -> str:
    return "".join(f"// {line}".rstrip() + "\n" for line in lines) + "\n"


def _top_lines(accelerator: Accelerator, cycles: Cycles) -> list[str]:
    return [
        f"{accelerator.name}: {len(accelerator.stages)} stages between AXI4-Stream ports.",
        *(f"In:  {_beats(spec)}, in the low bits of {bus}_tdata." for bus, spec in accelerator.inputs.items()),
        *(f"Out: {_beats(spec)}, in the low bits of {bus}_tdata; {bus}_tlast on the last beat of a frame."
          for bus, spec in accelerator.outputs.items()),
        f"{cycles.interval} cycles per frame, set by {cycles.bottleneck};",
        f"{cycles.latency} from the first beat of the first frame taken to its first result offered.",
    ]


def _stage_lines(stage: Stage) -> list[str]:
    core = type(stage.config).__name__.removesuffix("Config")
    schedule = stage.config.schedule()
    return [
        f"{stage.name}: {core}" + (f" of layer {stage.layer}" if stage.layer else ""),
        f"Parameters: {_parameters(stage.config)}.",
        *(f"In:  {_beats(spec)}." for spec in stage.config.inputs),
        *(f"Out: {_beats(spec)}." for spec in stage.config.outputs),
        f"{schedule.interval} cycles per frame.",
    ]


def _beats(spec: StreamSpec) -> str:
    shape = "x".join(map(str, spec.shape))
    return f"{spec.beats} beats per frame of {shape}, each {spec.lanes} x {spec.dtype}, first value in the low bits"


def _parameters(config: CoreConfig) -> str:
    """The parameters that fit a line; tables are left to the Verilog."""
    values = ((field.name, getattr(config, field.name)) for field in fields(config))
    return ", ".join(f"{name}={value}" for name, value in values if isinstance(value, bool | int | str | tuple | DataType))
