"""Sums of shifted inputs that share what they have in common.

Numbers are written in canonical signed digits: the fewest of -1, 0 and 1. Pairs of digits that come again and again, in the same distance
and with the same or opposite signs, are added once. They are chosen one by one, each time the pair that saves most, as in R. I. Hartley,
"Subexpression sharing in filters using canonic signed digit multipliers", IEEE TCAS-II 43(10), 1996.
"""

from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import numpy as np

__all__ = ["Term", "share"]

# A term stands for itself as a number, its source above its place. Keys of pairs have the first source above the second term, less the
# first one's place, so that what is left is a distance, with an offset; and below that whether signs differ.
_PLACE, _OFFSET, _FIRST = 7, 64, 32
_PLACES = (1 << _PLACE) - 1


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
        # Whether the term is negative, by its number.
        self._rows = [{term.source << _PLACE | term.place: term.negative for term in row} for row in rows]
        self._widths, self._saved, self._depth = list(widths), saved, depth
        self._levels = [0] * len(widths)
        self._pairs: list[list[Term]] = []
        # Which rows have a source, and where.
        self._where: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for number, row in enumerate(rows):
            for term in row:
                self._where[term.source][number].add(term.place)
        self._counts = self._counted()

    @staticmethod
    def _keys(term: int, negative: bool, row: dict[int, bool]) -> list[int]:
        """The keys of a term and each one of ``row``, whatever their order."""
        before = (term >> _PLACE << _FIRST) + (_OFFSET - (term & _PLACES) << 1)
        return [
            (before + (other << 1) if term < other else (other >> _PLACE << _FIRST) + (_OFFSET - (other & _PLACES) + term << 1))
            + (negative ^ opposite) for other, opposite in row.items()
        ]

    @staticmethod
    def _parts(key):
        """(source, other, distance, whether signs differ) of a key, or of an array of them."""
        distance = (key >> 1 & _PLACES) - _OFFSET
        return key >> _FIRST, key >> 1 + _PLACE & (1 << _FIRST - _PLACE - 1) - 1, distance, key & 1 > 0

    def _counted(self) -> dict[int, int]:
        """How often each pair of terms is in the rows, of those that come at least twice."""
        keys = []
        for row in self._rows:
            terms = np.array(sorted(row.items()), dtype=np.int64).reshape(-1, 2)
            first, second = np.triu_indices(len(terms), 1)
            (term, negative), (other, opposite) = terms[first].T, terms[second].T
            keys.append((term >> _PLACE << _FIRST) + (_OFFSET - (term & _PLACES) + other << 1) + (negative ^ opposite))
        values, counts = np.unique(np.concatenate(keys or [np.zeros(0, dtype=np.int64)]), return_counts=True)
        often = counts > 1
        return dict(zip(values[often].tolist(), counts[often].tolist(), strict=True))

    def _worthwhile(self, keys: list[int]) -> list[tuple[float, int, float, int]]:
        """(-gain, key, saving, adder) of the pairs that are worth an adder: LUTs that are saved if a pair is added once, each time it
        comes, and what its adder takes."""
        pairs = np.array(keys, dtype=np.int64)
        source, other, distance, _ = self._parts(pairs)
        levels, widths = np.array(self._levels), np.array(self._widths)
        first, second = widths[source], widths[other]
        low, high = self._span(first, second, distance)
        adder = np.maximum(1, high - np.maximum(0, distance))
        saving = self._saved * (first + second - (high - low)) * (np.maximum(levels[source], levels[other]) < self._depth)
        gain = saving * np.array([self._counts[key] for key in keys], dtype=np.int64) - adder
        rows = np.flatnonzero(gain > 0)
        return list(zip(*(column[rows].tolist() for column in (-gain, pairs, saving, adder)), strict=True))

    @staticmethod
    def _span(first, second, distance):
        """Lowest place of a pair of such widths, and the one above its highest, about."""
        ends = first, distance + second
        return np.minimum(0, distance), np.maximum(*ends) + (np.minimum(*ends) > np.maximum(0, distance))

    def run(self) -> tuple[list[list[Term]], list[list[Term]]]:
        queue = self._worthwhile(list(self._counts))
        heapify(queue)
        while queue:
            gain, key, saving, adder = heappop(queue)
            now = saving * self._counts.get(key, 0) - adder
            if now <= 0:
                continue
            if now < -gain:
                heappush(queue, (-now, key, saving, adder))
                continue
            found = self._occurrences(key)
            del self._counts[key]
            if saving * len(found) > adder:
                for entry in self._worthwhile(self._extract(key, found)):
                    heappush(queue, entry)
        rows = [[Term(*divmod(term, 1 << _PLACE), negative) for term, negative in row.items()] for row in self._rows]
        return self._pairs, rows

    def _occurrences(self, key: int) -> list[tuple[int, int, bool]]:
        """(row, place, whether the first is negative) of a pair, no two of which share a term."""
        source, other, distance, differ = self._parts(key)
        first, second, found = self._where[source], self._where[other], []
        for number in sorted(first.keys() & second.keys()):
            row, used = self._rows[number], set()
            for place in sorted(first[number]):
                here, there = source << _PLACE | place, (other << _PLACE) + place + distance
                if there in row and row[here] ^ row[there] == differ and here not in used and there not in used:
                    used |= {here, there}
                    found.append((number, place, row[here]))
        return found

    def _extract(self, key: int, found: list[tuple[int, int, bool]]) -> list[int]:
        """Make a pair a source of its own, and put it where its terms were; returns the pairs that are new."""
        source, other, distance, differ = self._parts(key)
        low, high = map(int, self._span(self._widths[source], self._widths[other], distance))
        made = len(self._widths)
        self._pairs.append([Term(source, -low), Term(other, distance - low, differ)])
        self._widths.append(high - low)
        self._levels.append(1 + max(self._levels[source], self._levels[other]))
        for number, place, _ in found:
            self._remove(number, source, place)
            self._remove(number, other, place + distance)
        keys: list[int] = []
        for number, place, negative in found:
            term, row = made << _PLACE | place + low, self._rows[number]
            keys += self._keys(term, negative, row)
            row[term] = negative
            self._where[made][number].add(place + low)
        new = {pair: count for pair, count in Counter(keys).items() if count > 1}
        self._counts |= new
        return list(new)

    def _remove(self, number: int, source: int, place: int) -> None:
        row, places = self._rows[number], self._where[source][number]
        negative = row.pop(source << _PLACE | place)
        places.remove(place)
        if not places:
            del self._where[source][number]
        counts = self._counts
        for key in self._keys(source << _PLACE | place, negative, row):
            if key in counts:
                counts[key] -= 1
