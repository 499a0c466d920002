"""What stands between an accumulator and the stream: thresholds, a requantiser, or nothing."""

from dataclasses import replace

import numpy as np

from finnr_rtl.cores.product import check_arithmetic
from finnr_rtl.cores.ram import check_storage
from finnr_rtl.cores.requantiser_unit import RequantiserUnit, requantiser_latency
from finnr_rtl.cores.threshold_unit import ThresholdUnit, threshold_latency
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["activate", "activation_latency", "check_activation", "in_counts"]


def check_activation(activation: Thresholds | Requantiser | None, channels: int, threshold_storage: str, arithmetic: str):
    """Raise ``ValueError`` unless ``activation`` has ``channels`` channels; likewise for an unknown storage or arithmetic."""
    if activation is not None and activation.channels != channels:
        raise ValueError(f"thresholds have {activation.channels} channels, {channels} expected")
    check_storage("threshold_storage", threshold_storage)
    check_arithmetic(arithmetic)


def activation_latency(activation: Thresholds | Requantiser | None) -> int:
    """Cycles from ``valid`` to ``done`` of its unit; 0 without one."""
    if activation is None:
        return 0
    return requantiser_latency(activation) if isinstance(activation, Requantiser) else threshold_latency(activation.steps)


def activate(m, activation, results, fetch, next_fold, valid, fold, out, storage="auto", arithmetic="auto", mmv=1):
    """Push activations of ``results``, one accumulator per lane, into the :class:`CreditFifo` ``out``.

    ``valid`` is high when ``results`` are those of channels ``fold * lanes + lane`` of ``mmv`` pixels, one pixel after the other. In the
    cycle before, ``fetch`` was high and ``next_fold`` was that fold. Without an activation the results themselves are pushed. ``storage``
    is that of the activation's words, ``arithmetic`` that of a requantiser's products.
    """
    if activation is None:
        m.d.comb += out.push.eq(valid)
        bits = len(out.payload) // len(results)
        m.d.comb += [out.payload.word_select(lane, bits).eq(result) for lane, result in enumerate(results)]
        return
    x_shape = results[0].shape()
    if isinstance(activation, Requantiser):
        unit = RequantiserUnit(activation, len(results) // mmv, x_shape, storage, arithmetic, mmv)
    else:
        unit = ThresholdUnit(activation, len(results) // mmv, x_shape, storage, mmv)
    m.submodules.activation = unit
    m.d.comb += [unit.fetch.eq(fetch), unit.next_fold.eq(next_fold), unit.valid.eq(valid), unit.fold.eq(fold)]
    m.d.comb += [getattr(unit, f"x{lane}").eq(result) for lane, result in enumerate(results)]
    m.d.comb += [out.push.eq(unit.done), out.payload.eq(unit.y)]


def in_counts(activation: Thresholds | Requantiser | None, scale: int, offsets: np.ndarray) -> Thresholds | Requantiser | None:
    """The same activation in terms of counts n, of which the accumulator of channel c is ``scale`` * n - ``offsets[c]``."""
    if activation is None:
        return None
    if isinstance(activation, Requantiser):
        # An exception that is no such number never comes up.
        multiples = activation.exceptions + offsets[:, None]
        return replace(
            activation,
            scale=scale * activation.scale,
            offset=activation.offset - offsets * activation.scale,
            exceptions=multiples // scale,
            corrections=np.where(multiples % scale, 0, activation.corrections),
        )
    return replace(activation, values=-((-(activation.values + offsets[:, None])) // scale))
