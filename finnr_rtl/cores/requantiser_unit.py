"""The pipelined multiplier, adder, shifter and clipper that turns accumulators into activations."""

from amaranth.hdl import Cat, Module, Mux, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from finnr_rtl.cores.contract import address_bits
from finnr_rtl.cores.operands import holding
from finnr_rtl.cores.parameters import parameters
from finnr_rtl.requantiser import Requantiser

__all__ = ["REQUANTISER_LATENCY", "RequantiserUnit"]

# Cycles from ``valid`` to ``done``: product, sum, clip. The registers are those of a DSP slice.
REQUANTISER_LATENCY = 3


class RequantiserUnit(wiring.Component):
    """A requantiser of ``lanes`` channels a cycle; channel ``fold * lanes + lane`` is on lane ``lane``.

    The parameters of fold ``next_fold`` must be asked for (``fetch``) in the cycle before ``valid``, or earlier. ``x_shape`` is
    the shape of one operand. ``use_dsp`` tells synthesis where to put the multipliers: "yes", "no", or "auto" for its own choice.

    Members: ``fetch`` In(1), ``next_fold`` In, ``valid`` In(1), ``fold`` In, ``x<lane>`` In(x_shape), ``done`` Out(1),
    ``y`` Out(lanes * bits of the output type).
    """

    def __init__(self, requantiser: Requantiser, lanes: int, x_shape: Shape, use_dsp: str = "auto"):
        self._requantiser = requantiser
        self._lanes = lanes
        self._x_shape = x_shape
        self._attrs = {} if use_dsp == "auto" else {"use_dsp": use_dsp}
        fold = address_bits(requantiser.channels // lanes)
        super().__init__({
            "fetch": In(1),
            "next_fold": In(fold),
            "valid": In(1),
            "fold": In(fold),
            **{f"x{lane}": In(x_shape) for lane in range(lanes)},
            "done": Out(1),
            "y": Out(lanes * requantiser.output.bits),
        })

    def elaborate(self, platform):
        m = Module()
        scales = parameters(m, "scale", self._requantiser.scale, self._lanes, self.fetch, self.next_fold)
        offsets = parameters(m, "offset", self._requantiser.offset, self._lanes, self.fetch, self.next_fold)
        multiplied = Signal()
        added = Signal()
        clipped = Signal()
        m.d.sync += [multiplied.eq(self.valid), added.eq(multiplied), clipped.eq(added)]
        m.d.comb += self.done.eq(clipped)
        lanes = [self._lane(m, lane, scales[lane], offsets[lane]) for lane in range(self._lanes)]
        m.d.comb += self.y.eq(Cat(*lanes))
        return m

    def _lane(self, m, lane, scale, offset):
        r = self._requantiser
        x = getattr(self, f"x{lane}")
        products, sums = self._ranges()
        product = Signal(holding(*products), name=f"product{lane}", reset_less=True, attrs=self._attrs)
        addend = Signal(offset.shape(), name=f"addend{lane}", reset_less=True)
        total = Signal(holding(*sums), name=f"sum{lane}", reset_less=True)
        m.d.sync += [product.eq(x * scale), addend.eq(offset), total.eq(product + addend)]
        shifted = Signal(holding(sums[0] >> r.shift, sums[1] >> r.shift), name=f"shifted{lane}")
        m.d.comb += shifted.eq(total >> r.shift)
        y = Signal(r.output.bits, name=f"y{lane}", reset_less=True)
        # No comparison with a bound that no sum can pass.
        bounded = shifted
        if sums[1] >> r.shift > r.high:
            bounded = Mux(shifted > r.high, r.high, bounded)
        if sums[0] >> r.shift < r.low:
            bounded = Mux(shifted < r.low, r.low, bounded)
        m.d.sync += y.eq(bounded)
        return y

    def _ranges(self):
        """(least, greatest) product, and sum, of any operand of the shape and any channel."""
        low, high = min(self._x_shape_values()), max(self._x_shape_values())
        products, sums = [], []
        for scale, offset in zip(self._requantiser.scale.tolist(), self._requantiser.offset.tolist(), strict=True):
            ends = low * scale, high * scale
            products += ends
            sums += [end + offset for end in ends]
        return (min(products), max(products)), (min(sums), max(sums))

    def _x_shape_values(self):
        """Least and greatest operand."""
        width, is_signed = self._x_shape.width, self._x_shape.signed
        return (-(1 << (width - 1)), (1 << (width - 1)) - 1) if is_signed else (0, (1 << width) - 1)
