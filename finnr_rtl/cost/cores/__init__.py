"""What each core is made of, in terms of ``cost/parts.py``."""

from finnr_rtl.cost.cores import elementwise, matrix, pools, streams, windows  # noqa: F401
from finnr_rtl.cost.cores.dispatch import compose
from finnr_rtl.cost.cores.windows import ring_words

__all__ = ["compose", "ring_words"]
