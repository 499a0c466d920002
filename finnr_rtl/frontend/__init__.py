"""From an ONNX file to a network of integer layers."""

from finnr_rtl.frontend.analysis import load_network
from finnr_rtl.frontend.operators import supported

__all__ = ["load_network", "supported"]
