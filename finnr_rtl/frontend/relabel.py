"""Operators that change no value, only the names and the order of a tensor's elements."""

from dataclasses import replace

import numpy as np

from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.values import Constant, HostValue

__all__ = ["bare"]


def bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A tensor's shape without its batch."""
    return shape[1:] if len(shape) > 1 and shape[0] == 1 else shape


def _relabelled(value, relabel):
    """``value`` with ``relabel`` (array to array) applied to its elements."""
    if isinstance(value, Constant):
        return value.relabelled(relabel)
    if isinstance(value, HostValue):
        order = relabel(np.arange(np.prod(value.shape)).reshape(value.shape))
        return value.then({"op": "Relabel", "order": order.reshape(-1), "shape": list(bare(order.shape))}, order.shape)
    return replace(value, order=relabel(value.order))


def _shape_of(value) -> tuple[int, ...]:
    if isinstance(value, Constant):
        return value.value.shape
    return value.shape if isinstance(value, HostValue) else value.order.shape


def _axes(node: Node, inputs) -> tuple[int, ...] | None:
    """Axes of a Squeeze or Unsqueeze: an attribute up to opset 12, an input from 13 on."""
    if len(inputs) > 1 and inputs[1] is not None:
        return tuple(int(axis) for axis in np.atleast_1d(_constant(node, inputs[1], "axes")))
    return tuple(node.attributes["axes"]) if "axes" in node.attributes else None


def _constant(node: Node, value, what: str) -> np.ndarray:
    if not isinstance(value, Constant):
        raise node.error(f"its {what} must be constant")
    return value.value


@operator("Identity", "Dropout", constants=True)
def _identity(node, inputs, builder):
    return inputs[0]


@operator("Cast", limits="to float32")
def _cast(node, inputs, builder):
    if node.get("to", 1) != 1:
        raise node.error("casts a stream to something other than float32; remove the cast")
    return inputs[0]


@operator("Flatten", constants=True)
def _flatten(node, inputs, builder):
    axis = node.get("axis", 1)
    return _relabelled(inputs[0], lambda array: array.reshape(int(np.prod(array.shape[:axis])), -1))


@operator("Transpose", constants=True)
def _transpose(node, inputs, builder):
    return _relabelled(inputs[0], lambda array: array.transpose(node.get("perm", None)))


@operator("Squeeze", constants=True)
def _squeeze(node, inputs, builder):
    axes = _axes(node, inputs)
    return _relabelled(inputs[0], lambda array: np.squeeze(array, axes))


@operator("Unsqueeze", constants=True)
def _unsqueeze(node, inputs, builder):
    axes = _axes(node, inputs)
    return _relabelled(inputs[0], lambda array: np.expand_dims(array, axes))


@operator("Reshape", constants=True)
def _reshape(node, inputs, builder):
    shape = _shape_of(inputs[0])
    target = [int(size) for size in _constant(node, inputs[1], "target shape")]
    if not node.get("allowzero", 0):
        target = [shape[i] if size == 0 and i < len(shape) else size for i, size in enumerate(target)]
    if not isinstance(inputs[0], Constant) and builder.batch > 1 and target and target[0] == builder.batch:
        target[0] = 1  # the batch the model was exported with; here one sample passes at a time
    known = int(np.prod([size for size in target if size != -1]))
    size = int(np.prod(shape))
    if (known != size) if -1 not in target else (known == 0 or size % known):
        raise node.error(f"cannot reshape {shape} to {target}; the batch may be the only dimension that changes")
    return _relabelled(inputs[0], lambda array: array.reshape(target))
