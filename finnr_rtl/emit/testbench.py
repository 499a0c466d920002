"""The Verilog test bench of a whole accelerator: stimulus, stalls and checks run at simulator speed."""

from finnr_rtl.dataflow.accelerator import bus_width
from finnr_rtl.dataflow.stages import Stage, accelerator_inputs, accelerator_outputs, bus_names
from finnr_rtl.emit.bench_modules import MODULES
from finnr_rtl.emit.vectors import links

__all__ = ["testbench"]

# Seeds of buses are so far apart that their stalls have nothing in common.
_SALT = 0x9E3779B9

_HEAD = """\
// Test bench of {top}: plays {frames} frames from vectors/s_axis*.hex, and compares every transferred beat of every link with
// vectors/<link>.hex. Stalls of sources and sinks are random, with a probability in 1/256 set from outside; 0 is none. Each decision
// to stall or not holds for *_hold further cycles: what waits long enough behind a sink fills every stage up to the sources.
// Results are read through select inputs: link_select for the counters of a link, frame_select for the cycles of a frame.
`timescale 1ns / 1ps

"""

_PORTS = """
module tb (
    input wire clk,
    input wire resetn,
    input wire [31:0] seed,
    input wire [8:0] source_stall,
    input wire [8:0] sink_stall,
    input wire [31:0] source_hold,
    input wire [31:0] sink_hold,
    input wire [15:0] link_select,
    output reg [31:0] link_beats,
    output reg [31:0] link_mismatches,
    output reg [31:0] link_first_mismatch,
    output reg [31:0] link_unstable,
    input wire [31:0] frame_select,
    output reg [31:0] frame_start,
    output reg [31:0] frame_first,
    output reg [31:0] frame_end,
    output reg [31:0] frames_done,
    output reg [31:0] tlast_errors,
    output reg [31:0] cycle,
    output wire done
);
    always @(posedge clk) cycle <= resetn ? cycle + 1 : 0;
"""

_SOURCE = """
    wire [{bus}-1:0] {name}_tdata;
    wire {name}_tvalid, {name}_tready, {name}_tlast;
    wire [31:0] {name}_start;
    frame_source #(.WIDTH({width}), .BUS({bus}), .BEATS({beats}), .FRAMES({frames}), .FILE("vectors/{name}.hex")) play_{name} (
        .clk(clk), .resetn(resetn), .seed(seed + {salt}), .stall(source_stall), .hold(source_hold), .cycle(cycle),
        .tdata({name}_tdata), .tvalid({name}_tvalid), .tready({name}_tready), .tlast({name}_tlast),
        .frame_select(frame_select), .frame_start({name}_start));
"""

_SINK = """
    wire [{bus}-1:0] {name}_tdata;
    wire {name}_tvalid, {name}_tready, {name}_tlast;
    wire [31:0] {name}_first, {name}_end, {name}_done, {name}_tlast_errors;
    frame_sink #(.BEATS({beats}), .FRAMES({frames})) take_{name} (
        .clk(clk), .resetn(resetn), .seed(~seed - {salt}), .stall(sink_stall), .hold(sink_hold), .cycle(cycle),
        .tvalid({name}_tvalid), .tready({name}_tready), .tlast({name}_tlast),
        .frame_select(frame_select), .frame_first({name}_first), .frame_end({name}_end),
        .frames_done({name}_done), .tlast_errors({name}_tlast_errors));
"""

_DUT = """
    {top} dut (
        .aclk(clk),
        .aresetn(resetn),
{ports}
    );

    // A frame begins with the first beat taken at any input, and is done when every output has given its last.
    always @* begin
{frames}
    end
"""

_LINK = """
    wire [31:0] beats_{index}, mismatches_{index}, first_{index}, unstable_{index};
    link_checker #(.WIDTH({width}), .BEATS({beats}), .FILE("vectors/{name}.hex")) check_{name} (
        .clk(clk), .resetn(resetn), .tdata({data}), .tvalid({valid}), .tready({ready}),
        .beats(beats_{index}), .mismatches(mismatches_{index}), .first_mismatch(first_{index}), .unstable(unstable_{index}));
"""

_CASE = """\
            {index}: begin
                link_beats = beats_{index};
                link_mismatches = mismatches_{index};
                link_first_mismatch = first_{index};
                link_unstable = unstable_{index};
            end
"""

_TAIL = """
    always @* begin
        link_beats = 0;
        link_mismatches = 0;
        link_first_mismatch = 0;
        link_unstable = 0;
        case (link_select)
{cases}            default: ;
        endcase
    end

    assign done = {done};
endmodule
"""


def testbench(top: str, stages: list[Stage], frames: int) -> str:
    """Verilog of the test bench of accelerator ``top`` for ``frames`` frames."""
    inputs, outputs = accelerator_inputs(stages), accelerator_outputs(stages)
    sinks = dict(zip(bus_names("m_axis", len(outputs)), outputs.values(), strict=True))
    parts = [_HEAD.format(top=top, frames=frames), MODULES, _PORTS]
    for template, buses in ((_SOURCE, inputs), (_SINK, sinks)):
        for index, (name, spec) in enumerate(buses.items()):
            parts.append(template.format(name=name, width=spec.width, bus=bus_width(spec.width), beats=spec.beats, frames=frames,
                                         salt=f"32'h{index * _SALT % 2**32:08x}"))
    parts.append(_DUT.format(top=top, ports=_connections([*inputs, *sinks]), frames=_figures(list(inputs), list(sinks))))
    specs = links(stages)
    for index, (name, spec) in enumerate(specs):
        inside = name not in inputs
        data = f"dut.{name}_tdata" if inside else f"{name}_tdata[{spec.width - 1}:0]"
        valid, ready = (f"{'dut.' if inside else ''}{name}_t{signal}" for signal in ("valid", "ready"))
        parts.append(_LINK.format(index=index, name=name, width=spec.width, beats=frames * spec.beats, data=data, valid=valid, ready=ready))
    cases = "".join(_CASE.format(index=index) for index in range(len(specs)))
    done = " && ".join(f"beats_{index} >= {frames * spec.beats}" for index, (_, spec) in enumerate(specs))
    parts.append(_TAIL.format(cases=cases, done=done))
    return "".join(parts)


def _connections(buses: list[str]) -> str:
    signals = [f"{bus}_t{signal}" for bus in buses for signal in ("data", "valid", "ready", "last")]
    return ",\n".join(f"        .{signal}({signal})" for signal in signals)


def _figures(sources: list[str], sinks: list[str]) -> str:
    """Statements that make the figures of a frame out of those of every bus: the least or greatest of them, or their sum."""
    lines = []
    for figure, buses, of, order in (
        ("frame_start", sources, "start", "<"), ("frame_first", sinks, "first", "<"), ("frame_end", sinks, "end", ">"),
        ("frames_done", sinks, "done", "<"),
    ):
        lines.append(f"{figure} = {buses[0]}_{of};")
        lines += [f"if ({bus}_{of} {order} {figure}) {figure} = {bus}_{of};" for bus in buses[1:]]
    lines.append("tlast_errors = " + " + ".join(f"{bus}_tlast_errors" for bus in sinks) + ";")
    return "\n".join(f"        {line}" for line in lines)
