"""Writing the output directory: Verilog, vectors, manifest."""
