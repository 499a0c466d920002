"""How a function of each value is put on a tensor: it waits in the stream's chain, or the host does it."""

from dataclasses import replace

import numpy as np

from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.relabel import bare
from finnr_rtl.frontend.values import HostValue
from finnr_rtl.network.functions import Function

__all__ = ["applied"]


def applied(node: Node, value, op: str, /, **args):
    """``value`` put through function ``op`` of the table; ``args`` are scalars or broadcast to the model's tensor."""
    args = {name: np.asarray(argument, dtype=np.float32) for name, argument in args.items()}
    shape = value.shape if isinstance(value, HostValue) else value.order.shape
    for argument in args.values():
        try:
            fits = np.broadcast_shapes(argument.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise node.error(f"a constant of shape {argument.shape} does not fit a stream of shape {shape}")
    if isinstance(value, HostValue):
        spread = {name: np.broadcast_to(argument, shape).reshape(bare(shape)) for name, argument in args.items()}
        return value.then({"op": op, **spread})
    stream, placed = value.aligned(list(args.values()))
    function = Function(op, dict(zip(args, placed, strict=True)), node.name)
    return replace(stream, chain=(*stream.chain, function))
