"""Parts that many cores have, drawn at random: memories in LUTs, products, sums."""

from dataclasses import dataclass
from types import SimpleNamespace

from amaranth.back import verilog
from amaranth.hdl import Module, Shape, Signal, Value
from sweep_draws import pick, power

from finnr_rtl.cores.adder_tree import total
from finnr_rtl.cores.product import product
from finnr_rtl.families import SLICES

__all__ = ["PARTS", "Arithmetic", "Words"]


@dataclass(frozen=True)
class Words:
    """A memory of ``rows``, each of ``width`` bits, alone and in LUTs."""

    rows: list[int]
    width: int


def words(rng):
    depth, width = power(rng, 512, 3), pick(rng, (4, 16, 48, 128))
    if depth * width > 9000:
        depth = 64
    depth = max(3, depth + int(rng.integers(-1, 2)))
    return Words([int.from_bytes(rng.bytes(width // 8 + 1), "little") % (1 << width) for _ in range(depth)], width)


def sparse_words(rng):
    """Words of fewer ones than zeros, as weights have them."""
    depth, width, ones = power(rng, 512, 16), pick(rng, (4, 8, 12, 24)), pick(rng, (0.03, 0.1, 0.2, 0.3, 0.4))
    bits = rng.random((depth, width)) < ones
    return Words([int("".join("01"[int(bit)] for bit in row), 2) for row in bits], width)


@dataclass(frozen=True)
class Arithmetic:
    """The product of two registers of ``shapes`` in LUTs, if ``multiplied``, or the sum of all of them, in a register."""

    shapes: tuple[Shape, ...]
    multiplied: bool

    def verilog(self, name: str, family: str) -> str:
        """Its hardware on ``family``, as module ``name``."""
        m = Module()
        inputs = [Signal(shape, name=f"a{n}") for n, shape in enumerate(self.shapes)]
        terms = [Signal(shape, name=f"term{n}", reset_less=True) for n, shape in enumerate(self.shapes)]
        m.d.sync += [term.eq(given) for term, given in zip(terms, inputs, strict=True)]
        exact = self._exact(m, terms, family)
        y = Signal(exact.shape(), reset_less=True)
        m.d.sync += y.eq(exact)
        return verilog.convert(m, name=name, ports=[*inputs, y], emit_src=False)

    @property
    def width(self) -> int:
        """Bits of the result."""
        return len(self._exact(Module(), [Signal(shape) for shape in self.shapes], "xc7"))

    def _exact(self, m: Module, terms: list[Signal], family: str) -> Value:
        platform = SimpleNamespace(slices=family in SLICES)
        return product(m, "exact", *terms, "lut", platform) if self.multiplied else total(terms)


def products(rng):
    return Arithmetic(tuple(Shape(pick(rng, (2, 3, 4, 6, 8, 10, 12)), signed=rng.random() < 0.5) for _ in range(2)), True)


def sums(rng):
    width = pick(rng, (4, 6, 8, 10, 12))
    shapes = tuple(Shape(width + int(rng.integers(-1, 2)), signed=rng.random() < 0.5) for _ in range(pick(rng, (2, 3, 3, 4, 5, 6))))
    return Arithmetic(shapes, False)


PARTS = (words, sparse_words, products, sums)
