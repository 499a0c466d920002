"""The steps of a random network: each takes a ``Maker`` and puts a layer or a few, forks and joins among them, behind its tensor."""

import numpy as np
from graphs import dyadic, weights


def conv(m):
    """Depthwise, grouped or whole; any kernel, stride, dilation and pads."""
    groups = int(m.rng.choice([g for g in (1, 2, m.channels) if m.channels % g == 0]))
    outputs = groups * int(m.rng.integers(1, max(2, 8 // groups)))
    kernel = [int(m.rng.integers(1, min(n, 3) + 1)) for n in m.size]
    dilation = [int(m.rng.integers(1, 3)) if 2 * k - 1 <= n else 1 for k, n in zip(kernel, m.size, strict=True)]
    pads = m.numbers(0, 2) + m.numbers(0, 2)
    stride = [int(m.rng.integers(1, 3)) if n > 3 else 1 for n in m.size]
    values = weights(m.w, m.rng, (outputs, m.channels // groups, *kernel))
    m.x = m.w.node("Conv", m.x, values, kernel_shape=kernel, pads=pads, strides=stride, dilations=dilation, group=groups)
    m.channels = outputs
    m.size = [(n + a + b - (k - 1) * d - 1) // s + 1
              for n, a, b, k, d, s in zip(m.size, pads[: len(kernel)], pads[len(kernel) :], kernel, dilation, stride, strict=True)]
    m.requantised()
    m.common()


def transposed(m):
    """Pads up to the kernel, and rows and columns added behind."""
    kernel, stride = m.numbers(1, 4), m.numbers(1, 3)
    dilation = [int(m.rng.integers(1, 3)) for _ in kernel]
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    pads = [int(m.rng.integers(0, k)) if s < k else 0 for k, s in zip(kernel * 2, stride * 2, strict=True)]
    extra = [int(m.rng.integers(s)) for s in stride]
    before, after = pads[: len(kernel)], pads[len(kernel) :]
    size = [(n - 1) * s + k + e - a - b for n, s, k, e, a, b in zip(m.size, stride, span, extra, before, after, strict=True)]
    if min(size) < 1:
        return
    groups = 2 if m.channels % 2 == 0 and m.chance(0.3) else 1
    outputs = int(m.rng.integers(1, 4))
    values = weights(m.w, m.rng, (m.channels, outputs, *kernel), 1) if groups == 1 else m.w.quant(
        np.float32(m.rng.normal(0, 2, (m.channels, outputs, *kernel))), 0.5, bits=3
    )
    m.x = m.w.node("ConvTranspose", m.x, values, kernel_shape=kernel, pads=pads, strides=stride, dilations=dilation,
                   output_padding=extra, group=groups)
    m.channels, m.size = outputs * groups, size
    m.requantised()
    m.common()


def pointwise(m):
    """A convolution of one pixel, quantised in any way."""
    outputs = int(m.rng.integers(1, 4))
    m.x = m.w.node("Conv", m.x, weights(m.w, m.rng, (outputs, m.channels, *[1] * len(m.size))))
    m.channels = outputs
    m.requantised()


def project(m):
    """A matrix product pixel by pixel, the weights on its left or on its right."""
    outputs, size = int(m.rng.integers(1, 6)), m.size
    x = m.w.reshape(m.x, [1, m.channels, -1])
    if m.chance(0.5):
        x = m.w.node("MatMul", weights(m.w, m.rng, (outputs, m.channels)), x)
    else:
        x = m.w.node("Transpose", x, perm=[0, 2, 1])
        x = m.w.node("MatMul", x, weights(m.w, m.rng, (m.channels, outputs), 1))
        x = m.w.node("Transpose", x, perm=[0, 2, 1])
    m.x, m.channels = m.w.reshape(x, [1, outputs, *size]), outputs
    m.requantised()
    m.common()


def residual(m):
    """A branch of one convolution, of the greatest values or none, quantised to a scale of its own; the sum or difference."""
    kept, channels = m.x, m.channels
    if m.chance(0.6):
        values = weights(m.w, m.rng, (channels, channels, *[3] * len(m.size)))
        m.x = m.w.node("Conv", kept, values, kernel_shape=[3] * len(m.size), pads=[1] * 2 * len(m.size))
    elif m.chance(0.3):
        m.x = m.w.node("GlobalMaxPool", kept)
    if m.chance(0.7):
        m.x = m.w.quant(m.x, float(m.rng.uniform(0.1, 1)), bits=int(m.rng.integers(3, 9)))
        if m.chance(0.5):
            m.x = m.w.node("Relu", m.x)
    pair = (kept, m.x) if m.chance(0.5) else (m.x, kept)
    m.x = m.w.node(str(m.rng.choice(["Add", "Add", "Sub"])), *pair)
    m.requantised(exact=m.chance(0.5))
    m.common()


def gate(m):
    """A product with itself squeezed to one value per channel, or of two streams of one shape."""
    kept = m.x
    if m.chance(0.5):
        m.x = m.w.node(str(m.rng.choice(["GlobalMaxPool", "GlobalAveragePool"])), kept)
    m.x = m.w.node("HardSigmoid", m.x, alpha=0.25) if m.chance(0.7) else m.w.node("Sigmoid", m.x)
    m.x = m.w.quant(m.x, 1 / 8, bits=3, signed=0)
    m.x = m.w.node("Mul", kept, m.x)
    m.common()


def smooth(m):
    """A curve. Its ends are whole steps and its quantiser rounds to the nearest, so that the last bit of the curve decides nothing."""
    op = str(m.rng.choice(["Sigmoid", "Tanh", "Elu", "Softplus", "HardSigmoid", "Abs"] + ["HardSwish"] * (m.w.opset > 13)))
    m.x = m.w.quant(m.w.node(op, m.x), float(dyadic(m.rng, -5, -1)), bits=int(m.rng.integers(2, 9)), signed=int(m.rng.integers(2)))


def pool(m):
    """Greatest values or means of windows, padded or not."""
    op = str(m.rng.choice(["MaxPool", "AveragePool"]))
    kernel, stride = [int(m.rng.integers(1, min(3, n) + 1)) for n in m.size], m.numbers(1, 4)
    pads = [int(m.rng.integers(2)) if k > 1 else 0 for k in kernel * 2]
    before, after = pads[: len(kernel)], pads[len(kernel) :]

    def counts(ceil):
        return [(n + a + b - k + ceil * (t - 1)) // t + 1 for n, k, t, a, b in zip(m.size, kernel, stride, before, after, strict=True)]

    # Of windows that begin in the padding behind, executors and shape inference think differently.
    ceil = int(all((c - 1) * s < n + a for c, s, n, a in zip(counts(1), stride, m.size, before, strict=True)) and m.chance(0.5))
    extra = dict(count_include_pad=int(m.rng.integers(2))) if op == "AveragePool" else {}
    m.x = m.w.node(op, m.x, kernel_shape=kernel, strides=stride, pads=pads, ceil_mode=ceil, **extra)
    m.size = counts(ceil)
    if op == "AveragePool":
        m.common()


def truncation(m):
    """Sums of windows less their last bits."""
    if min(m.size) < 2:
        return
    windows = 2 ** len(m.size)
    scale, bits = float(dyadic(m.rng)), int(m.rng.integers(2, 9))
    x = m.w.quant(m.x, scale, bits=bits, signed=int(m.rng.integers(2)))
    x = m.w.node("AveragePool", x, kernel_shape=[2] * len(m.size), strides=[2] * len(m.size))
    x = m.w.node("Mul", x, np.float32(windows))
    m.x = m.w.node("Trunc", x, np.float32(scale), np.float32(0), np.float32(bits + len(m.size)), np.float32(bits),
                   rounding_mode=str(m.rng.choice(["FLOOR", "ROUND", "CEIL"])))
    m.size = [n // 2 for n in m.size]
    m.common()


def concat(m):
    """A branch of its own behind or before what it branched off."""
    kept, channels = m.x, m.channels
    pointwise(m)
    pair = (kept, m.x) if m.chance(0.5) else (m.x, kept)
    m.x = m.w.node("Concat", *pair, axis=1)
    m.channels += channels
    m.common()


def split(m):
    """Two parts of the channels, one of which is quantised anew; joined again, or the other one dropped."""
    if m.channels < 2:
        return
    first = int(m.rng.integers(1, m.channels))
    parts = np.array([first, m.channels - first], dtype=np.int64)
    left, right = m.w.node("Split", m.x, parts, outputs=2, axis=1)
    left = m.w.quant(left, float(dyadic(m.rng)), bits=4)
    if m.chance(0.5):
        m.x = m.w.node("Concat", right, left, axis=1)
    else:
        m.x, m.channels = left, first
    m.common()


def cut(m):
    """Some of the channels."""
    start = int(m.rng.integers(0, m.channels))
    stop = int(m.rng.integers(start + 1, m.channels + 1))
    m.x = m.w.node("Slice", m.x, *(np.array([n], dtype=np.int64) for n in (start, stop, 1)))
    m.channels = stop - start


def upsample(m):
    """Every pixel a few times."""
    factors = m.numbers(1, 3)
    scales = np.array([1, 1, *factors], dtype=np.float32)
    attributes = dict(mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    m.x = m.w.node("Resize", m.x, "", scales, **attributes)
    m.size = [n * f for n, f in zip(m.size, factors, strict=True)]


def shuffle(m):
    """Channels to pixels, or pixels to channels."""
    if len(m.size) < 2:
        return
    if m.channels % 4 == 0:
        # Pixels made of channels of different scales would have no common one.
        m.x = m.w.quant(m.x, float(dyadic(m.rng)), bits=int(m.rng.integers(2, 9)))
        m.x = m.w.node("DepthToSpace", m.x, blocksize=2, mode=str(m.rng.choice(["DCR", "CRD"])))
        m.channels, m.size = m.channels // 4, [2 * n for n in m.size]
    elif all(n % 2 == 0 for n in m.size):
        m.x = m.w.node("SpaceToDepth", m.x, blocksize=2)
        m.channels, m.size = m.channels * 4, [n // 2 for n in m.size]


def pad(m):
    """A frame of zeros."""
    before, after = m.numbers(0, 2), m.numbers(0, 2)
    m.x = m.w.node("Pad", m.x, np.array([0, 0, *before, 0, 0, *after], dtype=np.int64), np.array(0, dtype=np.float32))
    m.size = [n + a + b for n, a, b in zip(m.size, before, after, strict=True)]


STEPS = (
    conv, conv, transposed, project, residual, residual, gate, smooth, pool, pool, truncation, concat, split, cut, upsample, shuffle, pad,
)
