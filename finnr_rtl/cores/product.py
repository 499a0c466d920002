"""Products of two numbers, in DSP blocks or in LUTs as the design says.

Synthesis has thresholds of its own, which differ from tool to tool and family to family, and Yosys knows no attribute against them. So a
product that is to stay in LUTs is written as the sum of its shifted partial products, which no tool puts into a DSP block. Where LUTs have
six inputs, three rows are made two until one carry chain is left, also where some weights have bits that never change; where they have
four, a tree of carry chains takes half of that.
"""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed

from finnr_rtl.cores.adder_tree import saved_total
from finnr_rtl.cores.carry_tree import chosen_rows, digit_rows, row_sum
from finnr_rtl.cores.packed import PACKED
from finnr_rtl.cores.signed_digits import digits

__all__ = ["ARITHMETICS", "check_arithmetic", "product", "uses_dsp"]

ARITHMETICS = ("auto", "lut", "dsp", *PACKED)
# Bits of the narrowest product that Yosys puts into a DSP block of every family: 11 on iCE40, 9 on Xilinx devices, fewer on ECP5.
LEAST_DSP_BITS = 11
# Product of the widths up to which "auto" is "lut". In LUTs of six inputs a product takes twice that number of them, so this is some 100,
# where devices have about 200 for each DSP block; but what else a design is made of takes LUTs and no DSP blocks.
MOST_LUT_BITS = 48


def check_arithmetic(arithmetic: str):
    """Raise ``ValueError`` unless ``arithmetic`` is one of its words."""
    if arithmetic not in ARITHMETICS:
        raise ValueError(f"arithmetic={arithmetic!r} must be one of {', '.join(ARITHMETICS)}")


def uses_dsp(arithmetic: str, first: Shape, second: Shape) -> bool:
    """Whether a product of two numbers of these shapes, neither of them constant, goes into DSP blocks.

    ``arithmetic`` "dsp" asks for them, and gets them from 2 bits by 9, or 11 in all, and so do "packed" and "dense" for products that
    share no factor; "auto" only where the widths' product is above 48.
    """
    widths = first.width, second.width
    if arithmetic == "lut" or min(widths) < 2 or sum(widths) < LEAST_DSP_BITS:
        return False
    return arithmetic != "auto" or widths[0] * widths[1] > MOST_LUT_BITS


def product(m: Module, name: str, first: Value, second: Value, arithmetic: str = "auto", platform=None) -> Signal:
    """A new signal ``name`` that is ``first * second``, exactly.

    A constant factor makes a sum of a shifted operand for each of its digits that are not zero, in LUTs. These have six inputs if
    ``platform`` has an attribute ``slices`` that is true.
    """
    six = getattr(platform, "slices", False)
    for factor, other in ((first, second), (second, first)):
        if isinstance(factor, Const):
            return _signal(m, name, (_multiple if six else _chained_multiple)(m, name, other, factor.value), "no")
    if uses_dsp(arithmetic, first.shape(), second.shape()):
        return _signal(m, name, first * second, "yes")
    wide, narrow = (first, second) if len(first) >= len(second) else (second, first)
    chosen = [Mux(narrow[place], wide, 0) for place in range(len(narrow))]
    if not six and len(chosen) > 1:
        return _signal(m, name, row_sum(m, name, chosen_rows(wide.shape(), narrow.shape()), chosen), "no")
    if len(chosen) < 3:
        return _signal(m, name, _few(chosen, narrow.shape().signed), "no")
    *rows, last = [value << place for place, value in enumerate(chosen)]
    # The highest bit of a two's complement number counts negative: what is taken off is the complement and 1.
    negative, shape = narrow.shape().signed, (first * second).shape()
    exact = saved_total(m, name, [*rows, ~_signed(last) if negative else last], shape.width, one=negative)
    return _signal(m, name, exact if shape.signed else exact.as_unsigned(), "no")


def _multiple(m: Module, name: str, value: Value, factor: int) -> Value:
    """``value`` times a constant."""
    number = _signed(value)
    width = len(number) + factor.bit_length()
    chosen = digits(factor)
    # What is taken off is the number's complement and 1.
    terms = [((number if digit > 0 else ~number) << place).as_signed() for place, digit in chosen]
    if more := sum(1 << place for place, digit in chosen if digit < 0):
        terms.append(Const(more, signed(width + 1)))
    return saved_total(m, name, terms, width) if terms else Const(0, 1)


def _chained_multiple(m: Module, name: str, value: Value, factor: int) -> Value:
    """The same as a tree of carry chains."""
    rows = digit_rows(value.shape(), digits(factor))
    return row_sum(m, name, rows, [Const(0)] * (len(rows) - len(digits(factor))) + [value] * len(digits(factor))) if rows else Const(0, 1)


def _few(rows: list[Value], negative: bool) -> Value:
    """Sum of one or two rows, of which the last counts ``negative``, or not."""
    if len(rows) == 1:
        return -rows[0] if negative else rows[0]
    low, high = rows[0], rows[1] << 1
    return low - high if negative else low + high


def _signed(value: Value) -> Value:
    """The same number, in two's complement."""
    return value if value.shape().signed else Cat(value, Const(0, 1)).as_signed()


def _signal(m, name, value, use_dsp) -> Signal:
    """``value`` as a signal with the attribute by which Vivado decides."""
    signal = Signal(value.shape(), name=name, attrs={"use_dsp": use_dsp})
    m.d.comb += signal.eq(value)
    return signal
