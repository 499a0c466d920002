"""What each cell of a netlist takes of a device."""

from collections.abc import Mapping

from finnr_rtl.cost.resources import Resources

__all__ = ["count_cells"]

_XILINX_LUTS = {
    **{f"LUT{inputs}": 1 for inputs in range(1, 7)}, "LUT6_2": 1,
    "SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1,
    "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8,
    "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4, "RAM512X1S": 8,
    "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM256X1D": 8,
}
# CCU2C is two LUTs with carry. DPR16X4 is the four LUTs of two slices, which hold 16 x 4 bits, and the two of a third slice, through which
# they are written (ECP5 family data sheet, FPGA-DS-02012: 16 x 4 bits of dual-ported RAM take three slices).
_ECP5_LUTS = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}

_KINDS: dict[str, dict[str, int]] = {
    "lut": {**_XILINX_LUTS, **_ECP5_LUTS, "SB_LUT4": 1},
    "ff": {
        **{f"FD{reset}{edge}": 1 for reset in ("RE", "SE", "CE", "PE") for edge in ("", "_1")},
        "TRELLIS_FF": 1,
        **{f"SB_DFF{edge}{enable}{reset}": 1 for edge in ("", "N") for enable in ("", "E") for reset in ("", "SR", "R", "SS", "S")},
    },
    # In halves on Xilinx devices; whole 18 kbit memories on ECP5 and 4 kbit memories on iCE40, the letters telling edges of clocks.
    "bram18": {
        "RAMB18E1": 1, "RAMB18E2": 1, "RAMB36E1": 2, "RAMB36E2": 2,
        "DP16KD": 1, "PDPW16KD": 1,
        **{f"SB_RAM40_4K{edges}": 1 for edges in ("", "NR", "NW", "NRNW")},
    },
    # An ALU54B adds what two MULT18X18D beside it make, and takes none of its own.
    "dsp": {"DSP48E1": 1, "DSP48E2": 1, "MULT18X18D": 1, "SB_MAC16": 1},
    "uram": {"URAM288": 1},
}
# Carry chains, wide multiplexers, inverters, constants and buffers are part of slices that the LUTs take already, or free.
_FREE = {
    "$scopeinfo", "BUFG", "CARRY4", "CARRY8", "GND", "IBUF", "INV", "MUXF7", "MUXF8", "MUXF9", "OBUF", "VCC",
    "ALU54B", "L6MUX21", "PFUMX", "VHI", "VLO",
    "SB_CARRY", "SB_GB",
}


def count_cells(cells: Mapping[str, int]) -> Resources:
    """Resources of a netlist of any family from how many it has of each type of cell.

    Raises ``ValueError`` for a cell that is not known.
    """
    total = dict.fromkeys(_KINDS, 0)
    for cell, number in cells.items():
        taken = [(kind, sizes[cell]) for kind, sizes in _KINDS.items() if cell in sizes]
        if not taken and cell not in _FREE:
            raise ValueError(f"cell {cell} is not known")
        for kind, size in taken:
            total[kind] += number * size
    return Resources(**total)
