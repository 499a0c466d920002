"""What the host does: real inputs to the accelerator's integers, and its integers back to the model's outputs."""

from math import prod

import numpy as np

from finnr_rtl.errors import UserError
from finnr_rtl.network.functions import FUNCTIONS, JOINS
from finnr_rtl.network.network import InputPort, OutputPort
from finnr_rtl.network.rounding import ROUNDING

__all__ = ["mismatches", "quantise", "restore"]

# Float graphs add in float32 and in another order; this much of a value is lost on the way at most.
_RELATIVE = 1e-5

# Executors approximate Sigmoid to this much of 1, however small its value.
_SIGMOID = 2.0**-22


def quantise(port: InputPort, x: np.ndarray) -> tuple[np.ndarray, int]:
    """Real inputs ``x`` (samples, \\*model_shape) as integers (batches, \\*shape) of the port's type; where a map holds several frames, the
    last one is filled up with the last sample.

    Also gives the number of samples with a value that the integers do not stand for exactly (to float32 rounding): rounded or
    clipped, which is what a model that quantises its input does itself. Raises ``UserError`` where shapes disagree or values
    are no numbers.
    """
    x = np.asarray(x)
    if x.ndim == 0 or prod(x.shape[1:]) != prod(port.model_shape):
        wanted = ", ".join(map(str, port.model_shape))
        raise UserError(f"inputs have shape {x.shape}, but the model's input {port.name} needs (samples, {wanted})")
    if not np.all(np.isfinite(x)):
        raise UserError(f"inputs for {port.name} hold values that are no numbers (NaN or infinity)")
    x = x.astype(np.float32).reshape(len(x), -1)
    real = x / np.float32(port.scale)
    if port.rounding == "LINEAR":
        real = np.rint(real)
    real += np.float32(port.zero_point)
    # In float64, which holds the bounds of wide types too.
    whole = np.clip(ROUNDING.get(port.rounding, np.rint)(real).astype(np.float64), port.low, port.high).astype(np.int64)
    meant = (port.scale * (whole - port.zero_point)).astype(np.float32)
    off_grid = ~np.isclose(meant, x, rtol=1e-6, atol=1e-6 * port.scale)
    q = np.empty_like(whole)
    q[:, port.order] = whole
    batch = prod(port.shape) // port.order.size
    q = np.pad(q, ((0, -len(q) % batch), (0, 0)), mode="edge")
    return q.reshape(-1, *port.shape), int(np.count_nonzero(off_grid.any(axis=1)))


def _affine(port: OutputPort, q: np.ndarray) -> np.ndarray:
    """``scale * q + bias`` in float64, (frames, elements), in the model's order."""
    return q.reshape(len(q), -1)[:, port.order] * port.scale + port.bias


def _softmax(x, axes):
    axes = tuple(axes)
    power = np.exp(x - x.max(axis=axes, keepdims=True))
    return power / power.sum(axis=axes, keepdims=True)


# Steps that work on a whole sample; ``x`` has the frames first, and axes count from the last.
_STEPS = {
    "Softmax": _softmax,
    "ArgMax": lambda x, axis, keep: np.expand_dims(x.argmax(axis), axis) if keep else x.argmax(axis),
    "Relabel": lambda x, order, shape: x.reshape(len(x), -1)[:, order].reshape(len(x), *shape),
}


def restore(port: OutputPort, q: np.ndarray) -> np.ndarray:
    """The model's outputs (frames, ...) in float32 from integers ``q`` (frames, ...) of the port's layer."""
    x = _affine(port, q).astype(np.float32).reshape(len(q), *port.model_shape)
    return _follow(port.tail, x)


def _follow(steps, x: np.ndarray) -> np.ndarray:
    """``x`` (frames, ...) put through ``steps``."""
    for step in steps:
        args = {name: value for name, value in step.items() if name not in ("op", "branches")}
        if "branches" in step:
            x = JOINS[step["op"]](*(_follow(branch, x) for branch in step["branches"]))
        else:
            x = (_STEPS.get(step["op"]) or FUNCTIONS[step["op"]].apply)(x, **args).astype(np.float32)
    return x


def mismatches(port: OutputPort, q: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """For each frame, how many outputs differ from ``expected`` (frames, ...), the model's own (int64, shape (frames,)).

    Without a tail, ``expected`` is turned back into integers, so that a single wrong integer is seen, and float32 rounding in
    the float graph is not. With a tail, class indices are compared exactly, other outputs to 1e-5 of their value; and behind
    functions that have no slope above 1 (Relu and its kind) to a quarter of a step. Raises ``UserError`` where shapes disagree.
    """
    expected = np.asarray(expected, dtype=np.float64)
    got = restore(port, q)
    if expected.shape[:1] != got.shape[:1] or expected.size != got.size:
        raise UserError(f"outputs have shape {expected.shape}, but the model gives {got.shape}")
    expected = expected.reshape(len(q), -1)
    if not port.tail:
        real = _affine(port, q)
        # Integers beyond 2^24 are not told apart by float32 outputs: there, their rounding is allowed for.
        allowed = np.maximum(np.abs(port.scale) / 2, 4 * np.spacing(np.abs(real).astype(np.float32)).astype(np.float64))
        wrong = ~(np.abs(expected - real) < allowed)
    else:
        straight = all(step["op"] in FUNCTIONS and FUNCTIONS[step["op"]].linear_pieces for step in port.tail)
        # Of the value itself, nothing behind it having changed its size.
        sigmoid = [step["op"] for step in port.tail if step["op"] != "Relabel"][-1:] == ["Sigmoid"]
        allowed = np.abs(port.scale).min() / 4 if straight else _SIGMOID if sigmoid else 0.0
        exact = any(step["op"] == "ArgMax" for step in port.tail)
        wrong = ~np.isclose(got.reshape(len(q), -1), expected, rtol=0 if exact else _RELATIVE, atol=allowed)
    return np.count_nonzero(wrong, axis=1)
