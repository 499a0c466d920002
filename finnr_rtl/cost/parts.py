"""What cores are made of: registers, counters, queues and memories, counted as synthesis maps them."""

from collections import defaultdict
from math import ceil

from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.ram import block_rams, free_words, prefers_block
from finnr_rtl.cost.resources import Resources

__all__ = ["Parts"]

# Deepest chain of registers that stays one; a longer one, without reset and tapped at its end alone, becomes a shift register in LUTs.
LONGEST_CHAIN = 2


class Parts:
    """The parts of one core on one family.

    Flip-flops, block RAMs and multiplier blocks are counted; of LUTs, ``features`` says how much there is of what costs them, and
    constants fitted to syntheses what each takes.
    """

    def __init__(self, family: str):
        self.family = family
        self.ff = 0
        self.bram18 = 0
        self.dsp = 0
        self.uram = 0
        self.features: dict[str, float] = defaultdict(float)

    def lut(self, feature: str, amount: float = 1) -> None:
        """``amount`` more of a feature."""
        self.features[feature] += amount

    def resources(self, constants: dict[str, float]) -> Resources:
        """Counts, with ``constants`` LUTs per unit of each feature."""
        lut = sum(constants.get(feature, 0.0) * amount for feature, amount in self.features.items())
        return Resources(round(lut), self.ff, self.bram18, self.dsp, self.uram)

    def chain(self, bits: int, length: int) -> None:
        """``bits`` registers one behind the other ``length`` times, without reset, read only at the end."""
        if self.family in ("xc7", "xcu", "xcup") and length > LONGEST_CHAIN:
            self.lut("shift register", bits)
        else:
            self.ff += bits * length

    def counter(self, count: int) -> int:
        """A counter of ``count`` states (cores/counter.py). Returns its bits, 0 where it stands still."""
        if count < 2:
            return 0
        bits = address_bits(count)
        self.ff += bits
        self.lut("counter")
        self.lut("counter bit", bits)
        if count & (count - 1):
            self.lut("counter wrap")
        return bits

    def level(self, most: int) -> None:
        """An up-and-down counter from 0 to ``most``."""
        bits = most.bit_length()
        self.ff += bits
        self.lut("level")
        self.lut("level bit", bits)

    def lutram(self, words: int, width: int) -> None:
        """A LUT memory with one write port, read at any address in the cycle of use or into a register."""
        if self.family in ("xcu", "xcup"):
            small, large = 8 * ceil(width / 14), 8 * ceil(width / 7)
        else:
            small, large = 4 * ceil(width / 6), 4 * ceil(width / 3)
        banks = ceil(words / 64)
        self.lut("lutram", small if words <= 32 else banks * large)
        if banks > 1:
            self.lut("lutram mux", width * ceil((banks - 1) / 3))

    def ram(self, words: int, width: int, block: bool) -> None:
        """A memory with one write port and one clocked read port."""
        if block:
            self.bram18 += block_rams(words, width)
        else:
            self.lutram(words, width)
            self.ff += width

    def queue(self, width: int, depth: int) -> None:
        """cores/queue.py."""
        self.lut("queue")
        if depth <= 2:
            self.ff += depth * (width + 1)
            self.lut("queue mux", width * (depth - 1))
            return
        words = free_words(depth, width)
        if prefers_block(depth, width):
            self.bram18 += block_rams(words, width)
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

    def rom(self, words: int, width: int, block: bool, distinct: float | None = None) -> None:
        """cores/rom.py; of its ``width`` columns ``distinct`` are different and not constant."""
        if words < 2:
            return
        if block:
            self.bram18 += block_rams(words, width)
            return
        distinct = width if distinct is None else distinct
        self.ff += distinct
        if words > 2:
            self.lut("rom", distinct * ceil(words / 64))

    def output_place(self) -> None:
        """cores/register.py."""
        self.ff += 1
        self.lut("flag")
