"""A balanced folding: every layer as slow as the slowest may be, as fast as the board allows or the user asks."""

from math import prod

from finnr_rtl.cost.counts import Resources, count, cycles
from finnr_rtl.errors import UserError
from finnr_rtl.folding.folding import Fold, FoldedNetwork, legal_factors
from finnr_rtl.folding.windows import window_style
from finnr_rtl.network.layers import Layer
from finnr_rtl.network.network import Network
from finnr_rtl.platforms import Platform

__all__ = ["balance"]

# A router wants air in the LUTs; block RAMs may be used to the last but a few for the shell.
LUT_SHARE = 0.7
BRAM_SHARE = 0.9


class _Options:
    """The legal folds of one layer that are worth taking, by falling cycles."""

    def __init__(self, layer: Layer, board: Platform, fixed: Fold | None):
        legal = legal_factors(layer)
        folds = [fixed] if fixed else [Fold(pe, simd) for pe in legal["pe"] for simd in legal["simd"]]
        # Line buffers are for those who ask for them: what they cost is not counted well enough to choose them.
        folds = [fold for fold in folds if fold == fixed or window_style(layer, fold) != "lines"]
        self.layer = layer
        self.rows = []
        for fold in folds:
            resources = count(layer, fold)
            share = resources.lut / board.lut + resources.bram18 / board.bram18
            self.rows.append((cycles(layer, fold), share, resources, fold))

    def cheapest(self, limit: int):
        """The row of least share of the board within ``limit`` cycles; None if there is none."""
        legal = [row for row in self.rows if row[0] <= limit]
        return min(legal, key=lambda row: (row[1], row[0])) if legal else None


def balance(network: Network, board: Platform, target_cycles: int | None = None, fixed: dict[str, Fold] | None = None) -> FoldedNetwork:
    """Choose each layer's fold: the cheapest within ``target_cycles`` per frame, or within the fewest that make sense on the board.

    Those are the fewest whose resources fit, but not fewer than one memory port of the board takes to bring a frame or to carry its
    result away. ``fixed`` layers keep their fold. Raises ``UserError`` if the target cannot be met by any fold, or nothing fits.
    """
    options = [_Options(layer, board, (fixed or {}).get(layer.name)) for layer in network.layers]
    fastest = max(min(row[0] for row in option.rows) for option in options)
    if target_cycles is not None and target_cycles < fastest and not fixed:
        slow = max(options, key=lambda option: min(row[0] for row in option.rows))
        raise UserError(
            f"the target asks for {target_cycles} cycles per frame, but layer {slow.layer.name!r} takes {fastest} even fully parallel; "
            f"lower --target-fps or raise --clock-mhz"
        )
    if target_cycles is not None:
        return _choose(network, options, max(target_cycles, fastest))
    limits = sorted({row[0] for option in options for row in option.rows if row[0] >= fastest})
    least, most = 0, len(limits)
    while least < most:
        middle = (least + most) // 2
        if _fits(options, limits[middle], board):
            most = middle
        else:
            least = middle + 1
    if least == len(limits):
        need = _sum(options, limits[-1])
        raise UserError(
            f"network {network.name!r} does not fit {board.name} at any folding: the smallest takes about {need.lut} LUT and {need.bram18} "
            f"BRAM18, of {int(LUT_SHARE * board.lut)} and {int(BRAM_SHARE * board.bram18)}; take a larger platform"
        )
    return _choose(network, options, max(limits[least], _port_cycles(network, board)))


def _port_cycles(network: Network, board: Platform) -> int:
    """Cycles that a memory port takes for all inputs of a frame or for all its results, whichever is larger."""
    frame = sum(prod(port.shape) * port.dtype.bits for port in network.inputs)
    result = sum(prod(network.shape_of(port.layer)) * network.type_of(port.layer).bits for port in network.outputs)
    return -(-max(frame, result) // board.memory.port_bits)


def _sum(options, limit) -> Resources:
    return sum((option.cheapest(limit)[2] for option in options), Resources())


def _fits(options, limit, board) -> bool:
    total = _sum(options, limit)
    return total.lut <= LUT_SHARE * board.lut and total.bram18 <= BRAM_SHARE * board.bram18


def _choose(network, options, limit) -> FoldedNetwork:
    return FoldedNetwork(network, {option.layer.name: option.cheapest(limit)[3] for option in options})
