"""The streaming accelerator: all stages between AXI4-Stream ports."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.contract import port_names
from finnr_rtl.cores.counter import counter
from finnr_rtl.dataflow.stages import Stage, accelerator_inputs, accelerator_outputs, bus_names

__all__ = ["Accelerator", "bus_width"]


def bus_width(bits: int) -> int:
    """Width of an AXI4-Stream ``tdata`` that carries ``bits``: whole bytes."""
    return -(-bits // 8) * 8


class Accelerator(wiring.Component):
    """``stages`` in topological order as one component with flat, standard port names.

    Frames enter on bus ``s_axis`` and leave on bus ``m_axis``, or on ``s_axis_0``, ``s_axis_1`` .. where the network has several
    inputs, and likewise outputs; each beat in the low bits of a whole number of bytes. ``tlast`` marks the last beat of a frame at an
    output; at an input it is not needed, since frames are counted. In the Verilog the link behind each stage shows as nets
    ``<stage>_tdata``, ``<stage>_tvalid`` and ``<stage>_tready``.

    Where the platform has a method ``get_core``, that gives the component of each stage.

    Attributes: ``inputs`` and ``outputs`` give the stream of each bus by its name.

    Members: ``aclk`` In(1), ``aresetn`` In(1, active low, synchronous), AXI4-Stream buses.
    """

    def __init__(self, name: str, stages: list[Stage]):
        self.name = name
        self.stages = stages
        self.inputs = accelerator_inputs(stages)
        given = accelerator_outputs(stages)
        self._given = dict(zip(bus_names("m_axis", len(given)), given, strict=True))
        self.outputs = {bus: given[link] for bus, link in self._given.items()}
        members = {"aclk": In(1), "aresetn": In(1)}
        for buses, forth, back in ((self.inputs, In, Out), (self.outputs, Out, In)):
            for bus, spec in buses.items():
                members |= {
                    f"{bus}_tdata": forth(bus_width(spec.width)), f"{bus}_tvalid": forth(1), f"{bus}_tready": back(1),
                    f"{bus}_tlast": forth(1),
                }
        super().__init__(members)
        buses = ":".join([*self.inputs, *self.outputs])
        self.aclk.attrs["X_INTERFACE_INFO"] = "xilinx.com:signal:clock:1.0 aclk CLK"
        self.aclk.attrs["X_INTERFACE_PARAMETER"] = f"ASSOCIATED_BUSIF {buses}, ASSOCIATED_RESET aresetn"

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(~self.aresetn)]

        wires = {bus: self._bus(bus) for bus in self.inputs}
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

        for bus, link in self._given.items():
            data, valid, ready = wires[link]
            tdata, tvalid, tready = self._bus(bus)
            given = Signal(name=f"{bus}_given")
            m.d.comb += given.eq(valid & ready)
            _, last = counter(m, f"{bus}_beat", self.outputs[bus].beats, given)
            m.d.comb += [tdata.eq(data), tvalid.eq(valid), ready.eq(tready), getattr(self, f"{bus}_tlast").eq(last)]
        return m

    def _bus(self, bus: str) -> tuple[Signal, Signal, Signal]:
        return tuple(getattr(self, f"{bus}_{signal}") for signal in ("tdata", "tvalid", "tready"))
