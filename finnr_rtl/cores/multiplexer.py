"""Multiplexers of many ways."""

from amaranth.hdl import Mux, Value

__all__ = ["multiplex"]


def multiplex(index: Value, places: list[tuple]) -> Value:
    """The value of ``places[index]``, pairs of a name and a value, as a tree of multiplexers, in which synthesis finds one of four ways for
    each LUT; values of equal names are the same. Of an index beyond the last one any value may come."""
    level = places
    for bit in index:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [
            pair[0] if len(pair) == 1 or pair[0][0] == pair[1][0] else ((pair[0][0], pair[1][0]), Mux(bit, pair[1][1], pair[0][1]))
            for pair in pairs
        ]
    return level[0][1]
