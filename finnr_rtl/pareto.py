"""Pareto fronts of designs: frames per second against resources."""

from finnr_rtl.cost.resources import RESOURCES

__all__ = ["front"]


def front(points: list[tuple[float, dict[str, int]]], kinds: tuple[str, ...] = RESOURCES) -> list[bool]:
    """Which of ``points`` (frames per second, resources by name) no other beats.

    A point beats another that has at least as many frames and no more of any of ``kinds``, and is not equal to it; of equal ones the
    first counts.
    """
    return [
        not any(_beats(other, point, kinds) or (index < place and _same(other, point, kinds)) for index, other in enumerate(points))
        for place, point in enumerate(points)
    ]


def _beats(a, b, kinds) -> bool:
    return a[0] >= b[0] and all(a[1][kind] <= b[1][kind] for kind in kinds) and not _same(a, b, kinds)


def _same(a, b, kinds) -> bool:
    return a[0] == b[0] and all(a[1][kind] == b[1][kind] for kind in kinds)
