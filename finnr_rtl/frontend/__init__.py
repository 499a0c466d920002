"""From an ONNX file to a network of integer layers."""

from finnr_rtl.frontend.analysis import Findings, examine, load_network
from finnr_rtl.frontend.operators import markdown, supported

__all__ = ["Findings", "examine", "load_network", "markdown", "supported"]
