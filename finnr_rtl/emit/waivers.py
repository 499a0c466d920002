"""``verilator.vlt``."""
__all__ = ["waivers"]
def waivers() -> str:
    return "`verilator_config\n"
