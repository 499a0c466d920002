"""A seeded generator of networks that fork and join, with every kind of layer, two dialects of quantisers and many ends."""

import numpy as np
from graphs import weights
from onnx import TensorProto
from random_maker import Maker
from random_steps import STEPS, pointwise

HEADS = ("map", "greatest", "mean", "dense", "dense", "Softmax", "Sigmoid", "ArgMax", "TopK")


def random_graph(seed):
    """A random network of two to four steps (ONNX model) and three random inputs for it.

    Scales before sums of products are powers of two, so the float graph has one result whatever the order of its sums.
    """
    maker = Maker(seed)
    rng = maker.rng
    for step in rng.choice(np.array(STEPS, dtype=object), rng.integers(2, 5)):
        if np.prod(maker.size) > 256 or maker.channels > 16:
            break
        step(maker)
    head = str(rng.choice(HEADS))
    _end(maker, head)
    model = maker.w.model(maker.x)
    if head in ("ArgMax", "TopK"):
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    return model, np.float32(rng.normal(0, 4 * maker.scale, (3, 1, *maker.w.shape)))


def _end(maker, head):
    """The last layers: a map, one value per channel, or features, with what follows them on the host or finds their class."""
    w, rng = maker.w, maker.rng
    if head == "map":
        pointwise(maker)
        return
    if head in ("greatest", "mean"):
        maker.x = w.node("GlobalMaxPool" if head == "greatest" else "GlobalAveragePool", maker.x)
        maker.common()
        return
    features = maker.channels * int(np.prod(maker.size))
    maker.x = w.node("MatMul", w.node("Flatten", maker.x), weights(w, rng, (features, 3), 1))
    if head in ("Softmax", "Sigmoid"):
        maker.x = w.node(head, maker.x)
    elif head == "ArgMax":
        maker.x = w.node("ArgMax", maker.x, axis=1, keepdims=int(rng.integers(2)))
    elif head == "TopK":
        maker.x = w.node("TopK", maker.x, np.array([1], dtype=np.int64), outputs=2)[1]
