"""Trains a small binary convolutional network on scikit-learn's digits and writes it as QONNX, with its test images.

    python examples/train_digits.py [--out FOLDER] [--epochs N]

Needs finnr_rtl, scikit-learn and qonnx (``pip install '.[all]'``); runs in about two minutes. Plain NumPy: binary weights and
activations are trained by straight-through estimators on float shadow weights (Courbariaux et al., 2016). The seed is fixed;
another BLAS may round differently and so end in slightly different weights.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from onnx import save
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from sklearn.datasets import load_digits

from finnr_rtl.qonnx_writer import GraphWriter

SEED = 1
TEST_IMAGES = 360
EPSILON = 1e-5

# (outputs, kernel, padding, pooled): image 8x8x1 -> 8x8x32 -> 6x6x32 -> 4x4x64 -> pool 2x2x64. Padding is zeros, which bipolar
# maps do not have: only the first layer is padded.
CONVOLUTIONS = [(32, 3, 1, False), (32, 3, 0, False), (64, 3, 0, True)]
HIDDEN, CLASSES = 64, 10


def sign(x):
    return np.where(x >= 0, np.float32(1), np.float32(-1))


class Matrix:
    """Convolution (or, with kernel 0, matrix product) by the signs of its weights, over NHWC maps or rows."""

    def __init__(self, random, inputs, outputs, kernel=0, pad=0):
        self.kernel, self.pad = kernel, pad
        self.fan_in = inputs * max(kernel, 1) ** 2
        self.weights = random.uniform(-1, 1, (self.fan_in, outputs)).astype(np.float32) * 0.1

    def forward(self, x):
        self.shape = x.shape
        if self.kernel:
            x = np.pad(x, ((0, 0), (self.pad,) * 2, (self.pad,) * 2, (0, 0)))
            windows = np.lib.stride_tricks.sliding_window_view(x, (self.kernel, self.kernel), axis=(1, 2))
            self.map = windows.shape[:3]
            x = windows.reshape(-1, self.fan_in)
        self.columns = x
        y = x @ sign(self.weights)
        return y.reshape(*self.map, -1) if self.kernel else y

    def backward(self, grad):
        grad = grad.reshape(-1, grad.shape[-1])
        self.grads = [(self.weights, self.columns.T @ grad)]
        grad = grad @ sign(self.weights).T
        if not self.kernel:
            return grad
        n, h, w, c = self.shape
        rows, columns = self.map[1:]
        windows = grad.reshape(*self.map, c, self.kernel, self.kernel)
        x = np.zeros((n, h + 2 * self.pad, w + 2 * self.pad, c), np.float32)
        for i in range(self.kernel):
            for j in range(self.kernel):
                x[:, i : i + rows, j : j + columns] += windows[..., i, j]
        return x[:, self.pad : self.pad + h, self.pad : self.pad + w]

    def exported(self):
        """Weights as ONNX wants them: (outputs, inputs, rows, columns), or (inputs, outputs)."""
        return self.weights.T.reshape(self.weights.shape[1], -1, self.kernel, self.kernel) if self.kernel else self.weights


class BatchNormSign:
    """Batch norm and sign; the gradient passes where the normalised value is within -1 to 1."""

    def __init__(self, channels):
        self.gamma, self.beta = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        self.mean, self.variance = np.zeros(channels, np.float32), np.ones(channels, np.float32)
        self.training = True

    def forward(self, x):
        axes = tuple(range(x.ndim - 1))
        if self.training:
            self.mean, self.variance = x.mean(axes), x.var(axes)
        self.deviation = np.sqrt(self.variance + EPSILON)
        self.normal = (x - self.mean) / self.deviation
        self.out = self.normal * self.gamma + self.beta
        return sign(self.out)

    def backward(self, grad):
        axes = tuple(range(grad.ndim - 1))
        grad = grad * (np.abs(self.out) <= 1)
        self.grads = [(self.gamma, (grad * self.normal).sum(axes)), (self.beta, grad.sum(axes))]
        grad = grad * self.gamma
        return (grad - grad.mean(axes) - self.normal * (grad * self.normal).mean(axes)) / self.deviation


class MaxPool:
    """2x2, stride 2. Among equals the gradient is shared."""

    def forward(self, x):
        n, h, w, c = x.shape
        self.blocks = x.reshape(n, h // 2, 2, w // 2, 2, c)
        self.best = self.blocks.max(axis=(2, 4), keepdims=True)
        return self.best[:, :, 0, :, 0]

    def backward(self, grad):
        winners = self.blocks == self.best
        share = grad[:, :, None, :, None] / winners.sum(axis=(2, 4), keepdims=True)
        n, h, _, w, _, c = self.blocks.shape
        return (winners * share).reshape(n, 2 * h, 2 * w, c)


class Flatten:
    """To rows in ONNX's order: channels outermost."""

    def forward(self, x):
        self.shape = x.shape
        return x.transpose(0, 3, 1, 2).reshape(len(x), -1)

    def backward(self, grad):
        n, h, w, c = self.shape
        return grad.reshape(n, c, h, w).transpose(0, 2, 3, 1)


