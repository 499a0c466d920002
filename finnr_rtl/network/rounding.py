"""Rounding modes of quantisers, as QONNX names them; and SIGN, which is how one bit with a sign is rounded."""

import numpy as np

__all__ = ["ROUNDING"]


def _away_from_zero(magnitude):
    """The mode that rounds magnitudes by ``magnitude`` and keeps signs."""
    return lambda x: np.copysign(magnitude(np.abs(x)), x)


# Each keeps the floating type it is given, so that sums of a half are rounded as the float graph rounds them.
ROUNDING = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": _away_from_zero(np.ceil),
    "DOWN": np.trunc,
    "HALF_UP": _away_from_zero(lambda x: np.floor(x + x.dtype.type(0.5))),
    "HALF_DOWN": _away_from_zero(lambda x: np.ceil(x - x.dtype.type(0.5))),
    "SIGN": lambda x: np.where(x >= 0, x.dtype.type(1), x.dtype.type(-1)),
}
