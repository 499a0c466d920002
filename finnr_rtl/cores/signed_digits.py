"""Constants in canonical signed digits, by which they are multiplied."""

__all__ = ["digits"]


def digits(factor: int) -> list[tuple[int, int]]:
    """(place, digit) of ``factor`` in digits -1 and 1, no two in neighbouring places, which are the fewest that make it; lowest first."""
    found, place = [], 0
    while factor:
        if factor & 1:
            digit = 2 - (factor & 3)
            found.append((place, digit))
            factor -= digit
        factor >>= 1
        place += 1
    return found
