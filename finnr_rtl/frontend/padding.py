"""What a stream's zero is, for padding: the integer that the float graph means by it."""

from dataclasses import replace

import numpy as np

from finnr_rtl.datatypes import BIPOLAR, TERNARY, smallest
from finnr_rtl.frontend.builder import Builder, map_order
from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.values import Stream
from finnr_rtl.network.layers import Pad, Window

__all__ = ["padded", "value_of", "zero_padded"]

# Quotients of float32 scales are this close to the whole number that was meant.
_TOLERANCE = 2.0**-20


def value_of(node: Node, value: float, scale: np.ndarray, bias: np.ndarray) -> int:
    """The integer that stands for ``value`` in every channel."""
    places = (value - bias) / scale
    whole = np.round(places)
    if np.any(np.abs(places - whole) > _TOLERANCE * np.maximum(np.abs(places), 1)) or np.any(whole != whole[0]):
        what = "zero" if value == 0 else f"{value:g}"
        raise node.error(f"pads with {what}, which no integer of its input stands for; quantise its input with {what} on the grid")
    return int(whole[0])


def zero_padded(node: Node, builder: Builder, stream: Stream, window: Window) -> tuple[Stream, Window, int]:
    """``stream`` and ``window`` such that padding with the integer given last is padding with zero.

    Where the type of ``stream`` does not hold that integer its producer's is widened, or the padding is done by a layer of its own.
    ``stream`` has nothing but scale and bias.
    """
    if not any(window.pads):
        return stream, window, 0
    pad = value_of(node, 0.0, *stream.affine)
    dtype = builder.type_of(stream.producer)
    if dtype.allows([pad]):
        return stream, window, pad
    wider = TERNARY if dtype == BIPOLAR and pad == 0 else smallest(min(pad, dtype.min), max(pad, dtype.max))
    builder.notes[node.name] = f"pads with zero, which is {pad} in integers: no {dtype} holds it, so its input becomes {wider}"
    if stream.sole and builder.widen(stream.producer, wider):
        return stream, window, pad
    return padded(node, builder, stream, window.pads, pad), replace(window, pads=(0, 0, 0, 0)), pad


def padded(node: Node, builder: Builder, stream: Stream, pads: tuple[int, int, int, int], value: int) -> Stream:
    """``stream``, a map, with a frame of ``value`` around it; in the order of its row-major map, channels first."""
    layer = Pad(builder.layer_name(node), (stream.producer,), stream.shape, builder.type_of(stream.producer), pads, value)
    order = map_order(layer.output_shape)[None]
    order = order if stream.order.ndim == 4 else order[:, :, 0]
    low, high = min(stream.low, value), max(stream.high, value)
    return replace(stream, producer=builder.add(layer), shape=layer.output_shape, order=order, low=low, high=high, sole=True, terms=())
