"""Amaranth platform of the PYNQ-Z1: the programmable logic's own clock, LEDs, buttons and switches."""

from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth.vendor import XilinxPlatform
from amaranth_boards.resources import ButtonResources, LEDResources, RGBLEDResource, SwitchResources

__all__ = ["PynqZ1Platform"]

LVCMOS33 = Attrs(IOSTANDARD="LVCMOS33")


class PynqZ1Platform(XilinxPlatform):
    """Digilent PYNQ-Z1.

    For designs that run from the board's 125 MHz clock without the processing system, such as a first sign of life of a core.
    An accelerator fed by the processing system takes its clock from there.
    """

    device = "xc7z020"
    package = "clg400"
    speed = "1"
    default_clk = "clk125"
    resources = [
        Resource("clk125", 0, Pins("H16", dir="i"), Clock(125e6), LVCMOS33),
        *LEDResources(pins="R14 P14 N16 M14", attrs=LVCMOS33),
        RGBLEDResource(0, r="N15", g="G17", b="L15", attrs=LVCMOS33),
        RGBLEDResource(1, r="M15", g="L14", b="G14", attrs=LVCMOS33),
        *ButtonResources(pins="D19 D20 L20 L19", attrs=LVCMOS33),
        *SwitchResources(pins="M20 M19", attrs=LVCMOS33),
    ]
    connectors = []
