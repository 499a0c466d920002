"""Products of a constant matrix with a vector as a graph of adders, one level of them a cycle; a plan without hardware."""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from finnr_rtl.cores.adder import Adder, Operand, bits_of
from finnr_rtl.cores.signed_digits import digits
from finnr_rtl.cores.subexpressions import Term, share

__all__ = ["AdderGraph", "Node", "adder_graph"]

# LUTs that a bit less to add saves, about, and how deep pairs of pairs go: more of both saves few LUTs, and takes registers and cycles.
SAVED, DEPTH = 0.5, 3
# Pairs of digits that are looked at in one go; of larger matrices, columns share nothing with those far away.
MOST_PAIRS = 1 << 19


@dataclass(frozen=True)
class Node:
    """A register that holds the sum of up to three ``terms``, sources of the level before; its numbers are ``low`` to ``high``."""

    terms: tuple[Term, ...]
    level: int
    low: int
    high: int

    @property
    def shape(self) -> tuple[int, bool]:
        """(width, signed) of its numbers."""
        return bits_of(self.low, self.high)


@dataclass(frozen=True)
class AdderGraph:
    """``y = W x``. Sources are the ``inputs``, of ``low`` to ``high``, and behind them ``nodes``, whose terms are sources before them.
    ``outputs`` tells of each row the term that is its result after ``latency`` cycles, never a negative one, or None where it is 0."""

    inputs: int
    low: int
    high: int
    nodes: tuple[Node, ...]
    outputs: tuple[Term | None, ...]
    latency: int

    def shape(self, source: int) -> tuple[int, bool]:
        """(width, signed) of a source."""
        return bits_of(self.low, self.high) if source < self.inputs else self.nodes[source - self.inputs].shape

    def level(self, source: int) -> int:
        """Cycles from the inputs to a source."""
        return 0 if source < self.inputs else self.nodes[source - self.inputs].level

    @cached_property
    def waits(self) -> dict[int, int]:
        """For how many cycles each source that is read later than when it is there waits."""
        last: dict[int, int] = {}
        for node in self.nodes:
            for term in node.terms:
                last[term.source] = max(last.get(term.source, 0), node.level - 1)
        for term in filter(None, self.outputs):
            last[term.source] = self.latency
        return {source: until - self.level(source) for source, until in last.items() if until > self.level(source)}

    @property
    def inputs_read(self) -> int:
        """Inputs that any row has a weight for."""
        terms = [*(term for node in self.nodes for term in node.terms), *filter(None, self.outputs)]
        return len({term.source for term in terms if term.source < self.inputs})

    @cached_property
    def adders(self) -> tuple[Adder, ...]:
        """The adder of each node."""
        return tuple(
            Adder(tuple(Operand(*self.shape(term.source), term.place, term.negative) for term in node.terms), node.shape[0])
            for node in self.nodes
        )

    @cached_property
    def luts(self) -> int:
        """LUTs of all adders."""
        return sum(adder.luts for adder in self.adders)

    @cached_property
    def registers(self) -> int:
        """Flip-flops of all adders, and of what waits. A bit that a sum takes over from below its chain waits like any other: however many
        need it in a cycle, it is one."""
        width, _ = bits_of(self.low, self.high)
        origins: list[list[tuple[int, int] | None]] = [[(source, bit) for bit in range(width)] for source in range(self.inputs)]
        kept = set()
        for source in range(self.inputs + len(self.nodes)):
            if source >= self.inputs:
                node, adder = self.nodes[source - self.inputs], self.adders[source - self.inputs]
                taken = [bit and origins[node.terms[bit[0]].source][bit[1]] for bit in adder.below]
                origins.append([*taken, *((source, place) for place in range(adder.start, adder.width))])
                kept |= {(origin, node.level) for origin in origins[-1]}
            for cycle in range(self.waits.get(source, 0)):
                kept |= {(origin, self.level(source) + 1 + cycle) for origin in origins[source]}
        return sum(origin is not None for origin, _ in kept)


