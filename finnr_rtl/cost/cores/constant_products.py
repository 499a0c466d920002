"""Products with weights that never change."""

from math import ceil

from amaranth.hdl import Shape

from finnr_rtl.cores.bit_planes import sum_range
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.operands import holding
from finnr_rtl.cost.parts import Parts


def sum_shapes(c: MvtuConfig) -> list[Shape]:
    """What synthesis knows of the sum of each lane, which may need less than the widest; 0 bits where it is always 0."""
    shapes = []
    for term in c.graph.outputs:
        width, signed = (0, False) if term is None else c.graph.shape(term.source)
        shapes.append(Shape(width + term.place if width else 0, signed))
    return shapes


def constant_lanes(c: MvtuConfig, p: Parts) -> Shape:
    """The adders of cores/constant_products.py, for one vector; returns the shape of the sum of one lane."""
    p.ff += c.graph.registers
    if p.six:
        p.fixed += c.graph.luts
    else:
        _small_adders(c, p)
    return holding(*sum_range(c))


def _small_adders(c: MvtuConfig, p: Parts) -> None:
    """The same adders of LUTs of four inputs: three operands are added by full adders and a chain or, where something is taken off, by two
    chains, of an even number of places."""
    for adder in c.graph.adders:
        places = 2 * ceil(len(adder.places) / 2)
        p.lut("graph bit", places)
        if len(adder.operands) > 2 and adder.negatives:
            p.lut("second graph bit", places)
        elif len(adder.operands) > 2:
            p.lut("graph full adder", sum(len(place.bits) > 2 for place in adder.places))
