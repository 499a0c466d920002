"""Sums of bits as cores/columns.py makes them: LUTs by rule."""

from collections import defaultdict
from functools import cache

from amaranth.hdl import Shape

__all__ = ["field_sum", "product_sum"]


@cache
def product_sum(terms: int, first: Shape, second: Shape, width: int) -> int:
    """LUTs of a sum of ``terms`` products of two numbers that vary."""
    luts, constant = 0, 0
    pairs: dict[tuple[int, bool], int] = defaultdict(int)
    for i in range(first.width):
        for j in range(second.width):
            negative = (first.signed and i == first.width - 1) != (second.signed and j == second.width - 1)
            pairs[i + j, negative] += terms
            constant -= terms * negative << (i + j)
    heights = [0] * width
    for (place, _), count in pairs.items():
        if place < width:
            threes, rest = divmod(count, 3)
            luts += 2 * threes + rest
            heights[place] += threes + rest
            if place + 1 < width:
                heights[place + 1] += threes
    return luts + _sum(heights, constant)


@cache
def field_sum(terms: int, field: int, borrows: int, width: int) -> int:
    """LUTs of a sum of ``terms`` signed numbers of ``field`` bits and ``borrows`` of one bit."""
    if terms + borrows <= 2:
        return width * (terms + borrows - 1)
    heights = [terms * (place < field) for place in range(width)]
    heights[0] += borrows
    return _sum(heights, -(terms << (field - 1)) - borrows)


def _sum(heights: list[int], constant: int) -> int:
    """LUTs of counters and adders for columns with so many bits each, and a constant."""
    luts, width = 0, len(heights)
    heights = [height + (constant >> place & 1) for place, height in enumerate(heights)]
    while max(heights) >= 6:
        reduced = [height % 6 for height in heights]
        for place, height in enumerate(heights):
            luts += 3 * (height // 6)
            for more in range(min(3, width - place)):
                reduced[place + more] += height // 6
        heights = reduced
    rows = [[height > row for height in heights] for row in range(5)]
    rows = [row for row in rows if any(row)]
    while len(rows) > 1:
        a, b, *rows = sorted(rows, key=sum)
        low, high = max(a.index(True), b.index(True)), max(place for row in (a, b) for place, bit in enumerate(row) if bit)
        luts += high + 1 - low
        rows.append([any(bits) for bits in zip(a[:low], b[:low], strict=True)] + [place <= high + 1 for place in range(low, width)])
    return luts
