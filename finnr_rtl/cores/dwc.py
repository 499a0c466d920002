"""Data-width converter."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import gcd, prod

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal

from finnr_rtl.cores.contract import Core, CoreConfig, StreamSpec, require_divisor
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.multiplexer import multiplex
from finnr_rtl.cores.schedule import StepSchedule
from finnr_rtl.datatypes import DataType

__all__ = ["WidthConverter", "WidthConverterConfig"]

# Most places from which one is chosen within a cycle: six levels of LUTs.
MOST_WAYS = 64


@dataclass(frozen=True)
class WidthConverterConfig(CoreConfig):
    """``y = x``, with ``lanes_in`` values a beat in and ``lanes_out`` a beat out; any ratio.

    The stream with more beats has one every cycle; frames follow each other without a pause. An output beat is offered ``delay``
    cycles after the input beat that completes it is taken: one, or two where its values come from more than 64 places.

    Raises ``ValueError`` where lanes_in or lanes_out does not divide the number of values in ``shape``.
    """

    dtype: DataType
    shape: tuple[int, ...]
    lanes_in: int
    lanes_out: int

    def __post_init__(self):
        require_divisor("lanes_in", self.lanes_in, "values", prod(self.shape))
        require_divisor("lanes_out", self.lanes_out, "values", prod(self.shape))

    @property
    def input(self):
        return StreamSpec(self.dtype, self.shape, self.lanes_in)

    @property
    def output(self):
        return StreamSpec(self.dtype, self.shape, self.lanes_out)

    def reference(self, x):
        return np.asarray(x, dtype=np.int64)

    @property
    def unit(self) -> int:
        """Values that always stay together."""
        return gcd(self.lanes_in, self.lanes_out)

    @property
    def units_in(self) -> int:
        """Units of an input beat."""
        return self.lanes_in // self.unit

    @property
    def units_out(self) -> int:
        """Units of an output beat."""
        return self.lanes_out // self.unit

    @property
    def phases(self) -> int:
        """Steps until the beats of both streams begin together again."""
        return max(self.units_in, self.units_out)

    @cached_property
    def takes(self) -> np.ndarray:
        """Phases in which an input beat is taken: all, or those whose output beat needs a new one."""
        return np.arange(self.units_out) * self.units_in // min(self.units_in, self.units_out)

    @cached_property
    def launches(self) -> np.ndarray:
        """Phases in which an output beat is launched: all, or those whose input beat completes one."""
        least = min(self.units_in, self.units_out)
        return (np.arange(1, self.units_in + 1) * self.units_out - 1) // least

    def source(self, beat: int, unit: int) -> tuple[int, int]:
        """Where output beat ``beat`` of a period finds a unit: (age, unit in the input beat).

        Age 0 is the beat being taken, age n the n-th latest of those taken before.
        """
        index, offset = divmod(beat * self.units_out + unit, self.units_in)
        before = int(np.searchsorted(self.takes, self.launches[beat]))
        return before - index, offset

    @property
    def delay(self) -> int:
        """Cycles from the step that completes an output beat to the beat."""
        return 1 + (self.units_in > MOST_WAYS)

    def schedule(self):
        periods = np.arange(prod(self.shape) // (self.unit * self.units_in * self.units_out))[:, None] * self.phases
        return StepSchedule(
            steps=periods.size * self.phases,
            consume=(periods + self.takes).reshape(-1),
            produce=(periods + self.launches).reshape(-1),
            delay=self.delay,
            slots=self.delay,
        )

    def create(self):
        return WidthConverter(self)


class WidthConverter(Core):
    """Hardware of :class:`WidthConverterConfig`.

    Input beats go into a history just long enough for an output beat. The output register takes each of its units from a place in
    the history, or from the beat being taken, and where from depends on the phase alone. Of very many places some are chosen first, into
    registers of their own.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()
        step = Signal()
        phase, _ = counter(m, "phase", c.phases, step)
        taking = self._is_one_of(m, "taking", phase, step, c.takes)
        launching = self._is_one_of(m, "launching", phase, step, c.launches)
        launch, filled = Signal(), Signal()
        m.d.comb += launch.eq(step & launching)
        load, room = launch, ~filled | self.o.ready
        if c.delay > 1:
            waiting = Signal()
            load, room = waiting & room, ~waiting | room
            with m.If(launch):
                m.d.sync += waiting.eq(1)
            with m.Elif(load):
                m.d.sync += waiting.eq(0)
        with m.If(load):
            m.d.sync += filled.eq(1)
        with m.Elif(self.o.ready):
            m.d.sync += filled.eq(0)
        place = Signal()
        m.d.comb += place.eq(~launching | room)
        m.d.comb += step.eq(place & (~taking | self.i.valid))
        m.d.comb += self.i.ready.eq(place & taking)

        # history[n] is the n-th latest beat taken before this step.
        ages = [c.source(beat, unit)[0] for beat in range(c.units_in) for unit in range(c.units_out)]
        history = [self.i.payload]
        for age in range(1, max(ages) + 1):
            history.append(Signal(c.input.width, name=f"history{age}", reset_less=True))
        with m.If(step & taking):
            for newer, older in pairwise(history):
                m.d.sync += older.eq(newer)

        beat = phase
        if c.units_in < c.units_out:
            beat, _ = counter(m, "beat", c.units_in, launch)
        places = [self._places(unit, history) for unit in range(c.units_out)]
        if c.delay > 1:
            beat, places = self._fewer(m, launch, beat, places)
        payload = Signal(c.output.width, reset_less=True)
        with m.If(load):
            m.d.sync += payload.eq(Cat(*(multiplex(beat, choice) for choice in places)))
        m.d.comb += [self.o.valid.eq(filled), self.o.payload.eq(payload)]
        return m

    def _is_one_of(self, m, name, phase, step, phases):
        """High in the ``phases``: a register, set in the phase before, since neighbours wait for it."""
        count = self._config.phases
        if len(phases) == count:
            return Const(1, 1)
        flag = Signal(name=name, init=int(phases[0] == 0))
        with m.If(step):
            m.d.sync += flag.eq(0)
            with m.Switch(phase), m.Case(*((phases - 1) % count).tolist()):
                m.d.sync += flag.eq(1)
        return flag

    def _places(self, unit, history):
        """Where one unit comes from in each output beat of a period: a name, the same for the same place, and what is there."""
        c = self._config
        places = [c.source(n, unit) for n in range(c.units_in)]
        return [((age, offset), history[age].word_select(offset, c.unit * c.dtype.bits)) for age, offset in places]

    def _fewer(self, m, launch, beat, places):
        """Registers for the places chosen by half of the bits of ``beat``, and the other half, a cycle later."""
        half = -(-len(beat) // 2)
        part = Signal(len(beat) - half, name="part", reset_less=True)
        with m.If(launch):
            m.d.sync += part.eq(beat[half:])
        known = {}
        fewer = []
        for choice in places:
            parts = [choice[at : at + (1 << half)] for at in range(0, len(choice), 1 << half)]
            for some in parts:
                names = tuple(name for name, _ in some)
                if names not in known:
                    known[names] = register = Signal(len(some[0][1]), name=f"chosen{len(known)}", reset_less=True)
                    with m.If(launch):
                        m.d.sync += register.eq(multiplex(beat[:half], some))
            fewer.append([(names, known[names]) for names in (tuple(name for name, _ in some) for some in parts)])
        return part, fewer
