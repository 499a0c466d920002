"""What cores are made of: registers, counters, queues and memories, counted as synthesis maps them."""

from collections import defaultdict
from math import ceil

from amaranth.hdl import Shape

from finnr_rtl.cores.carry_tree import Row, chains, chosen_rows
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.ram import free_words, one_address_banks, ram_style, rom_parts
from finnr_rtl.cost.adders import Operand, adders
from finnr_rtl.cost.contents import Columns
from finnr_rtl.cost.memories import block_ram, lut_ram
from finnr_rtl.cost.resources import Resources
from finnr_rtl.cost.tables import tables
from finnr_rtl.families import LUT_MEMORY, SLICES

__all__ = ["Parts"]

# Deepest chain of registers that stays one; a longer one, without reset and tapped at its end alone, becomes a shift register in LUTs.
LONGEST_CHAIN = 2

# Most bits of a comparison of which Yosys makes no carry chain on ECP5.
SHORT_CARRY = 4

# Most bits of numbers whose greater one Yosys chooses in LUTs on ECP5, and of those that come in several folds.
FAST_CARRY, FOLDED_CARRY = 6, 12


class Parts:
    """The parts of one core on one family.

    Flip-flops, block RAMs and multiplier blocks are counted, and so are LUTs used as memory, in ``fixed``; of other LUTs, ``features``
    says how much there is of what costs them, and constants fitted to syntheses what each takes.
    """

    def __init__(self, family: str):
        self.family = family
        self.six = family in SLICES
        self.lut_memory = family in LUT_MEMORY
        # Most words of a table that is made of LUTs of 16 words and nothing but the multiplexers beside them.
        self.joined = 128 if family == "ecp5" else 16
        # Whether of what parts tables of more words consist makes a difference.
        self.trees = self.joined == 16 and not self.six
        # Whether a carry takes no LUT where nobody reads the sum.
        self.bare_carries = family == "ice40"
        # Yosys packs registers into DSP slices on 7-series and iCE40, and adders, whatever they add, on 7-series.
        self.slices_hold = family in ("xc7", "ice40")
        self.slices_add = family == "xc7"
        self.fixed = 0
        self.ff = 0
        self.bram18 = 0
        self.dsp = 0
        self.uram = 0
        self.features: dict[str, float] = defaultdict(float)

    def lut(self, feature: str, amount: float = 1) -> None:
        """``amount`` more of a feature."""
        self.features[feature] += amount

    def add(self, other: "Parts", times: int) -> None:
        """All that is in ``other``, ``times`` over."""
        for name in ("fixed", "ff", "bram18", "dsp", "uram"):
            setattr(self, name, getattr(self, name) + times * getattr(other, name))
        for feature, amount in other.features.items():
            self.features[feature] += times * amount

    def resources(self, constants: dict[str, float]) -> Resources:
        """Counts, with ``constants`` LUTs per unit of each feature; what was never measured is not free, but one LUT each."""
        lut = self.fixed + sum(constants.get(feature, 1.0) * amount for feature, amount in self.features.items())
        return Resources(round(lut), self.ff, self.bram18, self.dsp, self.uram)

    def chain(self, bits: int, length: int) -> None:
        """``bits`` registers one behind the other ``length`` times, without reset, read only at the end."""
        if self.six and length > LONGEST_CHAIN:
            self.lut("shift register", bits)
        else:
            self.ff += bits * length

    def into_slices(self, bits: int) -> None:
        """``bits`` registers, counted already, are those of DSP slices where these have any."""
        if self.slices_hold:
            self.ff -= bits

    def slice_adds(self, first: Shape, second: Shape, product: Shape, terms: list[Operand], total: Shape) -> bool:
        """Whether the DSP slice of ``first * second`` adds ``terms`` to it, of which it may be one: on iCE40 only to a product that needs
        no zeros above it, and nothing wider than it where its highest bit is not kept."""
        if self.family != "ice40":
            return self.slices_add
        natural = first.width + second.width + (first.signed != second.signed)
        widest = max(other.width + (total.signed and not other.signed) for other in terms)
        return product.signed == total.signed and (widest <= product.width or natural == product.width)

    def counter(self, count: int, early: bool = False) -> int:
        """A counter of ``count`` states (cores/counter.py). Returns its bits, 0 where it stands still."""
        if count < 2:
            return 0
        bits = address_bits(count)
        self.ff += bits + (early and count > 2)
        self.lut("counter")
        self.lut("counter bit", bits)
        if count & (count - 1):
            self.lut("counter wrap")
        return bits

    def multiplexer(self, ways: int, width: int) -> None:
        """``width`` bits from one of ``ways`` places."""
        self.lut("select", width * self.multiplexer_luts(ways))

    def multiplexer_luts(self, ways: int) -> float:
        """LUTs that choose a bit from one of ``ways`` places."""
        if not self.six or ways < 2:
            return ways - 1
        return 1 if ways <= 4 else ways / 2

    def level(self, most: int) -> None:
        """An up-and-down counter from 0 to ``most``."""
        bits = most.bit_length()
        self.ff += bits
        self.lut("level")
        self.lut("level bit", bits)

    def lutram(self, words: int, width: int, addresses: int = 2) -> None:
        """A LUT memory with one write port, read in the cycle of use where it is written or at a second address."""
        if not self.lut_memory:
            self.ff += words * width
            self.lut("register file bit", (words - 1) * width)
            self.lut("register file word", words)
            return
        cells, banks = lut_ram(self.family, words, width, addresses)
        self.fixed += cells
        self._banks(banks, width)

    def block(self, words: int, width: int, written: bool = True, number: int = 1, at_once: bool = True) -> None:
        """Block RAM with a clocked read port; several where one that is only read would be rounded up too far. ``number`` such memories
        are written and read side by side, with what is written and both addresses in common, and may be read and written ``at_once``."""
        parts = [words] if written else rom_parts(words, width, True)
        if len(parts) > 1:
            for part in parts:
                self.block(part, width, written)
            self.fixed += width * (len(parts) - 1)
            self.ff += len(parts) - 1
            return
        if written and at_once and not self.six:
            # These block RAMs do not tell what a word read while it is written was before, which synthesis sees to.
            self.ff += 2 * width + address_bits(words) + 2 * number
            self.lut("forwarded bit", width * number)
            self.lut("forwarded address bit", address_bits(words))
        cells, banks = block_ram(self.family, words, width, written)
        self.bram18 += cells * number
        for _ in range(number):
            self._banks(banks, width)
        self.ff += (banks - 1).bit_length() * number

    def _banks(self, banks: int, width: int) -> None:
        """The multiplexer behind ``banks`` memories."""
        if banks > 1:
            self.multiplexer(banks, width)
            self.lut("bank", banks)

    def in_block(self, words: int, width: int) -> bool:
        """Whether a memory that is written is in block RAM."""
        return ram_style(words, width, self) == "block"

    def one_address(self, words: int, width: int) -> None:
        """cores/one_address.py."""
        if self.in_block(words, width):
            self.block(words, width, at_once=False)
            return
        banks = one_address_banks(words, self.six)
        for bank in banks:
            self.lutram(bank, width, addresses=1)
        self._banks(len(banks), width)
        self.ff += width

    def ram(self, words: int, width: int, number: int = 1) -> None:
        """``number`` memories with one write port and one clocked read port, as :meth:`block` has them."""
        if self.in_block(words, width):
            self.block(words, width, number=number)
            return
        for _ in range(number):
            self.lutram(words, width)
            self.ff += width

    def queue(self, width: int, depth: int) -> None:
        """cores/queue.py."""
        self.lut("queue of two" if depth == 2 else "queue", 1)
        if depth <= 2:
            self.ff += depth * (width + 1)
            self.lut("queue mux", width * (depth - 1))
            return
        block = self.in_block(depth, width)
        words = free_words(depth, width) if block or self.lut_memory else depth
        if block:
            self.block(words, width)
            self.ff += width + 2
            self.lut("queue mux", width)
        else:
            self.lutram(words, width)
        self.counter(words)
        self.counter(words)
        self.level(depth)

    def credit_fifo(self, width: int, depth: int) -> None:
        """CreditFifo of cores/fifo.py."""
        self.queue(width, depth)
        self.level(depth)

    def rom(self, words: int, width: int, block: bool, columns: Columns | None = None, kind: str = "rom", tree: int = 0) -> None:
        """cores/rom.py of ``width`` columns of bits, of which ``columns`` tells what synthesis keeps, where that is known.

        ``kind`` tells contents apart that are not alike: those of a curve are simpler than weights, a ``tree`` of so many LUTs of four
        inputs (see :func:`finnr_rtl.cost.contents.tree_luts`).
        """
        if words < 2:
            return
        if block:
            changing = width if columns is None else columns.changing
            if changing:
                self.block(words, changing, written=False)
            return
        contents = Columns(width, width) if columns is None else columns
        number = len(rom_parts(words, width, False))
        self.ff += contents.distinct * number + number - 1
        self.multiplexer(number, contents.distinct)
        if words > 2:
            tables(self, words, width, contents, kind, tree)

    def accumulator(self, lanes: int, width: int, terms: int = 1, in_slices: bool = False) -> None:
        """``lanes`` sums of ``width`` bits to which ``terms`` are added at a time, cleared where a fold begins; ``in_slices`` only what
        clears them is in LUTs."""
        if in_slices:
            self.known(0, lanes * width)
            self.lut("cleared bit", lanes * width * self.six)
            return
        adders = lanes * width * terms
        # Between carries and adders one more LUT clears a bit, but not the highest, which nothing is carried to.
        self.known(adders, lanes * (width - 1) + adders if self.bare_carries else 0)
        self.lut("accumulator bit", 0 if self.six or self.bare_carries else adders)

    def sum(
        self, operands: tuple[Operand, ...], width: int, count: int = 1, times: int = 1, plain: bool = True, constant: bool = False,
        of_blocks: bool = False,
    ) -> None:
        """``count`` sums of ``operands``, each ``times`` over, in ``width`` bits; for the rest see :func:`adders`. The first full adders of
        products ``of_blocks`` are two LUTs of four inputs each; those behind them are counted as any."""
        first, inner, last, half, carried, chain = adders(operands, width, times, plain, constant)
        # LUTs join full adders of plain bits; those of products, which are of two bits each, have no room: of six inputs at first.
        apart = 0 if plain or self.six else inner
        if of_blocks and not self.six:
            self.known(0, 2 * count * first)
            first = 0
        self.lut("full adder" if plain else "product full adder", count * (first + inner - apart))
        self.lut("inner full adder", count * apart)
        self.lut("last full adder", count * last)
        self.lut("half adder" if plain else "product half adder", count * half)
        self.carry(count, carried, chain)

    def carry(self, count: int, carried: int, places: int) -> None:
        """``count`` carry chains of so many ``places``, to ``carried`` of which there is something to add: LUTs of six inputs are no more,
        those of four one for each place, of ECP5 in pairs."""
        self.lut("sum bit", count * carried * self.six)
        self.known(0, count * (2 * ceil(places / 2) if self.family == "ecp5" else places))

    def product(self, count: int, first: Shape, second: Shape, width: int) -> None:
        """``count`` products of two numbers, as in cores/product.py, of ``width`` bits."""
        wide, narrow = (first, second) if first.width >= second.width else (second, first)
        if not self.six and narrow.width > 1:
            self.known(0, count * wide.width * narrow.width)
            self.chains(count, chosen_rows(wide, narrow))
            return
        if narrow.width > 2:
            self.lut("term bit", count * wide.width * narrow.width)
        elif narrow.width > 1:
            # A carry chain needs one of its two operands as a signal, whose bits are gated in LUTs of their own; by a single bit, a
            # register is reset.
            self.lut("gated bit", count * wide.width)
        self.sum(tuple(Operand(wide.width, wide.signed, place) for place in range(narrow.width)), width, count, plain=False)

    def chains(self, count: int, rows: list[Row]) -> None:
        """``count`` sums of ``rows`` as trees of carry chains (cores/carry_tree.py)."""
        for chain in chains(rows):
            self.carry(count, 0, chain.places)

    def known(self, six: int, four: int) -> None:
        """LUTs, of six inputs or of four."""
        self.fixed += six if self.six else four

    def compare(self, count: int, bits: int, constant: int = 0) -> None:
        """``count`` comparisons of two numbers of ``bits`` bits, and so many more of which one is constant: a carry for three bits from
        two LUTs of six inputs, or for each of all from one of four."""
        self.known(count * 2 * ceil(bits / 3), count * (bits + constant))
        self.lut("compare constant bit", count * constant * self.six)

    def greater(self, count: int, bits: int, goes_on: bool = False, folded: bool = False) -> None:
        """``count`` times the greater of two numbers, with which logic ``goes_on`` or which is in registers; ``folded`` where all numbers
        that are compared come in several beats."""
        self.known(count * (2 * ceil(bits / 3) + bits), 0)
        if self.family == "ecp5" and bits <= SHORT_CARRY and not goes_on:
            # Each bit is a table of all bits of both numbers, as far as LUTs have inputs.
            self.lut("small greater LUT", count * bits * (4 ** (bits - 2) if bits <= 3 else 1.5))
        elif self.family == "ecp5" and bits % 2:
            # Places come in pairs: of an odd number, the carry out is that of a LUT, which what is chosen shares.
            self.lut("odd greater bit", count * bits)
        elif self.family == "ecp5" and bits <= (FOLDED_CARRY if folded else FAST_CARRY):
            # LUTs are faster than a short carry chain, and more.
            self.lut("fast greater bit", count * bits)
        else:
            self.lut("greater bit", 0 if self.six else count * bits)

    def output_place(self) -> None:
        """cores/register.py."""
        self.ff += 1
        self.lut("flag")
