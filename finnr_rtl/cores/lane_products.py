"""What all ways to make the dot products of a matrix unit have in common."""

from amaranth.hdl import Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LaneProducts"]


class LaneProducts(wiring.Component):
    """Dot products of the rows of weights of all lanes with ``simd`` inputs, summed over the steps of a row, for the contract ``config``
    of an MVTU.

    ``x`` holds the inputs, and ``w`` what is known of the weights, ``weight_bits`` in all. ``y<lane>``, of ``shape``, is the sum
    ``config.dot_latency`` cycles later; ``first`` and ``valid`` tell of the last of these alone.

    Members: ``x`` In(simd * input bits), ``w`` In(weight_bits), ``first`` In(1), ``valid`` In(1), ``y0`` .. ``y<pe-1>`` Out(shape).
    """

    def __init__(self, config, weight_bits: int, shape: Shape):
        self._config = config
        super().__init__({
            "x": In(config.simd * config.input_type.bits),
            "w": In(weight_bits),
            "first": In(1),
            "valid": In(1),
            **{f"y{lane}": Out(shape) for lane in range(config.pe)},
        })

    @property
    def results(self) -> list[Signal]:
        """``y`` of every lane."""
        return [getattr(self, f"y{lane}") for lane in range(self._config.pe)]
