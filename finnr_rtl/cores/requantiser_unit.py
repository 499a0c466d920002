"""The pipelined multiplier, adder, shifter and clipper that turns accumulators into activations."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.adder_tree import total
from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.operands import ends, holding
from finnr_rtl.cores.parameters import parameters
from finnr_rtl.cores.sums import product_parts
from finnr_rtl.requantiser import Requantiser

__all__ = ["RequantiserUnit", "requantiser_latency"]


def requantiser_latency(requantiser: Requantiser) -> int:
    """Cycles from ``valid`` to ``done``: product, sum, clip, and correction where there are exceptions."""
    return 3 + bool(requantiser.exceptions.size)


class RequantiserUnit(wiring.Component):
    """A requantiser of ``lanes`` channels a cycle, for ``mmv`` pixels at once; channel ``fold * lanes + lane`` of pixel n is on lane
    ``n * lanes + lane``.

    The parameters of fold ``next_fold`` must be asked for (``fetch``) in the cycle before ``valid``, or earlier. ``x_shape`` is
    the shape of one operand. ``storage`` is that of the parameters, ``arithmetic`` that of the products.

    Members: ``fetch`` In(1), ``next_fold`` In, ``valid`` In(1), ``fold`` In, ``x<lane>`` In(x_shape), ``done`` Out(1),
    ``y`` Out(mmv * lanes * bits of the output type).
    """

    def __init__(
        self, requantiser: Requantiser, lanes: int, x_shape: Shape, storage: str = "auto", arithmetic: str = "auto", mmv: int = 1
    ):
        self._requantiser = requantiser
        self._lanes = lanes
        self._mmv = mmv
        self._x_shape = x_shape
        self._storage = storage
        self._arithmetic = arithmetic
        fold = address_bits(requantiser.channels // lanes)
        super().__init__({
            "fetch": In(1),
            "next_fold": In(fold),
            "valid": In(1),
            "fold": In(fold),
            **{f"x{lane}": In(x_shape) for lane in range(mmv * lanes)},
            "done": Out(1),
            "y": Out(mmv * lanes * requantiser.output.bits),
        })

    def elaborate(self, platform):
        r = self._requantiser
        m = Module()
        valid = self.valid
        for cycle in range(requantiser_latency(r)):
            later = Signal(name=f"valid{cycle + 1}")
            m.d.sync += later.eq(valid)
            valid = later
        m.d.comb += self.done.eq(valid)
        scales = self._parameters(m, "scale", r.scale)
        offsets = self._parameters(m, "offset", r.offset)
        lanes = [self._clipped(m, platform, lane, scales[lane], offsets[lane]) for lane in range(self._mmv * self._lanes)]
        if r.exceptions.size:
            lanes = self._corrected(m, lanes)
        m.d.comb += self.y.eq(Cat(*lanes))
        return m

    def _parameters(self, m, name, values):
        """The values of all lanes for the fold fetched: pixels share them."""
        return parameters(m, name, values, self._lanes, self.fetch, self.next_fold, self._storage) * self._mmv

    def _clipped(self, m, platform, lane, scale, offset):
        """One lane's result, three cycles after its operand."""
        r = self._requantiser
        x = getattr(self, f"x{lane}")
        products, sums = self._ranges()
        # The registers are those of a DSP slice, or of the parts of a wide product in LUTs.
        terms = product_parts(m, f"product{lane}", x, scale, self._arithmetic, holding(*products), platform)
        addend = Signal(offset.shape(), name=f"addend{lane}", reset_less=True)
        added = Signal(holding(*sums), name=f"sum{lane}", reset_less=True)
        m.d.sync += [addend.eq(offset), added.eq(total([*terms, addend]))]
        shifted = Signal(holding(sums[0] >> r.shift, sums[1] >> r.shift), name=f"shifted{lane}")
        m.d.comb += shifted.eq(added >> r.shift)
        if r.half_even:
            # An odd result less one is the same without its lowest bit.
            with m.If(added[: r.shift] == 0):
                m.d.comb += shifted[0].eq(0)
        y = Signal(r.output.bits, name=f"clipped{lane}", reset_less=True)
        # No comparison with a bound that no sum can pass.
        bounded = shifted
        if sums[1] >> r.shift > r.high:
            bounded = Mux(shifted > r.high, r.high, bounded)
        if sums[0] >> r.shift < r.low + r.half_even:
            bounded = Mux(shifted < r.low, r.low, bounded)
        m.d.sync += y.eq(bounded)
        return y

    def _corrected(self, m, lanes):
        """The results of all lanes with the corrections of exceptions, one cycle later."""
        r = self._requantiser
        amounts = [[] for _ in lanes]
        for entry in range(r.exceptions.shape[1]):
            exceptions = self._parameters(m, f"exception{entry}_value", r.exceptions[:, entry])
            corrections = self._parameters(m, f"exception{entry}_correction", r.corrections[:, entry])
            for lane, (exception, correction) in enumerate(zip(exceptions, corrections, strict=True)):
                reached = getattr(self, f"x{lane}") == exception
                amounts[lane].append(Mux(reached, correction, 0))
        corrected = []
        for lane, y in enumerate(lanes):
            amount = Signal(r.output.bits, name=f"amount{lane}_0", reset_less=True)
            # One of them at most is not 0.
            m.d.sync += amount.eq(reduce(or_, amounts[lane]))
            for cycle in (1, 2):
                later = Signal(r.output.bits, name=f"amount{lane}_{cycle}", reset_less=True)
                m.d.sync += later.eq(amount)
                amount = later
            result = Signal(r.output.bits, name=f"y{lane}", reset_less=True)
            m.d.sync += result.eq(y + amount)
            corrected.append(result)
        return corrected

    def _ranges(self):
        """(least, greatest) product, and sum, of any operand of the shape and any channel."""
        low, high = ends(self._x_shape)
        products, sums = [], []
        for scale, offset in zip(self._requantiser.scale.tolist(), self._requantiser.offset.tolist(), strict=True):
            products += [low * scale, high * scale]
            sums += [low * scale + offset, high * scale + offset]
        return (min(products), max(products)), (min(sums), max(sums))
