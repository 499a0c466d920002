"""The Verilog test bench of a whole accelerator: stimulus, stalls and checks run at simulator speed."""

from finnr_rtl.dataflow.accelerator import bus_width
from finnr_rtl.dataflow.stages import Stage
from finnr_rtl.emit.vectors import links

__all__ = ["testbench"]

_HEAD = """\
// Test bench of {top}: plays {frames} frames from vectors/s_axis.hex, and compares every transferred beat of every link with
// vectors/<link>.hex. Stalls of source and sink are random, with a probability in 1/256 set from outside; 0 is none. Each decision
// to stall or not holds for *_hold further cycles: what waits long enough behind the sink fills every stage up to the source.
// Results are read through select inputs: link_select for the counters of a link, frame_select for the cycles of a frame.
`timescale 1ns / 1ps

module link_checker #(
    parameter WIDTH = 1,
    parameter BEATS = 1,
    parameter FILE = ""
) (
    input wire clk,
    input wire resetn,
    input wire [WIDTH-1:0] tdata,
    input wire tvalid,
    input wire tready,
    output reg [31:0] beats,
    output reg [31:0] mismatches,
    output reg [31:0] first_mismatch,
    output reg [31:0] unstable
);
    reg [WIDTH-1:0] expected [0:BEATS-1];
    initial $readmemh(FILE, expected);

    reg waiting;
    reg [WIDTH-1:0] offered;
    always @(posedge clk) begin
        if (!resetn) begin
            beats <= 0;
            mismatches <= 0;
            first_mismatch <= 0;
            unstable <= 0;
            waiting <= 0;
        end else begin
            waiting <= tvalid && !tready;
            if (tvalid && !tready) offered <= tdata;
            if (waiting && (!tvalid || tdata !== offered)) unstable <= unstable + 1;
            if (tvalid && tready) begin
                beats <= beats + 1;
                // Padding lets a window begin before its frame does: what comes after the last frame begins like the first.
                if (tdata !== expected[beats < BEATS ? beats : beats - BEATS]) begin
                    if (mismatches == 0) first_mismatch <= beats;
                    mismatches <= mismatches + 1;
                end
            end
        end
    end
endmodule

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
    output wire [31:0] frame_start,
    output wire [31:0] frame_first,
    output wire [31:0] frame_end,
    output reg [31:0] frames_done,
    output reg [31:0] tlast_errors,
    output reg [31:0] cycle,
    output wire done
);
    localparam FRAMES = {frames};
    localparam BEATS_IN = {beats_in};
    localparam BEATS_OUT = {beats_out};

    // Two Galois registers, stepped together: one byte each decides on the next cycle.
    reg [31:0] source_random;
    reg [31:0] sink_random;
    always @(posedge clk) begin
        if (!resetn) begin
            source_random <= seed | 32'h1;
            sink_random <= ~seed | 32'h1;
        end else begin
            source_random <= {{1'b0, source_random[31:1]}} ^ (source_random[0] ? 32'hA3000000 : 32'h0);
            sink_random <= {{1'b0, sink_random[31:1]}} ^ (sink_random[0] ? 32'hB4BCD35C : 32'h0);
        end
    end

    wire s_axis_tready;
    reg s_axis_tvalid;
    reg [{s_bus}-1:0] s_axis_tdata;
    reg s_axis_tlast;
    wire [{m_bus}-1:0] m_axis_tdata;
    wire m_axis_tvalid;
    wire m_axis_tlast;
    reg m_axis_tready;
    reg [{s_width}-1:0] stimulus [0:FRAMES*BEATS_IN-1];
    initial $readmemh("vectors/s_axis.hex", stimulus);

    // Cycles of the first beat taken, the first and the last beat given, frame by frame.
    reg [31:0] start_of [0:FRAMES-1];
    reg [31:0] first_of [0:FRAMES-1];
    reg [31:0] end_of [0:FRAMES-1];
    assign frame_start = start_of[frame_select];
    assign frame_first = first_of[frame_select];
    assign frame_end = end_of[frame_select];

    reg source_open;
    reg [31:0] source_left;
    reg [31:0] sink_left;
    always @(posedge clk) begin
        if (!resetn) begin
            source_open <= source_stall == 0;
            m_axis_tready <= sink_stall == 0;
            source_left <= 0;
            sink_left <= 0;
        end else begin
            source_left <= source_left == 0 ? source_hold : source_left - 1;
            sink_left <= sink_left == 0 ? sink_hold : sink_left - 1;
            if (source_left == 0) source_open <= {{1'b0, source_random[7:0]}} >= source_stall;
            if (sink_left == 0) m_axis_tready <= {{1'b0, sink_random[7:0]}} >= sink_stall;
        end
    end

    reg [31:0] next_beat;
    reg [31:0] beat_in;
    reg [31:0] frame_in;
    reg [31:0] beat_out;
    always @(posedge clk) begin
        if (!resetn) begin
            cycle <= 0;
            // Without stalls the first beat is there in the first cycle after reset, as in the cycle model.
            next_beat <= source_stall == 0 ? 1 : 0;
            s_axis_tvalid <= source_stall == 0;
            s_axis_tdata <= stimulus[0];
            s_axis_tlast <= BEATS_IN == 1;
            beat_in <= 0;
            frame_in <= 0;
            beat_out <= 0;
            frames_done <= 0;
            tlast_errors <= 0;
        end else begin
            cycle <= cycle + 1;
            if (!s_axis_tvalid || s_axis_tready) begin
                s_axis_tvalid <= 0;
                if (next_beat < FRAMES * BEATS_IN && source_open) begin
                    s_axis_tvalid <= 1;
                    s_axis_tdata <= stimulus[next_beat];
                    s_axis_tlast <= next_beat % BEATS_IN == BEATS_IN - 1;
                    next_beat <= next_beat + 1;
                end
            end
            if (s_axis_tvalid && s_axis_tready) begin
                if (beat_in == 0) start_of[frame_in] <= cycle;
                beat_in <= beat_in == BEATS_IN - 1 ? 0 : beat_in + 1;
                if (beat_in == BEATS_IN - 1) frame_in <= frame_in + 1;
            end
            if (m_axis_tvalid && m_axis_tready) begin
                if (beat_out == 0 && frames_done < FRAMES) first_of[frames_done] <= cycle;
                if (m_axis_tlast !== (beat_out == BEATS_OUT - 1)) tlast_errors <= tlast_errors + 1;
                beat_out <= beat_out == BEATS_OUT - 1 ? 0 : beat_out + 1;
                if (beat_out == BEATS_OUT - 1) begin
                    if (frames_done < FRAMES) end_of[frames_done] <= cycle;
                    frames_done <= frames_done + 1;
                end
            end
        end
    end

    {top} dut (
        .aclk(clk),
        .aresetn(resetn),
        .s_axis_tdata(s_axis_tdata),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .s_axis_tlast(s_axis_tlast),
        .m_axis_tdata(m_axis_tdata),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .m_axis_tlast(m_axis_tlast)
    );
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
    specs = links(stages)
    source, sink = specs[0][1], specs[-1][1]
    parts = [_HEAD.format(top=top, frames=frames, beats_in=source.beats, beats_out=sink.beats, s_bus=bus_width(source.width),
                          m_bus=bus_width(sink.width), s_width=source.width)]
    for index, (name, spec) in enumerate(specs):
        inside = name != "s_axis"
        data = f"dut.{name}_tdata" if inside else f"s_axis_tdata[{spec.width - 1}:0]"
        valid, ready = (f"dut.{name}_tvalid", f"dut.{name}_tready") if inside else ("s_axis_tvalid", "s_axis_tready")
        parts.append(_LINK.format(index=index, name=name, width=spec.width, beats=frames * spec.beats, data=data, valid=valid, ready=ready))
    cases = "".join(_CASE.format(index=index) for index in range(len(specs)))
    done = " && ".join(f"beats_{index} >= {frames * spec.beats}" for index, (_, spec) in enumerate(specs))
    parts.append(_TAIL.format(cases=cases, done=done))
    return "".join(parts)
