"""``verilator.vlt``: which of Verilator's lint warnings the emitted Verilog is known to raise, and why each is no defect."""

__all__ = ["waivers"]

_WAIVED = {
    "DECLFILENAME": "A stage's file holds the modules below it too, and its first one is the stage.",
    "UNUSEDSIGNAL": "A signal keeps its name and width, also where only some of its bits, or none, are needed.",
    "WIDTHEXPAND": "Operands of different widths meet as the language extends them; the generator relies on those rules.",
    "WIDTHTRUNC": "A result is cut to what its target can hold, and a vector is tested for zero with `!`; both are meant.",
    "CASEINCOMPLETE": "What no pattern matches keeps the value that was assigned before the case.",
    "PROCASSINIT": "Registers have a power-up value beside the reset, as the flip-flops of an FPGA do.",
}


def waivers(top: str) -> str:
    """Verilator's control file for the Verilog of ``top``; the waivers hold for its files alone."""
    parts = ["// Waivers for: verilator --lint-only -Wall verilator.vlt *.v (5.038 or newer)\n\n`verilator_config\n"]
    for rule, reason in _WAIVED.items():
        lines = "".join(f'lint_off -rule {rule} -file "*{name}"\n' for name in (f"{top}.v", f"{top}_*.v"))
        parts.append(f"\n// {reason}\n{lines}")
    return "".join(parts)
