"""Hardware of a memory with one address, at which a cycle reads and may write."""

from amaranth.hdl import Array, Module, Signal, Value, unsigned
from amaranth.lib.memory import Memory

from finnr_rtl.cores.ram import one_address_banks, ram_style

__all__ = ["one_address_memory"]


def one_address_memory(m: Module, name: str, words: int, address: Value, fill: Value, data: Value, platform) -> Value:
    """The word of ``words`` that was at ``address`` a cycle ago, which ``data`` becomes where ``fill`` is 1."""
    style = ram_style(words, len(data), platform)
    shape, attrs = unsigned(len(data)), {"ram_style": style}
    banks = [words] if style == "block" else one_address_banks(words, getattr(platform, "slices", False))
    if len(banks) == 1:
        m.submodules[name] = memory = Memory(shape=shape, depth=words, init=[], attrs=attrs)
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [write.en.eq(fill), write.addr.eq(address), write.data.eq(data), read.en.eq(1), read.addr.eq(address)]
        return read.data
    found = []
    number = address[(banks[0] - 1).bit_length():]
    for bank, size in enumerate(banks):
        m.submodules[f"{name}{bank}"] = memory = Memory(shape=shape, depth=size, init=[], attrs=attrs)
        write, read = memory.write_port(), memory.read_port(domain="comb")
        m.d.comb += [write.en.eq(fill & (number == bank)), write.addr.eq(address), write.data.eq(data), read.addr.eq(address)]
        found.append(read.data)
    word = Signal(shape, name=f"{name}_word", reset_less=True)
    m.d.sync += word.eq(Array(found)[number])
    return word
