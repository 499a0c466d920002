"""MaxPool: the greatest value of each window."""

from dataclasses import replace

import numpy as np

from finnr_rtl.frontend.operators import operator
from finnr_rtl.frontend.values import Stream
from finnr_rtl.frontend.windows import read_window
from finnr_rtl.network.layers import MaxPool


@operator("MaxPool", limits="1-D or 2-D, behind functions that rise in every channel")
def _max_pool(node, inputs, builder):
    if not isinstance(inputs[0], Stream):
        raise node.error("its input is not a stream of integers: a layer cannot follow what only the host computes")
    if node.get("storage_order", 0):
        raise node.error("storage_order=1 is not supported")
    stream = builder.risen(builder.as_map(node, inputs[0]))
    if np.any(stream.direction < 0):
        raise node.error(
            "falling functions stand between the integers and this pool in some channels, so the greatest value is not that of "
            "the greatest integer; quantise before pooling"
        )
    window = read_window(node, stream, node.get("kernel_shape", ()))
    if window.trivial:
        return stream
    layer = MaxPool(builder.layer_name(node), (stream.producer,), stream.shape, builder.type_of(stream.producer), window)
    shape = layer.output_shape
    if min(shape) < 1:
        raise node.error(f"its window does not fit the padded input of {window.padded(stream.shape)} (rows, columns, channels)")
    order = np.arange(np.prod(shape)).reshape(1, *shape).transpose(0, 3, 1, 2)
    order = order if stream.order.ndim == 4 else order[:, :, 0]
    return replace(stream, producer=builder.add(layer), shape=shape, order=order)
