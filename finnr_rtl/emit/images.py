"""How the contents of read-only memories are written.

Each read-only memory becomes a leaf module of its own: one clocked ``case`` over the address, an idiom that every synthesiser
takes for a ROM. The numbers behind this choice come from ``benchmarks/memory_images.py``. An ``initial`` block with one
assignment per word is what Amaranth would write: it costs seconds per megabit to elaborate here, and minutes in Yosys.
``$readmemh`` is faster still, but simulators look for its file from where they are started, so the folder could not be moved.
"""

from amaranth.hdl import ClockSignal, Instance

from finnr_rtl.cores.rom import Rom

__all__ = ["RomModules", "keeps_to_itself", "rom_module"]

# From this width on, and with more words than these, LUTs of a ROM are kept apart from what reads it. Yosys spends up to 3 LUT instead of 1
# on a bit of 33 to 64 words where it may mix them, and 3.5 times a deeper table. Small ones are better mixed, as they have constant bits.
WIDE = 64
DEEP = 32


def keeps_to_itself(words: int, width: int) -> bool:
    """Whether synthesis is to keep the boundary of a ROM in LUTs."""
    return width >= WIDE or words > DEEP


class RomModules:
    """A platform on which each :class:`Rom` is an instance of a module that is written here instead of by Amaranth.

    ``texts`` are the modules met so far, by name: ``rom0``, ``rom1`` ...
    """

    def __init__(self):
        self.texts: dict[str, str] = {}

    def get_rom(self, rom: Rom) -> Instance:
        """The hardware of ``rom``."""
        name = f"rom{len(self.texts)}"
        self.texts[name] = rom_module(name, rom.rows, rom.width, rom.block)
        return Instance(name, i_clk=ClockSignal(), i_enable=rom.enable, i_address=rom.address, o_data=rom.data)


def rom_module(name: str, rows: list[int], width: int, block: bool) -> str:
    """Verilog of a ROM of at least two words: ``data`` shows ``rows[address]`` one cycle after ``enable``.

    In block RAM, or in LUTs. An address beyond the rows gives unknown bits.
    """
    # Vivado looks for the attribute at the register, Yosys at the case statement. To Yosys "distributed" would be LUT memory, which it
    # refuses for memories that nobody writes; without an attribute both decide by thresholds of their own.
    vivado, yosys = ("block", "block") if block else ("distributed", "logic")
    bits = (len(rows) - 1).bit_length()
    digits = -(-width // 4)
    words = [f"        {bits}'d{index}: data <= {width}'h{row:0{digits}x};" for index, row in enumerate(rows)]
    if len(rows) < 1 << bits:
        words.append(f"        default: data <= {{{width}{{1'bx}}}};")
    return "\n".join([
        *(["(* keep_hierarchy *)"] if not block and keeps_to_itself(len(rows), width) else []),
        f"module {name} (",
        "  input wire clk,",
        "  input wire enable,",
        f"  input wire [{bits - 1}:0] address,",
        f'  (* rom_style = "{vivado}" *)',
        f"  output reg [{width - 1}:0] data",
        ");",
        "  always @(posedge clk)",
        "    if (enable)",
        f'      (* rom_style = "{yosys}" *)',
        "      case (address)",
        *words,
        "      endcase",
        "endmodule",
        "",
    ])
