"""What on-chip memories cost on 7-series and newer Xilinx devices, and which kind to take.

There are two kinds, "lut" and "block". UltraScale+ has a third, UltraRAM, whose contents cannot be given at configuration: no place for the
weights and tables that most memories here hold.
"""

from amaranth.utils import ceil_log2

__all__ = [
    "STORAGES", "block_rams", "check_storage", "free_words", "lutram_luts", "one_address_banks", "prefers_block", "ram_style", "rom_first",
    "rom_in_block", "rom_luts", "rom_parts",
]

STORAGES = ("auto", "lut", "block")

# Small and middling devices hold about this many LUTs for each 18 kbit block RAM.
LUTS_PER_BLOCK = 190
# Words and bits of one 18 kbit block RAM with one write and one read port.
BLOCK_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
# The same of iCE40, which has no LUT memory: 4 kbit block RAMs, and in UP5K 176 flip-flops for each.
SMALL_BLOCK_SHAPES = ((256, 16), (512, 8), (1024, 4), (2048, 2))
REGISTERS_PER_BLOCK = 176
# Yosys makes logic of read-only memories with fewer words, whatever it is asked for.
LEAST_BLOCK_WORDS = 8
# Most words of a LUT memory with one address. Yosys believes that UltraScale has one of 65536, and fails where it takes that.
MOST_ONE_ADDRESS_WORDS = 256
# Most words of one read-only memory: in LUTs, what is chosen from within a cycle; in block RAM, what a simulator finds by the bits of the
# address, where it would compare more words one after the other.
MOST_LUT_WORDS = 1024
MOST_BLOCK_WORDS = 1 << 16


def check_storage(parameter: str, storage: str):
    """Raise ``ValueError`` unless ``storage`` is one of its words."""
    if storage not in STORAGES:
        raise ValueError(f"{parameter}={storage!r} must be 'auto', 'lut' or 'block'")


def lutram_luts(words: int, width: int) -> int:
    """LUTs of a dual-ported LUT memory: 4 for 32 words of 6 bits or 64 words of 3, and the multiplexers between banks."""
    if words <= 32:
        return 4 * -(-width // 6)
    banks = -(-words // 64)
    return 4 * banks * -(-width // 3) + width * -(-(banks - 1) // 3)


def block_rams(words: int, width: int) -> int:
    """Block RAMs of 18 kbit of a memory with one write and one read port."""
    return min(-(-words // deep) * -(-width // wide) for deep, wide in BLOCK_SHAPES)


def prefers_block(words: int, width: int) -> bool:
    """Whether block RAM is the cheaper choice."""
    return words > 64 and lutram_luts(words, width) > LUTS_PER_BLOCK * block_rams(words, width)


def free_words(words: int, width: int) -> int:
    """The greatest number of words, up to the next power of two, that costs no more than ``words``."""
    cost = block_rams if prefers_block(words, width) else lutram_luts
    step = 32 if words <= 32 else 64
    rounded = -(-words // step) * step
    power = 1 << ceil_log2(words)
    candidates = [n for n in (rounded, power) if n >= words and cost(n, width) == cost(words, width)]
    return max(candidates, default=words)


def one_address_banks(words: int, slices: bool) -> list[int]:
    """Words of the LUT memories, one behind the other, that one with one address is made of, in ``slices`` or elsewhere."""
    if not slices:
        return [words]
    return [min(MOST_ONE_ADDRESS_WORDS, words - first) for first in range(0, words, MOST_ONE_ADDRESS_WORDS)]


def ram_style(words: int, width: int, platform=None) -> str:
    """What a memory that is written is made of, as the attribute ``ram_style`` says it: "block" or "distributed", LUT memory.

    Where the platform has an attribute ``lut_memory`` that is false, it is "block" or "registers".
    """
    if getattr(platform, "lut_memory", True):
        return "block" if prefers_block(words, width) else "distributed"
    blocks = min(-(-words // deep) * -(-width // wide) for deep, wide in SMALL_BLOCK_SHAPES)
    return "block" if words * width > REGISTERS_PER_BLOCK * blocks else "registers"


def rom_luts(words: int, width: int) -> int:
    """LUTs of a read-only memory: one for 64 words of a bit; up to four are joined by the multiplexers beside them."""
    banks = -(-words // 64)
    return width * (banks + -(-(-(-banks // 4) - 1) // 3))


def rom_in_block(storage: str, words: int, width: int) -> bool:
    """Whether a read-only memory is in block RAM: with ``storage`` "block", or "auto" where that is the cheaper choice.

    Fewer than 8 words are always in LUTs.
    """
    if storage == "lut" or words < LEAST_BLOCK_WORDS:
        return False
    return storage == "block" or rom_luts(words, width) > LUTS_PER_BLOCK * block_rams(words, width)


def rom_first(words: int, width: int, block: bool) -> int:
    """Words of the first of two read-only memories, one behind the other, that one of ``words`` is made of; all where it is one.

    Synthesis rounds each in block RAM up to a power of two, and 3 x 3 kernels like numbers just above one. So the greatest power of two
    within ``words`` has a memory of its own where that saves more block RAM than the multiplexer, a LUT for each bit, is worth. Memories
    that are too deep for other reasons are halved until they are not.
    """
    if words > (MOST_BLOCK_WORDS if block else MOST_LUT_WORDS):
        return 1 << ((words - 1).bit_length() - 1)
    first = 1 << (words.bit_length() - 1)
    if block and words - first >= LEAST_BLOCK_WORDS:
        rest = rom_parts(words - first, width, block)
        saved = block_rams(2 * first, width) - block_rams(first, width) - sum(block_rams(part, width) for part in rest)
        if saved * LUTS_PER_BLOCK > width * len(rest):
            return first
    return words


def rom_parts(words: int, width: int, block: bool) -> list[int]:
    """Words of the read-only memories, one behind the other, that one of ``words`` is made of."""
    first = rom_first(words, width, block)
    return [words] if first == words else rom_parts(first, width, block) + rom_parts(words - first, width, block)
