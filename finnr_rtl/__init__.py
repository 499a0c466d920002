"""Quantised neural networks as FPGA hardware: ONNX in, verified Verilog out."""

__version__ = "0.1.0"
