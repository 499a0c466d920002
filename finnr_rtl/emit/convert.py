"""Amaranth to Verilog text, stage by stage."""

import os
import re
from contextlib import contextmanager

from amaranth.back import rtlil, verilog
from amaranth.hdl import ClockSignal, Instance, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from finnr_rtl.cores.rom import Rom
from finnr_rtl.cores.shared import Shared
from finnr_rtl.dataflow.accelerator import Accelerator
from finnr_rtl.dataflow.stages import Stage
from finnr_rtl.emit.images import RomModules
from finnr_rtl.families import LUT_MEMORY, MERGING, SLICES
from finnr_rtl.garbage import uncollected

__all__ = ["convert", "stage_module"]

_MODULE = re.compile(r"^module (\S+) ?\(.*?^endmodule\n", re.M | re.S)


def stage_module(top: str, stage: Stage) -> str:
    """Name of the module of a stage."""
    return f"{top}_{stage.name}"


def convert(accelerator: Accelerator, family: str = "xc7") -> tuple[dict[str, str], dict[str, str], dict[str, list[str]], set[str]]:
    """Modules by their name as Yosys writes it (``\\parent.child`` below a stage), ROM modules by theirs, for each stage's module the
    names of the modules that several places in it share, and those of them whose boundary synthesis is to keep. ``family`` is that of the
    device (:mod:`finnr_rtl.families`).

    Every stage is a hierarchy of its own: so its ports keep the names they have in the source, and less is in memory at a time.
    """
    roms = RomModules()
    with uncollected(), _packaged_yosys():
        stages, shared, kept = {}, {}, set()
        for stage in accelerator.stages:
            name = stage_module(accelerator.name, stage)
            platform = _StagePlatform(name, roms, family)
            stages[name] = rtlil.convert(stage.config.create(), name=name, platform=platform, emit_src=False)
            shared[name] = platform.shared
            kept |= platform.kept
        instances = _StageInstances(accelerator.name, stages)
        top = rtlil.convert(accelerator, name=accelerator.name, platform=instances, emit_src=False)
        parts = [top, *stages.values(), *(text for modules in shared.values() for text in modules.values())]
        # The public function takes one hierarchy at a time, and would start Yosys once for each.
        text = verilog._convert_rtlil_text("\n".join(parts), strip_internal_attrs=True)
    # Reset values stand in attributes too, beside the declarations that hold them already.
    text = re.sub(r"^ *\(\* init = .*\*\)\n", "", text, flags=re.M)
    modules = {match[1]: match[0] for match in _MODULE.finditer(text)}
    return modules, roms.texts, {name: list(texts) for name, texts in shared.items()}, kept


@contextmanager
def _packaged_yosys():
    """The Yosys that comes as a package, so that the text does not depend on what else is installed."""
    before = os.environ.get("AMARANTH_USE_YOSYS")
    os.environ["AMARANTH_USE_YOSYS"] = "builtin"
    try:
        yield
    finally:
        if before is None:
            del os.environ["AMARANTH_USE_YOSYS"]
        else:
            os.environ["AMARANTH_USE_YOSYS"] = before


class _StagePlatform:
    """The platform of one stage: ROMs are written apart, and of components that are all alike there is one module."""

    def __init__(self, module: str, roms: RomModules, family: str):
        self._module = module
        self.lut_memory = family in LUT_MEMORY
        self.slices = family in SLICES
        self.merges_products = family in MERGING
        self._roms = roms
        self._kinds: dict[str, tuple] = {}
        self._making: tuple | None = None
        self.shared: dict[str, str] = {}
        self.kept: set[str] = set()

    def get_rom(self, rom: Rom) -> Instance:
        return self._roms.get_rom(rom)

    def get_shared(self, component: Shared) -> Instance | None:
        """An instance of the module of ``type(component)(*component.parameters)``; None within that module itself."""
        kinds = (type(component), component.parameters)
        if kinds == self._making:
            return None
        name = f"{self._module}_{re.sub('(?<=[a-z])(?=[A-Z])', '_', type(component).__name__).lower()}{component.variant}"
        if self._kinds.setdefault(name, kinds) != kinds:
            raise AssertionError(f"{name} stands for components that are not alike")
        if name not in self.shared:
            self.shared[name] = self._made(component, kinds, name)
        ports = {f"{'i' if member.flow is In else 'o'}_{port}": getattr(component, port)
                 for port, member in component.signature.members.items()}
        return Instance(name, **_controls(self.shared[name]), **ports)

    def _made(self, component: Shared, kinds: tuple, name: str) -> str:
        """RTLIL of the module of a component."""
        outer, self._making = self._making, kinds
        text = rtlil.convert(type(component)(*component.parameters), name=name, platform=self, emit_src=False)
        self._making = outer
        # What is made of cells is as it is to be.
        if component.keep_hierarchy and not self.slices:
            self.kept.add(name)
        return text


class _StageInstances:
    """The platform of the top: each stage is an instance of a module converted on its own; ``stages`` are their RTLIL by name."""

    def __init__(self, top: str, stages: dict[str, str]):
        self._top = top
        self._stages = stages

    def get_core(self, stage: Stage) -> wiring.Component:
        module = stage_module(self._top, stage)
        return _StageInstance(module, stage, self._stages[module])


class _StageInstance(wiring.Component):
    def __init__(self, module: str, stage: Stage, text: str):
        self._module = module
        self._text = text
        super().__init__(stage.config.members())

    def elaborate(self, platform):
        ports = {}
        for name, member in self.signature.members.items():
            stream = getattr(self, name)
            taken, given = ("i", "o") if member.flow is In else ("o", "i")
            ports |= {
                f"{taken}_{name}__payload": stream.payload,
                f"{taken}_{name}__valid": stream.valid,
                f"{given}_{name}__ready": stream.ready,
            }
        return Instance(self._module, **_controls(self._text), **ports)


def _controls(text: str) -> dict:
    """Connections of clock and reset to a module of RTLIL ``text``: without registers, or any that is reset, it has no such port."""
    ports = set(re.findall(r"^ *wire .*input \d+ +\\(clk|rst)$", text, re.M))
    signals = {"clk": ClockSignal(), "rst": ResetSignal()}
    return {f"i_{name}": signals[name] for name in sorted(ports)}