class Scores:
    """A fixed factor, so that the softmax is neither flat nor saturated, and a bias per class."""

    def __init__(self, fan_in):
        self.factor = np.float32(4 / fan_in)
        self.bias = np.zeros(CLASSES, np.float32)

    def forward(self, x):
        return x * self.factor + self.bias

    def backward(self, grad):
        self.grads = [(self.bias, grad.sum(axis=0))]
        return grad * self.factor


def build(random):
    layers, channels, size = [], 1, 8
    for outputs, kernel, pad, pooled in CONVOLUTIONS:
        layers += [Matrix(random, channels, outputs, kernel, pad), BatchNormSign(outputs)]
        channels, size = outputs, size + 2 * pad - kernel + 1
        if pooled:
            layers.append(MaxPool())
            size //= 2
    layers += [Flatten(), Matrix(random, channels * size**2, HIDDEN), BatchNormSign(HIDDEN)]
    return [*layers, Matrix(random, HIDDEN, CLASSES), Scores(HIDDEN)]


def forward(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def shifted(random, images):
    """Each image moved by up to one pixel either way."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = random.integers(0, 3, (2, len(images)))
    return np.stack([p[r : r + 8, c : c + 8] for p, r, c in zip(padded, rows, columns, strict=True)])


def train(layers, random, images, labels, epochs, batch=64):
    moments, step = {}, 0
    for epoch in range(epochs):
        rate = 0.01 * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        order = random.permutation(len(images))
        for start in range(0, len(order) - batch + 1, batch):
            chosen = order[start : start + batch]
            scores = forward(layers, shifted(random, images[chosen]))
            chance = np.exp(scores - scores.max(axis=1, keepdims=True))
            grad = chance / chance.sum(axis=1, keepdims=True)
            grad[np.arange(batch), labels[chosen]] -= 1
            grad, step = (grad / batch).astype(np.float32), step + 1
            for layer in reversed(layers):
                grad = layer.backward(grad)
                for parameter, slope in getattr(layer, "grads", []):
                    adam(moments, step, parameter, slope, rate)
                if isinstance(layer, Matrix):
                    np.clip(layer.weights, -1, 1, out=layer.weights)
    # The statistics that inference uses: those of the whole training set under the final weights.
    forward(layers, images)
    for layer in layers:
        if isinstance(layer, BatchNormSign):
            layer.training = False


def adam(moments, step, parameter, slope, rate):
    first, second = moments.setdefault(id(parameter), (np.zeros_like(parameter), np.zeros_like(parameter)))
    first += 0.1 * (slope - first)
    second += 0.001 * (slope**2 - second)
    parameter -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)


def export(layers):
    graph = GraphWriter("digits_w1a1", (1, 1, 8, 8))
    x = graph.quant(graph.input, 8, 1 / 255, signed=False)
    for number, layer in enumerate(layers):
        match layer:
            case Matrix():
                weights = graph.bipolar_quant(graph.constant(layer.exported(), f"weights_{number}"))
                x = graph.conv(x, weights, pad=layer.pad) if layer.kernel else graph.matmul(x, weights)
            case BatchNormSign():
                x = graph.bipolar_quant(graph.batch_norm(x, layer.gamma, layer.beta, layer.mean, layer.variance, EPSILON))
            case MaxPool():
                x = graph.max_pool(x, 2, 2)
            case Flatten():
                x = graph.flatten(x)
            case Scores():
                x = graph.add(graph.multiply(x, layer.factor), layer.bias)
    return graph.finish("Trained on scikit-learn's digits by examples/train_digits.py.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder for digits_w1a1.onnx and .npz")
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()

    random = np.random.default_rng(SEED)
    digits = load_digits()
    # 16 grey levels as the 8-bit image a camera would give, scaled to 0..1.
    images = (np.round(digits.images * 255 / 16) / 255).astype(np.float32)[..., None]
    order = random.permutation(len(images))
    test, rest = order[:TEST_IMAGES], order[TEST_IMAGES:]

    layers = build(random)
    start = time.perf_counter()
    train(layers, random, images[rest], digits.target[rest], options.epochs)
    print(f"trained on {len(rest)} images for {options.epochs} epochs in {time.perf_counter() - start:.0f} s")

    model = export(layers)
    inputs, labels = images[test].transpose(0, 3, 1, 2), digits.target[test]
    wrapper = ModelWrapper(model)
    outputs = np.concatenate([execute_onnx(wrapper, {"global_in": x[None]})["global_out"] for x in inputs])
    accuracy = (outputs.argmax(axis=1) == labels).mean()
    print(f"accuracy on {len(test)} images never trained on: {accuracy:.2%}")

    options.out.mkdir(parents=True, exist_ok=True)
    save(model, options.out / "digits_w1a1.onnx")
    np.savez_compressed(options.out / "digits_w1a1.npz", inputs=inputs, outputs=outputs, labels=labels)


if __name__ == "__main__":
    main()
