"""Synthesis of what was built: the tools, and what their cells and reports say of a device's resources."""
