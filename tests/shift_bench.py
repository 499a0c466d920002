"""cocotb bench: a shift of a shift, for every input there is."""

import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def shifts_of_shifts(dut):
    wrong = []
    for a in (0x01, 0x81, 0xFF):
        for b in range(8):
            for c in range(8):
                dut.a.value, dut.b.value, dut.c.value = a, b, c
                await Timer(1, "ns")
                if dut.y.value.to_unsigned() != (a << b << c) & 0xFF:
                    wrong.append((a, b, c))
    assert not wrong, f"{len(wrong)} of 192 inputs give a wrong (a << b) << c, first (a, b, c) = {wrong[0]}"
