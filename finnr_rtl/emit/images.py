"""How the contents of read-only memories are written.

Each read-only memory becomes a leaf module of its own: one clocked ``case`` over the address, an idiom that every synthesiser
takes for a ROM. The numbers behind this choice come from ``benchmarks/memory_images.py``. An ``initial`` block with one
assignment per word is what Amaranth would write: it costs seconds per megabit to elaborate here, and minutes in Yosys.
``$readmemh`` is faster still, but simulators look for its file from where they are started, so the folder could not be moved.
"""

from amaranth.hdl import ClockSignal, Instance
from amaranth.lib.memory import Memory

__all__ = ["MemoryImages", "rom_module"]


class MemoryImages:
    """The Amaranth platform of an emission: takes the read-only memories out of the design and remembers them.

    Each is replaced by an instance of a module that :meth:`modules` then gives the text of.
    """

    def __init__(self):
        self._memories: dict[str, Memory] = {}

    def get_memory(self, memory: Memory):
        """Called by Amaranth for each memory; those with one read port, no write port and two words or more are taken out."""
        if memory.write_ports or len(memory.read_ports) != 1 or memory.depth < 2:
            return memory.elaborate(None)
        port, = memory.read_ports
        name = f"rom{len(self._memories)}"
        self._memories[name] = memory
        ports = {"i_address": port.addr, "o_data": port.data}
        if port.domain != "comb":
            ports |= {"i_clk": ClockSignal(port.domain), "i_enable": port.en}
        return Instance(name, **ports)

    def modules(self) -> str:
        """Verilog of all memories taken out, in the order they were met."""
        return "\n".join(_module(name, memory) for name, memory in self._memories.items())


def _module(name: str, memory: Memory) -> str:
    port, = memory.read_ports
    style = memory.attrs.get("rom_style")
    return rom_module(name, list(memory.init), len(port.data), len(port.addr), style, clocked=port.domain != "comb")


def rom_module(name: str, rows: list[int], width: int, address_bits: int, style: str | None, clocked: bool) -> str:
    """Verilog of a ROM: ``data`` shows ``rows[address]``, one cycle after ``enable`` where ``clocked``, else at once.

    ``style`` is a value of the attribute ``rom_style``, or None. An address beyond the rows gives unknown bits.
    """
    # Vivado looks for the attribute at the register, Yosys at the case statement.
    attribute = [f'(* rom_style = "{style}" *)'] if style else []
    inputs = ["  input wire clk,", "  input wire enable,"] if clocked else []
    assign = "<=" if clocked else "="
    digits = -(-width // 4)
    words = [f"      {address_bits}'d{index}: data {assign} {width}'h{row:0{digits}x};" for index, row in enumerate(rows)]
    if len(rows) < 1 << address_bits:
        words.append(f"      default: data {assign} {{{width}{{1'bx}}}};")
    return "\n".join([
        f"module {name} (",
        *inputs,
        f"  input wire [{address_bits - 1}:0] address,",
        *(f"  {line}" for line in attribute),
        f"  output reg [{width - 1}:0] data",
        ");",
        "  always @(posedge clk)" if clocked else "  always @*",
        *(["    if (enable)"] if clocked else []),
        *(f"    {line}" for line in attribute),
        "    case (address)",
        *words,
        "    endcase",
        "endmodule",
        "",
    ])
