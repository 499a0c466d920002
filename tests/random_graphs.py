"""A seeded generator of networks that fork and join: residuals, groups, gates, pools, rearrangement, 8 bits, two dialects."""

import numpy as np
from graphs import Writer, activation, dyadic, functions, weights


class Maker:
    """Grows a network of maps (channels, rows, columns) step by step; ``x`` is the tensor, ``channels`` and ``size`` its shape."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.channels = int(self.rng.choice([2, 4, 4, 8]))
        self.size = [int(self.rng.integers(4, 9)) for _ in range(2)]
        self.w = Writer((self.channels, *self.size), int(self.rng.choice([13, 17])))
        self.scale = float(dyadic(self.rng))
        self.x = self.quantised("x", self.scale, bits=int(self.rng.integers(3, 9)))

    def chance(self, share):
        return self.rng.random() < share

    def quantised(self, x, scale, bits, signed=1, zero_point=0):
        """A quantiser in either dialect; 8 bits in the other one may be narrowed by a Clip."""
        if self.chance(0.5):
            return self.w.quant(x, scale, float(zero_point), bits, signed)
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
            self.x = functions(self.w, self.rng, self.x, self.channels, 4)
        if self.chance(0.3):
            self.x = activation(self.w, self.rng, self.x, self.channels, 4)
            return
        signed = int(self.rng.integers(2))
        if not signed:
            self.x = self.w.node("Relu", self.x)
        scale = float(dyadic(self.rng)) if exact else float(self.rng.uniform(0.05, 1))
        self.x = self.quantised(self.x, scale, int(self.rng.integers(2, 9)), signed, int(self.rng.integers(-2, 3)) if signed else 0)

    def common(self):
        """A quantiser with one scale and zero on the grid, as matrix layers need it."""
        signed = int(self.rng.integers(2))
        self.x = self.quantised(self.x, float(dyadic(self.rng)), int(self.rng.integers(2, 9)), signed)

    # Steps.

    def conv(self):
        groups = int(self.rng.choice([g for g in (1, 2, self.channels) if self.channels % g == 0]))
        outputs = groups * int(self.rng.integers(1, max(2, 8 // groups)))
        kernel = [int(self.rng.integers(1, min(n, 3) + 1)) for n in self.size]
        pads = [int(self.rng.integers(0, 2)) for _ in range(4)]
        stride = [int(self.rng.integers(1, 3)) if n > 3 else 1 for n in self.size]
        values = weights(self.w, self.rng, (outputs, self.channels // groups, *kernel))
        self.x = self.w.node("Conv", self.x, values, kernel_shape=kernel, pads=pads, strides=stride, group=groups)
        self.channels = outputs
        self.size = [(n + pads[i] + pads[i + 2] - k) // s + 1 for i, (n, k, s) in enumerate(zip(self.size, kernel, stride, strict=True))]
        self.requantised()
        self.common()

    def transposed(self):
        kernel, stride = [int(k) for k in self.rng.integers(1, 4, 2)], [int(s) for s in self.rng.integers(1, 3, 2)]
        pads = [int(self.rng.integers(0, k)) if s < k else 0 for k, s in zip(kernel * 2, stride * 2, strict=True)]
        if any((n - 1) * s + k - a - b < 1 for n, s, k, a, b in zip(self.size, stride, kernel, pads[:2], pads[2:], strict=True)):
            return
        groups = 2 if self.channels % 2 == 0 and self.chance(0.3) else 1
        outputs = int(self.rng.integers(1, 4))
        values = weights(self.w, self.rng, (self.channels, outputs, *kernel), 1) if groups == 1 else self.w.quant(
            np.float32(self.rng.normal(0, 2, (self.channels, outputs, *kernel))), 0.5, bits=3
        )
        self.x = self.w.node("ConvTranspose", self.x, values, kernel_shape=kernel, pads=pads, strides=stride, group=groups)
        self.channels = outputs * groups
        self.size = [(n - 1) * s + k - a - b for n, s, k, a, b in zip(self.size, stride, kernel, pads[:2], pads[2:], strict=True)]
        self.requantised()
        self.common()

    def residual(self):
        """A branch of one convolution (or none), quantised to a scale of its own, and the sum or difference."""
        kept, channels = self.x, self.channels
        if self.chance(0.6):
            values = weights(self.w, self.rng, (channels, channels, 3, 3))
            self.x = self.w.node("Conv", kept, values, kernel_shape=[3, 3], pads=[1] * 4)
        if self.chance(0.7):
            self.x = self.w.quant(self.x, float(self.rng.uniform(0.1, 1)), bits=int(self.rng.integers(3, 9)))
        if self.chance(0.5):
            self.x = self.w.node("Relu", self.x)
        pair = (kept, self.x) if self.chance(0.5) else (self.x, kept)
        self.x = self.w.node(str(self.rng.choice(["Add", "Add", "Sub"])), *pair)
        self.requantised(exact=self.chance(0.5))
        self.common()

    def gate(self):
        """A product with itself squeezed to one value per channel, or of two streams of one shape."""
        kept = self.x
        if self.chance(0.5):
            self.x = self.w.node(str(self.rng.choice(["GlobalMaxPool", "GlobalAveragePool"])), kept)
        self.x = self.quantised(self.w.node("HardSigmoid", self.x, alpha=0.25), 1 / 8, 3, 0)
        self.x = self.w.node("Mul", kept, self.x)
        self.common()

    def pool(self):
        op = str(self.rng.choice(["MaxPool", "AveragePool"]))
        kernel, stride = [min(2, n) for n in self.size], [int(s) for s in self.rng.integers(1, 3, 2)]
        pads = [int(self.rng.integers(2)) if k > 1 else 0 for k in kernel * 2]
        extra = dict(count_include_pad=int(self.rng.integers(2))) if op == "AveragePool" else {}
        self.x = self.w.node(op, self.x, kernel_shape=kernel, strides=stride, pads=pads, **extra)
        self.size = [(n + pads[i] + pads[i + 2] - k) // s + 1 for i, (n, k, s) in enumerate(zip(self.size, kernel, stride, strict=True))]
        if op == "AveragePool":
            self.common()

    def concat(self):
        kept, channels = self.x, self.channels
        self.conv_like()
        self.x = self.w.node("Concat", kept, self.x, axis=1)
        self.channels += channels
        self.common()

    def conv_like(self):
        outputs = int(self.rng.integers(1, 4))
        self.x = self.w.node("Conv", self.x, weights(self.w, self.rng, (outputs, self.channels, 1, 1)))
        self.channels = outputs
        self.requantised()

    def split(self):
        if self.channels < 2:
            return
        first = int(self.rng.integers(1, self.channels))
        parts = np.array([first, self.channels - first], dtype=np.int64)
        left, right = self.w.node("Split", self.x, parts, outputs=2, axis=1)
        left = self.w.quant(left, float(dyadic(self.rng)), bits=4)
        if self.chance(0.5):
            self.x = self.w.node("Concat", right, left, axis=1)
        else:
            self.x, self.channels = left, first
        self.common()

    def upsample(self):
        factors = [int(f) for f in self.rng.integers(1, 3, 2)]
        scales = np.array([1, 1, *factors], dtype=np.float32)
        attributes = dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        self.x = self.w.node("Resize", self.x, "", scales, **attributes)
        self.size = [n * f for n, f in zip(self.size, factors, strict=True)]

    def shuffle(self):
        if self.channels % 4 == 0:
            self.x = self.w.node("DepthToSpace", self.x, blocksize=2, mode=str(self.rng.choice(["DCR", "CRD"])))
            self.channels, self.size = self.channels // 4, [2 * n for n in self.size]
        elif all(n % 2 == 0 for n in self.size):
            self.x = self.w.node("SpaceToDepth", self.x, blocksize=2)
            self.channels, self.size = self.channels * 4, [n // 2 for n in self.size]

    def pad(self):
        pads = np.array([0, 0, *self.rng.integers(0, 2, 2), 0, 0, *self.rng.integers(0, 2, 2)], dtype=np.int64)
        self.x = self.w.node("Pad", self.x, pads, np.array(0, dtype=np.float32))
        self.size = [n + int(pads[2 + i] + pads[6 + i]) for i, n in enumerate(self.size)]


STEPS = ("conv", "transposed", "residual", "residual", "gate", "pool", "concat", "split", "upsample", "shuffle", "pad")


def random_graph(seed):
    """A random network of two to four steps (ONNX model) and three random inputs for it.

    Scales before sums of products are powers of two, so the float graph has one result whatever the order of its sums.
    """
    maker = Maker(seed)
    rng = maker.rng
    for step in rng.choice(STEPS, rng.integers(2, 5)):
        if max(maker.size) > 16 or maker.channels > 16:
            break
        getattr(maker, step)()
    end = rng.choice(["map", "mean", "dense"])
    if end == "mean":
        maker.x = maker.w.node("GlobalAveragePool", maker.x)
        maker.common()
    elif end == "dense":
        features = maker.channels * int(np.prod(maker.size))
        flat = maker.w.node("Flatten", maker.x)
        maker.x = maker.w.node("MatMul", flat, weights(maker.w, rng, (features, 3), 1))
    else:
        maker.conv_like()
    return maker.w.model(maker.x), np.float32(rng.normal(0, 4 * maker.scale, (3, 1, *maker.w.shape)))
