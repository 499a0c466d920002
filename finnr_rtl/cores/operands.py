"""Values of a stream as Amaranth numbers, and back."""

from functools import cache

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed

from finnr_rtl.datatypes import BIPOLAR, DataType

__all__ = ["check_holds", "ends", "holding", "number_shape", "numbers", "recode"]


@cache
def number_shape(dtype: DataType) -> Shape:
    """Shape of a number of type ``dtype``; that of BIPOLAR holds -1 and +1."""
    return signed(2) if dtype == BIPOLAR else Shape(dtype.bits, signed=dtype.signed)


def check_holds(output: DataType, dtype: DataType):
    """Raise ``ValueError`` unless every value of type ``dtype`` is one of type ``output``."""
    if dtype != output and (output == BIPOLAR or dtype.min < output.min or dtype.max > output.max):
        raise ValueError(f"output_type={output} must hold all values of {dtype}")


def ends(shape: Shape) -> tuple[int, int]:
    """Least and greatest number of a shape."""
    return (-(1 << (shape.width - 1)), (1 << (shape.width - 1)) - 1) if shape.signed else (0, (1 << shape.width) - 1)


def holding(low: int, high: int) -> Shape:
    """The narrowest shape of the integers ``low`` to ``high`` and 0, at least one bit wide."""
    return Shape.cast(range(min(low, 0), max(high, 1) + 1))


def numbers(m: Module, name: str, payload: Value, dtype: DataType) -> list[Signal]:
    """The values in ``payload`` as numbers, lane by lane."""
    values = []
    for lane in range(len(payload) // dtype.bits):
        code = payload.word_select(lane, dtype.bits)
        value = Signal(number_shape(dtype), name=f"{name}{lane}")
        m.d.comb += value.eq(Mux(code, 1, -1) if dtype == BIPOLAR else code)
        values.append(value)
    return values


def recode(m: Module, name: str, payload: Value, dtype: DataType, output: DataType) -> Value:
    """``payload`` of values of type ``dtype`` as one of type ``output``, which holds them all."""
    if dtype == output:
        return payload
    codes = []
    for value in numbers(m, name, payload, dtype):
        code = Signal(output.bits, name=f"{value.name}_code")
        m.d.comb += code.eq(value)
        codes.append(code)
    return Cat(*codes)
