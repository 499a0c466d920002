"""Amaranth to Verilog text, stage by stage."""

import gc
import os
import re
from contextlib import contextmanager

from amaranth.back import rtlil, verilog
from amaranth.hdl import ClockSignal, Instance, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from finnr_rtl.dataflow.accelerator import Accelerator
from finnr_rtl.dataflow.stages import Stage
from finnr_rtl.emit.images import RomModules

__all__ = ["convert", "stage_module"]

_MODULE = re.compile(r"^module (\S+) ?\(.*?^endmodule\n", re.M | re.S)


def stage_module(top: str, stage: Stage) -> str:
    """Name of the module of a stage."""
    return f"{top}_{stage.name}"


def convert(accelerator: Accelerator) -> tuple[dict[str, str], dict[str, str]]:
    """Modules by their name as Yosys writes it (``\\parent.child`` below a stage), and ROM modules by theirs.

    Every stage is a hierarchy of its own: so its ports keep the names they have in the source, and less is in memory at a time.
    """
    roms = RomModules()
    with _quick():
        stages = {}
        for stage in accelerator.stages:
            name = stage_module(accelerator.name, stage)
            stages[name] = rtlil.convert(stage.config.create(), name=name, platform=roms, emit_src=False)
        instances = _StageInstances(accelerator.name, stages)
        top = rtlil.convert(accelerator, name=accelerator.name, platform=instances, emit_src=False)
        # The public function takes one hierarchy at a time, and would start Yosys once for each.
        text = verilog._convert_rtlil_text("\n".join([top, *stages.values()]), strip_internal_attrs=True)
    # Reset values stand in attributes too, beside the declarations that hold them already.
    text = re.sub(r"^ *\(\* init = .*\*\)\n", "", text, flags=re.M)
    return {match[1]: match[0] for match in _MODULE.finditer(text)}, roms.texts


@contextmanager
def _quick():
    """The Yosys that comes as a package, so that the text does not depend on what else is installed; and no garbage collection.

    Amaranth makes millions of objects that live to the end; looking through them again and again takes a sixth of the time.
    """
    before = os.environ.get("AMARANTH_USE_YOSYS")
    os.environ["AMARANTH_USE_YOSYS"] = "builtin"
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        if before is None:
            del os.environ["AMARANTH_USE_YOSYS"]
        else:
            os.environ["AMARANTH_USE_YOSYS"] = before


class _StageInstances:
    """The platform of the top: each stage is an instance of a module converted on its own; ``stages`` are their RTLIL by name."""

    def __init__(self, top: str, stages: dict[str, str]):
        self._top = top
        self._stages = stages

    def get_core(self, stage: Stage) -> wiring.Component:
        module = stage_module(self._top, stage)
        controls = set(re.findall(r"^ *wire .*input \d+ +\\(clk|rst)$", self._stages[module], re.M))
        return _StageInstance(module, stage, controls)


class _StageInstance(wiring.Component):
    def __init__(self, module: str, stage: Stage, controls: set[str]):
        self._module = module
        self._controls = controls
        super().__init__(stage.config.members())

    def elaborate(self, platform):
        # A stage without registers, or without any that is reset, has no such port.
        clock = {"i_clk": ClockSignal()} if "clk" in self._controls else {}
        reset = {"i_rst": ResetSignal()} if "rst" in self._controls else {}
        ports = {}
        for name, member in self.signature.members.items():
            stream = getattr(self, name)
            taken, given = ("i", "o") if member.flow is In else ("o", "i")
            ports |= {
                f"{taken}_{name}__payload": stream.payload,
                f"{taken}_{name}__valid": stream.valid,
                f"{given}_{name}__ready": stream.ready,
            }
        return Instance(self._module, **clock, **reset, **ports)
