"""Divisors, which are what legal folding factors are."""

__all__ = ["divisors"]


def divisors(n: int) -> list[int]:
    """All divisors of ``n``, rising."""
    return [d for d in range(1, n + 1) if n % d == 0]
