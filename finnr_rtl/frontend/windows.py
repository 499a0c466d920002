"""Sliding windows as Conv and pool nodes give them."""

from finnr_rtl.frontend.graph import Node
from finnr_rtl.frontend.values import Stream
from finnr_rtl.network.layers import Window

__all__ = ["read_window"]


def _pads(node: Node, sizes, window: Window, ceil: bool) -> list[tuple[int, int]]:
    """(before, after) per axis of a map of ``sizes``."""
    mode = node.get("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        pads = []
        for size, span, stride in zip(sizes, window.span, window.stride, strict=True):
            total = max((-(-size // stride) - 1) * stride + span - size, 0)
            small, large = total // 2, total - total // 2
            pads.append((small, large) if mode == "SAME_UPPER" else (large, small))
        return pads
    if mode not in ("NOTSET", "VALID"):
        raise node.error(f"auto_pad={mode} is not known")
    given = node.get("pads", [0] * 4) if mode == "NOTSET" else [0] * 4
    half = len(given) // 2
    pads = list(zip(given[:half], given[half:], strict=True))
    if len(pads) == 1:
        pads.insert(0, (0, 0))
    if not ceil:
        return pads
    for axis, (size, span, stride) in enumerate(zip(sizes, window.span, window.stride, strict=True)):
        before, after = pads[axis]
        count = -(-(size + before + after - span) // stride) + 1
        if (count - 1) * stride >= size + before:
            count -= 1  # a window that starts in the padding behind is left out
        pads[axis] = before, max(after, (count - 1) * stride + span - size - before)
    return pads


def read_window(node: Node, stream: Stream, kernel, ceil: bool | None = None) -> Window:
    """The window of ``node`` on ``stream``, a map; ``kernel`` is its (rows, columns), or (columns,) in one dimension.

    ``ceil`` overrides the node's ceil_mode.
    Raises ``UserError`` where an attribute does not fit.
    """

    def pair(name: str):
        values = tuple(node.get(name, [1] * len(kernel)))
        return values if len(values) == 2 else (1, *values)

    kernel = tuple(kernel) if len(kernel) == 2 else (1, *kernel)
    window = Window(kernel, pair("strides"), pair("dilations"))
    pads = _pads(node, stream.shape[:2], window, bool(node.get("ceil_mode", 0) if ceil is None else ceil))
    if len(pads) != 2 or any(len(values) != 2 for values in (kernel, window.stride, window.dilation)):
        raise node.error("kernel, strides, dilations and pads must be given for one or two dimensions")
    if min(min(pad) for pad in pads) < 0:
        raise node.error("negative pads are not supported")
    (top, bottom), (left, right) = pads
    return Window(kernel, window.stride, window.dilation, (top, left, bottom, right))
