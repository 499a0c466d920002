"""The float functions of one value that may stand between integers: one table for the front end and for the host.

The front end evaluates them to find thresholds; what is left of them behind the last layer is evaluated by the host. Every
function works on float32 and rounds as the float graph does, operation by operation.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from finnr_rtl.network.rounding import ROUNDING

__all__ = ["FUNCTIONS", "JOINS", "Function", "FunctionKind"]


@dataclass(frozen=True)
class FunctionKind:
    """How a function is computed, and what is known about it without computing.

    ``apply(x, **args)`` takes and gives float32. ``direction(**args)`` is +1 where the function never falls, -1 where it never
    rises, 0 where it is constant, NaN where it does both. ``affine(**args)`` gives (slope, offset) in float64 where the
    function is affine, None otherwise. ``linear_pieces`` tells that no slope is steeper than 1 and each piece is straight (Relu
    and its kind).
    """

    apply: Callable
    direction: Callable
    affine: Callable = lambda **_: None
    linear_pieces: bool = False


def _rising(**_):
    return 1


def _sign(value):
    return np.sign(value)


def _smooth(function):
    """``function`` computed in float64 and rounded, which keeps it monotone in float32."""
    return lambda x: function(x.astype(np.float64)).astype(x.dtype)


_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x):
    return np.exp(-np.logaddexp(0.0, -x))


def _leaky(x, alpha):
    return np.where(x >= 0, x, x * alpha)


def _leaky_direction(alpha):
    return np.where(np.asarray(alpha) >= 0, 1.0, np.nan)


def _neither(**_):
    return np.nan


def _elu(x, alpha, gamma):
    return np.where(x > 0, gamma * x, gamma * (alpha * np.expm1(np.minimum(x, np.float32(0)))))


def _hard_sigmoid(x, alpha, beta):
    return np.maximum(np.float32(0), np.minimum(np.float32(1), alpha * x + beta))


def _hard_swish(x):
    return x * _hard_sigmoid(x, np.float32(1 / 6), np.float32(0.5))


def _gelu(x):
    return x * 0.5 * (1 + _erf(x / math.sqrt(2)))


def _gelu_tanh(x):
    return x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _celu(x, alpha):
    return np.maximum(x, np.float32(0)) + np.minimum(np.float32(0), alpha * np.expm1(np.minimum(x, np.float32(0)) / alpha))


def _power_direction(exponent):
    return np.where(np.asarray(exponent) % 2 == 1, np.where(np.asarray(exponent) > 0, 1.0, np.nan), np.nan)


def _linear(x, scale, zero_point, low, high):
    return np.clip(np.rint(x / scale) + zero_point, low, high)


FUNCTIONS = {
    "Add": FunctionKind(lambda x, value: x + value, _rising, lambda value: (1.0, np.float64(value))),
    "Mul": FunctionKind(lambda x, value: x * value, _sign, lambda value: (np.float64(value), 0.0)),
    "Div": FunctionKind(lambda x, value: x / value, _sign, lambda value: (1 / np.float64(value), 0.0)),
    "ScaleShift": FunctionKind(
        lambda x, slope, offset: x * slope + offset,
        lambda slope, offset: np.sign(slope),
        lambda slope, offset: (np.float64(slope), np.float64(offset)),
    ),
    "Relu": FunctionKind(lambda x: np.maximum(x, np.float32(0)), _rising, linear_pieces=True),
    "LeakyRelu": FunctionKind(_leaky, _leaky_direction, linear_pieces=True),
    "Floor": FunctionKind(np.floor, _rising),
    "Ceil": FunctionKind(np.ceil, _rising),
    "Round": FunctionKind(np.rint, _rising),
    "QuantizeLinear": FunctionKind(_linear, _rising),
    # Rounding modes of QONNX.
    **{mode: FunctionKind(function, _rising) for mode, function in ROUNDING.items() if mode != "SIGN"},
    "HardSigmoid": FunctionKind(_hard_sigmoid, lambda alpha, beta: _sign(alpha)),
    "HardSwish": FunctionKind(_hard_swish, _neither),
    "Abs": FunctionKind(np.abs, _neither),
    "Elu": FunctionKind(_elu, _rising),
    "Selu": FunctionKind(_elu, _rising),
    "Softplus": FunctionKind(_smooth(lambda x: np.logaddexp(0.0, x)), _rising),
    "Softsign": FunctionKind(_smooth(lambda x: x / (1 + np.abs(x))), _rising),
    "Celu": FunctionKind(_celu, lambda alpha: np.where(np.asarray(alpha) > 0, 1.0, np.nan)),
    "ThresholdedRelu": FunctionKind(
        lambda x, alpha: np.where(x > alpha, x, np.float32(0)), lambda alpha: np.where(np.asarray(alpha) >= 0, 1.0, np.nan)
    ),
    "Sign": FunctionKind(np.sign, _rising),
    # Where the float graph has no number, any serves.
    "Sqrt": FunctionKind(lambda x: np.sqrt(np.maximum(x, np.float32(0))), _rising),
    "Log": FunctionKind(_smooth(lambda x: np.log(np.maximum(x, 0))), _rising),
    "Reciprocal": FunctionKind(lambda x: 1 / x, _neither),
    "Pow": FunctionKind(lambda x, exponent: np.power(x, exponent), _power_direction),
    "Gelu": FunctionKind(_smooth(_gelu), _neither),
    "GeluTanh": FunctionKind(_smooth(_gelu_tanh), _neither),
    "Mish": FunctionKind(_smooth(lambda x: x * np.tanh(np.logaddexp(0.0, x))), _neither),
    "Erf": FunctionKind(_smooth(_erf), _rising),
    "Exp": FunctionKind(_smooth(np.exp), _rising),
    "Clip": FunctionKind(lambda x, low, high: np.minimum(np.maximum(x, low), high), _rising, linear_pieces=True),
    "Sigmoid": FunctionKind(_smooth(_sigmoid), _rising),
    "Tanh": FunctionKind(_smooth(np.tanh), _rising),
}


# What joins two functions of one value.
JOINS = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Max": np.maximum, "Min": np.minimum}


@dataclass(frozen=True, eq=False)
class Function:
    """One function of the table with its arguments: float32 scalars, or one value per channel. ``node`` is where it came from.

    With two ``branches``, chains of functions of the same value, it is what ``op`` (of ``JOINS``) makes of their results.
    """

    op: str
    args: dict[str, np.ndarray]
    node: str
    branches: tuple[tuple["Function", ...], ...] = ()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Apply to float32 (..., channels)."""
        if not self.branches:
            return FUNCTIONS[self.op].apply(x, **self.args)
        results = []
        for branch in self.branches:
            y = x
            for function in branch:
                y = function(y)
            results.append(y)
        return JOINS[self.op](*results)

    @property
    def arguments(self) -> list[np.ndarray]:
        """Every argument, those of the branches included."""
        return [*self.args.values(), *(argument for branch in self.branches for f in branch for argument in f.arguments)]

    def mapped(self, change: Callable) -> "Function":
        """With ``change`` (argument to argument) applied to every argument."""
        args = {name: change(value) for name, value in self.args.items()}
        return replace(self, args=args, branches=tuple(tuple(f.mapped(change) for f in branch) for branch in self.branches))

    @property
    def direction(self) -> np.ndarray:
        """+1, -1, 0 or NaN per channel (or one for all): never falls, never rises, constant, both."""
        return np.asarray(np.nan if self.branches else FUNCTIONS[self.op].direction(**self.args))

    @property
    def affine(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(slope, offset) in float64, or None."""
        return None if self.branches else FUNCTIONS[self.op].affine(**self.args)
