"""The integer layers a network is made of, by subject in the modules beside this one.

Each layer is a frozen dataclass that knows its shapes, its types, its work, and how to compute itself in NumPy (``reference``).
A feature map is (height, width, channels), channels innermost; a vector is a map of height and width 1.
"""

from finnr_rtl.network.combine import Add, Concat, Multiply
from finnr_rtl.network.layer import Accumulating, Layer, Shape, Window
from finnr_rtl.network.matrix import Conv
from finnr_rtl.network.pointwise import Lookup, Requantise, Threshold
from finnr_rtl.network.reductions import ArgMax, MaxPool, SumPool
from finnr_rtl.network.reorder import DepthToSpace, Pad, Slice, SpaceToDepth, Stuff, Upsample

__all__ = [
    "KINDS", "Accumulating", "Add", "ArgMax", "Concat", "Conv", "DepthToSpace", "Layer", "Lookup", "MaxPool", "Multiply", "Pad",
    "Requantise", "Shape", "Slice", "SpaceToDepth", "Stuff", "SumPool", "Threshold", "Upsample", "Window",
]

# Every kind of layer.
KINDS = (
    Add, ArgMax, Concat, Conv, DepthToSpace, Lookup, MaxPool, Multiply, Pad, Requantise, Slice, SpaceToDepth, Stuff, SumPool,
    Threshold, Upsample,
)
