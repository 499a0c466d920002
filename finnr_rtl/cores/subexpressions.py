"""Sums of shifted inputs that share what they have in common.

Numbers are written in canonical signed digits: the fewest of -1, 0 and 1. Pairs of digits that come again and again, in the same distance
and with the same or opposite signs, are added once. They are chosen one by one, each time the pair that saves most, as in R. I. Hartley,
"Subexpression sharing in filters using canonic signed digit multipliers", IEEE TCAS-II 43(10), 1996.
"""

from collections import defaultdict
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import numpy as np

__all__ = ["Term", "share"]

# Bits in which a key of a pair holds its distance, with an offset, and its sign.
_DISTANCE, _OFFSET = 7, 64


class Term(NamedTuple):
    """A source times 2^``place``, or taken off if ``negative``."""

    source: int
    place: int
    negative: bool = False


def share(rows: list[list[Term]], widths: list[int], saved: float, depth: int) -> tuple[list[list[Term]], list[list[Term]]]:
    """(pairs, rows): ``rows`` in terms of inputs and of pairs, and each pair in terms of inputs and earlier pairs. Pair n is source
    ``len(widths) + n``.

    ``widths`` are those of the inputs. A pair is made where the bits that it takes off the sums, at ``saved`` LUTs each, are worth more
    than its adder. Pairs of pairs and so on go no deeper than ``depth``. The same rows give the same pairs.
    """
    return _Sharing(rows, widths, saved, depth).run()


class _Sharing:
    """The rows as they become shorter, and how often each pair is in them."""

    def __init__(self, rows: list[list[Term]], widths: list[int], saved: float, depth: int):
        self._rows = [{(term.source, term.place): term.negative for term in row} for row in rows]
        self._widths, self._saved, self._depth = list(widths), saved, depth
        self._levels = [0] * len(widths)
        self._pairs: list[list[Term]] = []
        # Which rows have a source, and where.
        self._where: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for number, row in enumerate(self._rows):
            for source, place in row:
                self._where[source][number].add(place)
        self._counts = self._counted()

    @staticmethod
    def _key(source: int, place: int, negative: bool, other: int, at: int, opposite: bool) -> int:
        """Both terms of a pair, whatever their order, but for where they stand."""
        if (other, at) < (source, place):
            source, place, other, at = other, at, source, place
        return ((source << 24 | other) << _DISTANCE | at - place + _OFFSET) << 1 | (negative ^ opposite)

    @staticmethod
    def _parts(key: int) -> tuple[int, int, int, bool]:
        """(source, other, distance, whether signs differ) of a key."""
        distance = (key >> 1 & (1 << _DISTANCE) - 1) - _OFFSET
        return key >> 25 + _DISTANCE, key >> 1 + _DISTANCE & (1 << 24) - 1, distance, bool(key & 1)

    def _counted(self) -> dict[int, int]:
        """How often each pair of terms is in the rows, of those that come at least twice."""
        keys = []
        for row in self._rows:
            terms = np.array(sorted((*term, negative) for term, negative in row.items()), dtype=np.int64).reshape(-1, 3)
            first, second = np.triu_indices(len(terms), 1)
            (source, place, negative), (other, at, opposite) = terms[first].T, terms[second].T
            keys.append(((source << 24 | other) << _DISTANCE | at - place + _OFFSET) << 1 | (negative ^ opposite))
        values, counts = np.unique(np.concatenate(keys or [np.zeros(0, dtype=np.int64)]), return_counts=True)
        often = counts > 1
        return dict(zip(values[often].tolist(), counts[often].tolist(), strict=True))

    def _gain(self, key: int, count: int) -> float:
        """LUTs that are saved if a pair that comes so often is added once."""
        source, other, distance, _ = self._parts(key)
        if max(self._levels[source], self._levels[other]) >= self._depth:
            return 0
        low, high = self._span(source, other, distance)
        adder = max(1, high - max(0, distance))
        return self._saved * count * (self._widths[source] + self._widths[other] - (high - low)) - adder

    def _span(self, source: int, other: int, distance: int) -> tuple[int, int]:
        """Lowest place of a pair, and the one above its highest, about."""
        ends = self._widths[source], distance + self._widths[other]
        return min(0, distance), max(ends) + (min(ends) > max(0, distance))

    def run(self) -> tuple[list[list[Term]], list[list[Term]]]:
        queue = [(-gain, key) for key, count in self._counts.items() if (gain := self._gain(key, count)) > 0]
        heapify(queue)
        while queue:
            gain, key = heappop(queue)
            now = self._gain(key, self._counts.get(key, 0))
            if now <= 0:
                continue
            if now < -gain:
                heappush(queue, (-now, key))
                continue
            for touched in self._extract(key):
                gain = self._gain(touched, self._counts.get(touched, 0))
                if gain > 0:
                    heappush(queue, (-gain, touched))
        rows = [[Term(*term, negative) for term, negative in row.items()] for row in self._rows]
        return self._pairs, rows

    def _occurrences(self, key: int) -> list[tuple[int, int, bool]]:
        """(row, place, whether the first is negative) of a pair, no two of which share a term."""
        source, other, distance, differ = self._parts(key)
        first, second, found = self._where[source], self._where[other], []
        for number in sorted(first.keys() & second.keys()):
            row, used = self._rows[number], set()
            for place in sorted(first[number]):
                here, there = (source, place), (other, place + distance)
                if there in row and row[here] ^ row[there] == differ and here not in used and there not in used:
                    used |= {here, there}
                    found.append((number, place, row[here]))
        return found

    def _extract(self, key: int) -> set[int]:
        """Make a pair a source of its own, and put it where its terms were; returns the pairs that are new or more."""
        source, other, distance, differ = self._parts(key)
        found = self._occurrences(key)
        del self._counts[key]
        if self._gain(key, len(found)) <= 0:
            return set()
        low, high = self._span(source, other, distance)
        made = len(self._widths)
        self._pairs.append([Term(source, -low), Term(other, distance - low, differ)])
        self._widths.append(high - low)
        self._levels.append(1 + max(self._levels[source], self._levels[other]))
        touched: set[int] = set()
        for number, place, negative in found:
            row = self._rows[number]
            for term in ((source, place), (other, place + distance)):
                self._remove(number, row, term)
            for term, sign in row.items():
                new = self._key(*term, sign, made, place + low, negative)
                self._counts[new] = self._counts.get(new, 0) + 1
                touched.add(new)
            row[made, place + low] = negative
            self._where[made][number].add(place + low)
        return {pair for pair in touched if self._counts[pair] > 1}

    def _remove(self, number: int, row: dict, term: tuple[int, int]) -> None:
        negative = row.pop(term)
        places = self._where[term[0]][number]
        places.remove(term[1])
        if not places:
            del self._where[term[0]][number]
        counts = self._counts
        for rest, sign in row.items():
            key = self._key(*term, negative, *rest, sign)
            if key in counts:
                counts[key] -= 1
