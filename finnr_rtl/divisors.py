"""Divisors, which are what legal folding factors are."""

from math import isqrt

__all__ = ["divisors"]


def divisors(n: int) -> list[int]:
    """All divisors of ``n``, rising."""
    low = [d for d in range(1, isqrt(n) + 1) if n % d == 0]
    return low + [n // d for d in reversed(low) if d * d != n]
