"""The streaming accelerator: all stages between two AXI4-Stream ports."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.contract import port_names
from finnr_rtl.cores.counter import counter
from finnr_rtl.dataflow.stages import Stage, accelerator_input

__all__ = ["Accelerator", "bus_width"]


def bus_width(bits: int) -> int:
    """Width of an AXI4-Stream ``tdata`` that carries ``bits``: whole bytes."""
    return -(-bits // 8) * 8


class Accelerator(wiring.Component):
    """``stages`` in topological order as one component with flat, standard port names.

    Beats of the first stage's input enter on ``s_axis``, beats of the last stage's output leave on ``m_axis``, each in the low bits of a
    whole number of bytes. ``m_axis_tlast`` marks the last beat of a frame; ``s_axis_tlast`` is not needed, since frames are counted.
    In the Verilog the link behind each stage shows as nets ``<stage>_tdata``, ``<stage>_tvalid`` and ``<stage>_tready``.

    Where the platform has a method ``get_core``, that gives the component of each stage.

    Members: ``aclk`` In(1), ``aresetn`` In(1, active low, synchronous), ``s_axis_*`` and ``m_axis_*`` AXI4-Stream.
    """

    def __init__(self, name: str, stages: list[Stage]):
        self.name = name
        self.stages = stages
        self.input = accelerator_input(stages)
        self.output = stages[-1].config.outputs[-1]
        super().__init__({
            "aclk": In(1),
            "aresetn": In(1),
            "s_axis_tdata": In(bus_width(self.input.width)),
            "s_axis_tvalid": In(1),
            "s_axis_tready": Out(1),
            "s_axis_tlast": In(1),
            "m_axis_tdata": Out(bus_width(self.output.width)),
            "m_axis_tvalid": Out(1),
            "m_axis_tready": In(1),
            "m_axis_tlast": Out(1),
        })
        self.aclk.attrs["X_INTERFACE_INFO"] = "xilinx.com:signal:clock:1.0 aclk CLK"
        self.aclk.attrs["X_INTERFACE_PARAMETER"] = "ASSOCIATED_BUSIF s_axis:m_axis, ASSOCIATED_RESET aresetn"

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(~self.aresetn)]

        wires = {"s_axis": (self.s_axis_tdata, self.s_axis_tvalid, self.s_axis_tready)}
        for stage in self.stages:
            core = platform.get_core(stage) if hasattr(platform, "get_core") else stage.config.create()
            m.submodules[stage.name] = core
            for port, link in zip(port_names("i", len(stage.sources)), stage.sources, strict=True):
                data, valid, ready = wires[link]
                i = getattr(core, port)
                m.d.comb += [i.payload.eq(data), i.valid.eq(valid), ready.eq(i.ready)]
            for port, link, spec in zip(port_names("o", len(stage.links)), stage.links, stage.config.outputs, strict=True):
                data = Signal(spec.width, name=f"{link}_tdata")
                valid = Signal(name=f"{link}_tvalid")
                ready = Signal(name=f"{link}_tready")
                o = getattr(core, port)
                m.d.comb += [data.eq(o.payload), valid.eq(o.valid), o.ready.eq(ready)]
                wires[link] = data, valid, ready

        given = Signal()
        m.d.comb += given.eq(valid & ready)
        _, last = counter(m, "m_axis_beat", self.output.beats, given)
        m.d.comb += [self.m_axis_tdata.eq(data), self.m_axis_tvalid.eq(valid), ready.eq(self.m_axis_tready)]
        m.d.comb += self.m_axis_tlast.eq(last)
        return m
