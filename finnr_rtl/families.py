"""Device families, and what the hardware may be made of on each."""

__all__ = ["FAMILIES", "LUT_MEMORY", "MERGING", "SLICES"]

# As Yosys names them: 7-series and Zynq-7000, UltraScale, UltraScale+; Lattice ECP5 and iCE40.
FAMILIES = ("xc7", "xcu", "xcup", "ecp5", "ice40")
# Whose LUTs can be memory that is written.
LUT_MEMORY = ("xc7", "xcu", "xcup", "ecp5")
# With the slices of 7-series: LUTs of six inputs and two outputs, shift registers in LUTs, and carry chains beside them. The others have
# LUTs of four inputs.
SLICES = ("xc7", "xcu", "xcup")
# Where Yosys (0.70) makes one DSP block of the sum of two products in registers, and leaves one of them out without a word.
MERGING = ("ice40",)
