"""Sums of many terms in as many cycles as they need, so that none has more than six LUTs and a carry chain one behind the other."""

from collections.abc import Callable

from amaranth.hdl import Const, Module, Shape, Signal, Value, unsigned

from finnr_rtl.cores.adder_tree import total
from finnr_rtl.cores.product import product, uses_dsp

__all__ = ["MOST_TERMS", "part_shapes", "product_parts", "reduce_terms", "reductions"]

# Terms that are added up in a cycle. Synthesis makes them two, three at a time, in five levels of LUTs; a sixth feeds the carry chain.
MOST_TERMS = 12
# Rows of a product in LUTs that are added up in a cycle: fewer, as each is a choice already, and Yosys does not always join them all; and
# fewer again where there are so many that it takes several cycles anyway.
MOST_ROWS = 7
PART_ROWS = 6


def reductions(terms: int, most: int = MOST_TERMS, in_slices: bool = False) -> int:
    """Cycles in which so many terms become no more than ``most``; of products ``in_slices`` first pairs, and then no more than half of
    that."""
    cycles = 0
    if in_slices and terms > 1:
        terms, cycles, most = -(-terms // 2), 1, most // 2
    while terms > most:
        terms, cycles = -(-terms // MOST_TERMS), cycles + 1
    return cycles


def reduce_terms(
    m: Module, name: str, terms: list[Value], cycles: int, in_slices: bool = False,
    add_up: Callable[[str, list[Value]], Value] = lambda _, values: total(values),
) -> list[Value]:
    """Fewer terms of the same sum, after so many cycles: each time, sums of up to 12 go into registers. ``add_up`` makes them, with a name
    for each.

    Where they are products ``in_slices``, first those of two: one slice adds the other's product to its own. Of more at once, slices would
    wait for each other in a row.
    """
    for cycle in range(cycles):
        groups = -(-len(terms) // (2 if in_slices and cycle == 0 else MOST_TERMS))
        groups = [terms[group::groups] for group in range(groups)]
        sums = [add_up(f"{name}_group{cycle}_{n}", group) for n, group in enumerate(groups)]
        terms = [Signal(exact.shape(), name=f"{name}_sum{cycle}_{group}", reset_less=True) for group, exact in enumerate(sums)]
        m.d.sync += [register.eq(exact) for register, exact in zip(terms, sums, strict=True)]
    return terms


def part_shapes(arithmetic: str, first: Shape, second: Shape) -> list[Shape]:
    """Shapes of the parts that the narrower factor of a product is cut into, lowest first; there is one where DSP blocks multiply, or
    the rows of a product in LUTs are few enough to be added up in a cycle."""
    narrow = second if first.width >= second.width else first
    if uses_dsp(arithmetic, first, second):
        return [narrow]
    # That of the sign is taken off from the sum of all others.
    count = -(-narrow.width // PART_ROWS) if narrow.width - narrow.signed > MOST_ROWS else 1
    ends = [narrow.width * part // count for part in range(count + 1)]
    widths = [end - begin for begin, end in zip(ends, ends[1:], strict=False)]
    return [unsigned(width) for width in widths[:-1]] + [Shape(widths[-1], signed=narrow.signed)]


def product_parts(m: Module, name: str, first: Value, second: Value, arithmetic: str, shape: Shape, platform=None) -> list[Value]:
    """Values that add up to ``first * second``, one cycle later: one register of ``shape``, which holds the product, or one for each of
    :func:`part_shapes`. It is told to be kept where ``platform`` has an attribute ``merges_products`` that is true: where synthesis takes
    two of them into one DSP block, as it must not."""
    shapes = part_shapes(arithmetic, first.shape(), second.shape())
    if len(shapes) == 1 or isinstance(first, Const) or isinstance(second, Const):
        attrs = {"keep": "true"} if getattr(platform, "merges_products", False) else {}
        register = Signal(shape, name=name, reset_less=True, attrs=attrs)
        m.d.sync += register.eq(product(m, f"{name}_exact", first, second, arithmetic, platform))
        return [register]
    wide, narrow = (first, second) if len(first) >= len(second) else (second, first)
    parts, place = [], 0
    for shape in shapes:
        part = narrow[place : place + shape.width]
        exact = product(m, f"{name}_exact{place}", wide, part.as_signed() if shape.signed else part, "lut", platform)
        own = Shape(len(wide) + shape.width, signed=wide.shape().signed or shape.signed)
        register = Signal(own, name=f"{name}_{place}", reset_less=True)
        m.d.sync += register.eq(exact)
        parts.append(register << place)
        place += shape.width
    return parts
