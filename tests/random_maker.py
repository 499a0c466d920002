"""What the steps of a random network share: the map that grows, and the ways it is quantised."""

import numpy as np
from graphs import ROUNDING_MODES, Writer, activation, dyadic, functions


class Maker:
    """Grows a network of maps of one or two dimensions step by step; ``x`` is the tensor, ``channels`` and ``size`` its shape."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.channels = int(self.rng.choice([2, 4, 4, 8]))
        # Not four wide: columns might be taken for the channels of an image where no layer tells which is which.
        self.size = [int(self.rng.integers(5, 9)) for _ in range(1 if self.chance(0.2) else 2)]
        self.w = Writer((self.channels, *self.size), int(self.rng.choice([13, 17])))
        self.scale = float(dyadic(self.rng))
        if self.chance(0.15):
            self.x = self.w.node("BipolarQuant", "x", np.float32(self.scale))
        else:
            signed = int(self.rng.integers(2))
            zero_point = int(self.rng.integers(-2, 3)) if self.chance(0.2) else 0
            self.x = self.quantised("x", self.scale, int(self.rng.integers(2, 9)), signed, zero_point if signed else abs(zero_point))

    @property
    def rank(self):
        return 2 + len(self.size)

    def chance(self, share):
        return self.rng.random() < share

    def numbers(self, low, high):
        """A random whole number from ``low`` up to but without ``high`` for each dimension of the map."""
        return [int(n) for n in self.rng.integers(low, high, len(self.size))]

    def quantised(self, x, scale, bits, signed=1, zero_point=0):
        """A quantiser in either dialect; 8 bits in the other one may be narrowed by a Clip."""
        if self.chance(0.5) or np.ndim(scale):
            narrow = int(self.chance(0.2)) if bits > 1 else 0
            return self.w.quant(x, scale, float(zero_point), bits, signed, narrow, self.rng.choice(ROUNDING_MODES))
        kind = np.int8 if signed else np.uint8
        zero = np.array(zero_point, dtype=kind)
        q = self.w.node("QuantizeLinear", x, np.float32(scale), zero)
        if bits < 8 or self.chance(0.3):
            low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
            q = self.w.node("Clip", q, np.array(low, dtype=kind), np.array(high, dtype=kind))
        return self.w.node("DequantizeLinear", q, np.float32(scale), zero)

    def requantised(self, exact=True):
        """The tensor through functions and a quantiser of up to 8 bits."""
        if self.chance(0.4):
            self.x = functions(self.w, self.rng, self.x, self.channels, self.rank)
        if self.chance(0.3):
            self.x = activation(self.w, self.rng, self.x, self.channels, self.rank)
            return
        signed = int(self.rng.integers(2))
        if not signed:
            self.x = self.w.node("Relu", self.x)
        scale = float(dyadic(self.rng)) if exact else float(self.rng.uniform(0.05, 1))
        self.x = self.quantised(self.x, scale, int(self.rng.integers(2, 9)), signed, int(self.rng.integers(-2, 3)) if signed else 0)

    def common(self):
        """A quantiser whose scales are whole multiples of each other and whose zero is on the grid, as matrix layers need it."""
        signed = int(self.rng.integers(2))
        per = [1, self.channels] + [1] * len(self.size)
        scale = dyadic(self.rng, -2, 1, per) if self.chance(0.2) else float(dyadic(self.rng))
        zero_point = int(self.rng.integers(0, 3)) if self.chance(0.2) else 0
        self.x = self.quantised(self.x, scale, int(self.rng.integers(2, 9)), signed, zero_point)
