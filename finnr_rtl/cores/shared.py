"""Components of which many are alike, and share one module where the platform can have it so."""

from abc import abstractmethod

from amaranth.hdl import Module
from amaranth.lib import wiring

__all__ = ["Shared"]


class Shared(wiring.Component):
    """A component that is fully told by its type and ``parameters``.

    A platform with a method ``get_shared(component)`` is asked for an instance of the one module for all that are alike; it gives None
    for the component that this module is being made of. ``variant`` tells components of one core and type apart, in names, where not all
    are alike. ``keep_hierarchy`` asks synthesis to keep the boundary of the module.
    """

    parameters: tuple = ()
    variant = ""
    keep_hierarchy = False

    @abstractmethod
    def build(self, platform) -> Module:
        """The hardware itself."""

    def elaborate(self, platform):
        instance = platform.get_shared(self) if hasattr(platform, "get_shared") else None
        return self.build(platform) if instance is None else instance
