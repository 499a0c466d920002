"""Verilog modules that every test bench has: what plays frames, what takes them, and what checks a link."""

__all__ = ["MODULES"]

MODULES = """\
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

// Plays the frames of a file, from the first cycle after reset on where nothing stalls, as in the cycle model.
module frame_source #(
    parameter WIDTH = 1,
    parameter BUS = 8,
    parameter BEATS = 1,
    parameter FRAMES = 1,
    parameter FILE = ""
) (
    input wire clk,
    input wire resetn,
    input wire [31:0] seed,
    input wire [8:0] stall,
    input wire [31:0] hold,
    input wire [31:0] cycle,
    output reg [BUS-1:0] tdata,
    output reg tvalid,
    input wire tready,
    output reg tlast,
    input wire [31:0] frame_select,
    output wire [31:0] frame_start
);
    reg [WIDTH-1:0] stimulus [0:FRAMES*BEATS-1];
    initial $readmemh(FILE, stimulus);
    reg [31:0] start_of [0:FRAMES-1];
    assign frame_start = start_of[frame_select];

    wire open;
    stalls random (.clk(clk), .resetn(resetn), .seed(seed), .stall(stall), .hold(hold), .open(open));

    reg [31:0] next_beat;
    reg [31:0] beat;
    reg [31:0] frame;
    always @(posedge clk) begin
        if (!resetn) begin
            next_beat <= stall == 0 ? 1 : 0;
            tvalid <= stall == 0;
            tdata <= stimulus[0];
            tlast <= BEATS == 1;
            beat <= 0;
            frame <= 0;
        end else begin
            if (!tvalid || tready) begin
                tvalid <= 0;
                if (next_beat < FRAMES * BEATS && open) begin
                    tvalid <= 1;
                    tdata <= stimulus[next_beat];
                    tlast <= next_beat % BEATS == BEATS - 1;
                    next_beat <= next_beat + 1;
                end
            end
            if (tvalid && tready) begin
                if (beat == 0) start_of[frame] <= cycle;
                beat <= beat == BEATS - 1 ? 0 : beat + 1;
                if (beat == BEATS - 1) frame <= frame + 1;
            end
        end
    end
endmodule

module frame_sink #(
    parameter BEATS = 1,
    parameter FRAMES = 1
) (
    input wire clk,
    input wire resetn,
    input wire [31:0] seed,
    input wire [8:0] stall,
    input wire [31:0] hold,
    input wire [31:0] cycle,
    input wire tvalid,
    output wire tready,
    input wire tlast,
    input wire [31:0] frame_select,
    output wire [31:0] frame_first,
    output wire [31:0] frame_end,
    output reg [31:0] frames_done,
    output reg [31:0] tlast_errors
);
    reg [31:0] first_of [0:FRAMES-1];
    reg [31:0] end_of [0:FRAMES-1];
    assign frame_first = first_of[frame_select];
    assign frame_end = end_of[frame_select];

    stalls random (.clk(clk), .resetn(resetn), .seed(seed), .stall(stall), .hold(hold), .open(tready));

    reg [31:0] beat;
    always @(posedge clk) begin
        if (!resetn) begin
            beat <= 0;
            frames_done <= 0;
            tlast_errors <= 0;
        end else if (tvalid && tready) begin
            if (beat == 0 && frames_done < FRAMES) first_of[frames_done] <= cycle;
            if (tlast !== (beat == BEATS - 1)) tlast_errors <= tlast_errors + 1;
            beat <= beat == BEATS - 1 ? 0 : beat + 1;
            if (beat == BEATS - 1) begin
                if (frames_done < FRAMES) end_of[frames_done] <= cycle;
                frames_done <= frames_done + 1;
            end
        end
    end
endmodule

// Open in each cycle, or not with a probability of stall/256; each decision holds for further cycles.
module stalls (
    input wire clk,
    input wire resetn,
    input wire [31:0] seed,
    input wire [8:0] stall,
    input wire [31:0] hold,
    output reg open
);
    // A Galois register: one byte decides.
    reg [31:0] random;
    reg [31:0] left;
    always @(posedge clk) begin
        if (!resetn) begin
            random <= seed | 32'h1;
            left <= 0;
            open <= stall == 0;
        end else begin
            random <= {1'b0, random[31:1]} ^ (random[0] ? 32'hA3000000 : 32'h0);
            left <= left == 0 ? hold : left - 1;
            if (left == 0) open <= {1'b0, random[7:0]} >= stall;
        end
    end
endmodule
"""
