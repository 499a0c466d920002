"""Waivers for ``verilator --lint-only -Wall``, each with its reason; written beside the Verilog."""

__all__ = ["WAIVERS"]

WAIVERS = """\
`verilator_config
// Operands of one expression differ in width on purpose: Verilog's own rules extend them, and the sums are as wide as they need.
lint_off -rule WIDTHEXPAND
lint_off -rule WIDTHTRUNC
// A file holds one stage with the modules it is made of.
lint_off -rule DECLFILENAME
// Ports are part of a standard interface whether used or not (s_axis_tlast), and parts of a word may be of no interest.
lint_off -rule UNUSEDSIGNAL
"""
