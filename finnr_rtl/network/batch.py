"""Frames computed together: a network over single vectors as one over a batch of them, so that a matrix unit reads each weight once for
several frames."""

from dataclasses import replace

from finnr_rtl.errors import UserError
from finnr_rtl.network.layers import Add, ArgMax, Concat, Conv, Layer, Lookup, Multiply, Requantise, Shape, Slice, Threshold
from finnr_rtl.network.network import Network
from finnr_rtl.network.summary import kind

__all__ = ["MOST_FRAMES", "batched"]

# Every schedule lists the beats of a whole batch.
MOST_FRAMES = 64

# Layers to which it makes no difference which frame a pixel belongs to.
_PIXEL_BY_PIXEL = (Add, ArgMax, Concat, Lookup, Multiply, Requantise, Slice, Threshold)


def batched(network: Network, frames: int) -> Network:
    """``network``, of batch 1, over ``frames`` frames at a time (1 to ``MOST_FRAMES``): its maps hold those of all frames, one behind the
    other in the order of the stream. The vectors that matrices multiply become the columns of one row, which may be computed ``mmv`` at a
    time.

    Raises ``UserError`` for another number, and where a layer takes more of a frame than a pixel.
    """
    if not 1 <= frames <= MOST_FRAMES:
        raise UserError(f"--batch {frames} is not a number of frames from 1 to {MOST_FRAMES}")
    if frames == 1:
        return network
    for layer in network.layers:
        if not _by_vector(layer):
            raise UserError(
                f"--batch {frames} is for networks of one vector a frame, but layer {layer.name!r} ({kind(layer)}) works on a map, "
                "whose pixels share weights already (mmv); leave --batch out"
            )
    return replace(
        network,
        inputs=tuple(replace(port, shape=_stacked(port.shape, frames)) for port in network.inputs),
        layers=tuple(replace(layer, input_shape=_stacked(layer.input_shape, frames)) for layer in network.layers),
        batch=frames,
    )


def _by_vector(layer: Layer) -> bool:
    """Whether a layer computes every frame alone, however many follow each other."""
    return isinstance(layer, _PIXEL_BY_PIXEL) or (isinstance(layer, Conv) and layer.window.trivial and layer.input_shape[:2] == (1, 1))


def _stacked(shape: Shape, frames: int) -> Shape:
    """The map of several frames: vectors side by side in a row, maps one below the other; either way frame by frame in the stream."""
    rows, columns, channels = shape
    return (1, frames, channels) if rows == columns == 1 else (frames * rows, columns, channels)