def adder_graph(weights: np.ndarray, low: int, high: int) -> AdderGraph:
    """The graph of ``weights`` (rows, columns) for inputs from ``low`` to ``high``.

    Rows that are one another times a power of two are one. Raises ``ValueError`` for weights beyond 32 bits.
    """
    if np.abs(weights).max(initial=0) >> 32:
        raise ValueError("weights must have no more than 32 bits")
    return _Builder(weights, low, high).graph()


@dataclass
class _Builder:
    """Makes nodes one by one."""

    weights: np.ndarray
    low: int
    high: int
    nodes: list[Node] = field(default_factory=list)
    # Of each source how often each input is in it, and how late it is read as far as is known.
    sums: list[dict[int, int]] = field(default_factory=list)
    read: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def graph(self) -> AdderGraph:
        rows, columns = self.weights.shape
        self.sums = [{column: 1} for column in range(columns)]
        distinct: dict[tuple, int] = {}
        order: list[tuple[int, int] | None] = []
        for row in self.weights.tolist():
            place = min(((value & -value).bit_length() - 1 for value in row if value), default=None)
            order.append(None if place is None else (distinct.setdefault(tuple(value >> place for value in row), len(distinct)), place))
        pairs, sums = self._shared([[Term(column, place, digit < 0) for column, value in enumerate(row) for place, digit in digits(value)]
                                    for row in distinct])
        made: dict[int, Term] = {}
        for number, terms in enumerate(pairs, columns):
            if terms:
                made[number] = self._sum(self._resolved(terms, made), free=True)
        results = [self._sum(self._resolved(terms, made), free=False) for terms in sums]
        outputs = tuple(None if entry is None else results[entry[0]]._replace(place=results[entry[0]].place + entry[1]) for entry in order)
        latency = max([1, *(self._level(term.source) for term in results)])
        return AdderGraph(columns, self.low, self.high, tuple(self.nodes), outputs, latency)

    def _shared(self, rows: list[list[Term]]) -> tuple[list[list[Term]], list[list[Term]]]:
        """Pairs and rows in terms of pairs; what is in one other sum alone becomes part of it."""
        columns = self.weights.shape[1]
        width = bits_of(self.low, self.high)[0]
        looked_at = sum(len(row) ** 2 for row in rows) // 2
        parts = max(1, -(-looked_at // MOST_PAIRS))
        pairs: list[list[Term]] = []
        sums: list[list[Term]] = [[] for _ in rows]
        for part in range(parts):
            first, end = columns * part // parts, columns * (part + 1) // parts
            # Sources of a part are its columns and then its pairs.
            found, short = share(
                [[term._replace(source=term.source - first) for term in row if first <= term.source < end] for row in rows],
                [width] * (end - first), SAVED, DEPTH)
            made = columns + len(pairs)

            def moved(terms, first=first, inner=end - first, made=made):
                return [term._replace(source=term.source + first if term.source < inner else term.source - inner + made) for term in terms]

            pairs += [moved(terms) for terms in found]
            for terms, more in zip(sums, short, strict=True):
                terms += moved(more)
        return _inlined(pairs, sums, columns)

    def _resolved(self, terms: list[Term], made: dict[int, Term]) -> list[Term]:
        """Terms in which pairs are the nodes that were made of them."""
        return [
            Term(made[term.source].source, made[term.source].place + term.place, made[term.source].negative ^ term.negative)
            if term.source in made else term for term in terms
        ]

    def _level(self, source: int) -> int:
        columns = self.weights.shape[1]
        return 0 if source < columns else self.nodes[source - columns].level

    def _width(self, source: int) -> int:
        columns = self.weights.shape[1]
        return bits_of(self.low, self.high)[0] if source < columns else self.nodes[source - columns].shape[0]

    def _sum(self, terms: list[Term], free: bool) -> Term:
        """The term that is the sum of ``terms``; it may be negative only if ``free``."""
        own: set[int] = set()
        level = 0
        while len(terms) > 1 or terms[0].negative and not free:
            terms.sort(key=lambda term: (term.place, -self._width(term.source), term.source))
            ready = [term for term in terms if self._level(term.source) <= level]
            late = [term for term in terms if self._level(term.source) > level]
            level += 1
            last = not late and len(ready) <= 3
            rest = 0 if last or len(ready) % 3 == 2 and len(terms) % 2 == 0 else len(ready) % 3
            # Those wait that do so for others already, or are narrow.
            waiting = sorted(ready, key=lambda term: (self.read[term.source] < level, self._width(term.source)))[:rest]
            ready = [term for term in ready if term not in waiting]
            for term in waiting:
                self.read[term.source] = max(self.read[term.source], level)
            if last and not free and all(term.negative for term in ready):
                ready, waiting = self._turned(ready, own)
            groups = [ready[at : at + 3] for at in range(0, len(ready), 3)]
            terms = [*late, *waiting]
            for group in groups:
                made = self._add(group, level, free or not last or bool(waiting))
                own.add(made.source)
                terms.append(made)
        return terms[0]

    def _turned(self, terms: list[Term], own: set[int]) -> tuple[list[Term], list[Term]]:
        """(terms to add, terms that wait) of a last sum of which all are negative: one of its own nodes is made anew with the other sign,
        or if there is none and they are three, one waits."""
        columns = self.weights.shape[1]
        for number, term in enumerate(terms):
            if term.source in own:
                node = self.nodes[term.source - columns]
                opposite = tuple(part._replace(negative=not part.negative) for part in node.terms)
                if sum(part.negative for part in opposite) < 3:
                    self.nodes[term.source - columns] = Node(opposite, node.level, -node.high, -node.low)
                    self.sums[term.source] = {column: -factor for column, factor in self.sums[term.source].items()}
                    return [*terms[:number], term._replace(negative=False), *terms[number + 1 :]], []
        return terms[:2], terms[2:]

    def _add(self, terms: list[Term], level: int, free: bool) -> Term:
        """A new node for the sum of ``terms``, whose sign is the one that is less to add where it is ``free``."""
        negative = free and min(terms, key=lambda term: (term.place, not term.negative)).negative
        place = min(term.place for term in terms)
        moved = tuple(Term(term.source, term.place - place, term.negative ^ negative) for term in terms)
        factors: dict[int, int] = defaultdict(int)
        for term in moved:
            sign = -1 if term.negative else 1
            for column, factor in self.sums[term.source].items():
                factors[column] += sign * factor << term.place
            self.read[term.source] = max(self.read[term.source], level - 1)
        low = sum(factor * (self.low if factor > 0 else self.high) for factor in factors.values())
        high = sum(factor * (self.high if factor > 0 else self.low) for factor in factors.values())
        self.nodes.append(Node(moved, level, low, high))
        self.sums.append(dict(factors))
        return Term(len(self.sums) - 1, place, negative)


def _inlined(pairs: list[list[Term]], sums: list[list[Term]], columns: int) -> tuple[list[list[Term]], list[list[Term]]]:
    """The same, in which pairs that are read once are part of what reads them; nothing is left of them."""
    uses: dict[int, int] = defaultdict(int)
    for terms in [*pairs, *sums]:
        for term in terms:
            uses[term.source] += 1

    def whole(terms: list[Term]) -> list[Term]:
        found = []
        for term in terms:
            if term.source >= columns and uses[term.source] == 1:
                inner = whole(pairs[term.source - columns])
                found += [Term(part.source, part.place + term.place, part.negative ^ term.negative) for part in inner]
            else:
                found.append(term)
        return found

    return [whole(terms) if uses[number] > 1 else [] for number, terms in enumerate(pairs, columns)], [whole(terms) for terms in sums]
