"""What each core is made of: one function for all of them, which the modules beside this one teach a kind of core each."""

from functools import singledispatch

from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cost.parts import Parts

__all__ = ["compose"]


@singledispatch
def compose(config: CoreConfig, p: Parts) -> None:
    """Count the parts of a core into ``p``. Raises ``NotImplementedError`` for a core without a model."""
    raise NotImplementedError(f"no cost model of {type(config).__name__}")
