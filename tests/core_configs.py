"""Random legal configurations of every core; a core that is listed here is held to its contract."""

from math import gcd

from finnr_rtl.cores.argmax import ArgMaxConfig
from finnr_rtl.cores.contract import StreamSpec, divisors
from finnr_rtl.cores.dwc import WidthConverterConfig
from finnr_rtl.cores.fifo import FifoConfig
from finnr_rtl.cores.maxpool import PoolConfig
from finnr_rtl.cores.padding import PaddingConfig
from finnr_rtl.cores.swu import SwuConfig
from finnr_rtl.datatypes import DataType

TYPES = [DataType(name) for name in ("BIPOLAR", "TERNARY", "UINT1", "UINT2", "INT2", "INT3", "UINT4", "INT8", "UINT8")]


def pick(rng, choices):
    """One of ``choices``."""
    return choices[int(rng.integers(len(choices)))]


def up_to(rng, most, least=1):
    """An integer from ``least`` to ``most``."""
    return int(rng.integers(least, most + 1))


def any_value(rng, dtype):
    """A random value of a type."""
    return int(dtype.decode([up_to(rng, (1 << dtype.bits) - 1, 0)])[0]) if dtype.name != "TERNARY" else up_to(rng, 1, -1)


def fifo(rng):
    spec = StreamSpec(pick(rng, TYPES), (up_to(rng, 60, 20), 4), pick(rng, (1, 2, 4)))
    return FifoConfig(spec, pick(rng, (1, 2, 3, 4, 5, 16, 31, 33, 70)))


def deep_fifo(rng):
    """In block RAM."""
    spec = StreamSpec(DataType("UINT8"), (900,), 4)
    return FifoConfig(spec, up_to(rng, 300, 120))


def width_converter(rng):
    dtype = pick(rng, TYPES)
    lanes_in, lanes_out = up_to(rng, 24), up_to(rng, 24)
    period = lanes_in * lanes_out // gcd(lanes_in, lanes_out)
    return WidthConverterConfig(dtype, (period, up_to(rng, max(1, 600 // period))), lanes_in, lanes_out)


def pads(rng, most):
    return tuple(up_to(rng, most, 0) for _ in range(4))


def padding(rng):
    dtype = pick(rng, TYPES)
    channels = pick(rng, (1, 2, 3, 4, 6))
    shape = (up_to(rng, 5), up_to(rng, 5), channels)
    return PaddingConfig(dtype, shape, pads(rng, 2), any_value(rng, dtype), pick(rng, divisors(channels)))


def windows(rng):
    dtype = pick(rng, TYPES)
    channels = pick(rng, (1, 1, 2, 3, 4, 6))
    while True:
        shape = (up_to(rng, 9), up_to(rng, 9), channels)
        kernel = (up_to(rng, 4), up_to(rng, 4))
        stride = (up_to(rng, 3), up_to(rng, 3))
        dilation = (up_to(rng, 2), up_to(rng, 2))
        around = pads(rng, 2) if rng.random() < 0.5 else (0, 0, 0, 0)
        try:
            config = SwuConfig(dtype, shape, kernel, stride, dilation, around, any_value(rng, dtype), pick(rng, divisors(channels)),
                               order=pick(rng, ("window", "depthwise")))
        except ValueError:
            continue
        if config.output.beats <= 600:
            return config


def tight_windows(rng):
    """With a ring of the user's choice, down to the smallest that works at all."""
    config = windows(rng)
    depth = config.footprint + up_to(rng, 6, 0)
    return SwuConfig(config.dtype, config.shape, config.kernel, config.stride, config.dilation, config.pads, config.pad_value,
                     config.simd, config.order, depth)


def pool(rng):
    channels = pick(rng, (1, 2, 3, 4, 8))
    shape = (up_to(rng, 4), up_to(rng, 4), channels)
    return PoolConfig(pick(rng, TYPES), shape, pick(rng, (1, 2, 4, 6, 9)), pick(rng, divisors(channels)))


def argmax(rng):
    channels = pick(rng, (1, 2, 3, 7, 10, 12, 16))
    shape = (up_to(rng, 3), up_to(rng, 5), channels)
    return ArgMaxConfig(pick(rng, TYPES), shape, pick(rng, divisors(channels)))


CORES = {
    "fifo": fifo,
    "deep_fifo": deep_fifo,
    "width_converter": width_converter,
    "padding": padding,
    "windows": windows,
    "tight_windows": tight_windows,
    "pool": pool,
    "argmax": argmax,
}
