"""From ONNX to a network of integer layers."""
