"""The zoo: valid QONNX of the declared shapes and precisions, which qonnx executes and whose activations use all their levels."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from finnr_rtl import zoo
from finnr_rtl.errors import UserError

SMALL = [name for name in zoo.NAMES if name[:3] in ("tfc", "sfc", "cnv")]
BIG = [name for name in zoo.NAMES if name not in SMALL]

# Weights and multiply-accumulates as published with FINN-R (half its operation counts); those of the MLPs by their layer sizes.
PARAMETERS = {
    "tfc": 784 * 64 + 2 * 64 * 64 + 64 * 10,
    "sfc": 784 * 256 + 2 * 256 * 256 + 256 * 10,
    "lfc": 784 * 1024 + 2 * 1024 * 1024 + 1024 * 10,
    "cnv": 1_542_848,
    "tincy_yolo": 6_377_392,
}
MACS = {"tfc": 59_008, "lfc": 2_910_208, "cnv": 59_461_376, "tincy_yolo": 2_222_471_680, "dorefa": 1_090_484_192}


def constants(model):
    return {c.name: numpy_helper.to_array(c) for c in model.graph.initializer}


def shapes(model):
    infos = [*model.graph.value_info, *model.graph.output, *model.graph.input]
    return {i.name: tuple(d.dim_value for d in i.type.tensor_type.shape.dim) for i in infos}


def weights(model):
    return {name: values for name, values in constants(model).items() if name.startswith("weights_")}


def macs(model):
    known = shapes(model)
    total = 0
    for node in model.graph.node:
        if node.op_type == "Conv":
            outputs, inputs, *kernel = known[node.input[1]]
            total += outputs * inputs * np.prod(kernel) * np.prod(known[node.output[0]][2:])
        elif node.op_type == "MatMul":
            total += np.prod(known[node.input[1]])
    return int(total)


def quantiser_bits(model):
    """Bits (1: bipolar) of every quantiser, for activations and for weights, in order."""
    values, result = constants(model), {"weights": [], "activations": []}
    for node in model.graph.node:
        if node.op_type in ("Quant", "BipolarQuant"):
            bits = 1 if node.op_type == "BipolarQuant" else int(values[node.input[3]])
            result["weights" if node.input[0] in values else "activations"].append(bits)
    return result


def activations(model, samples, seed):
    """Values of every activation quantiser over random inputs, each (samples, 1, channels, ...)."""
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    wrapper, known = ModelWrapper(model), shapes(model)
    runs = []
    for _ in range(samples):
        x = rng.uniform(-1, 1, known["global_in"]).astype(np.float32)
        runs.append(execute_onnx(wrapper, {"global_in": x}, return_full_exec_context=True))
    outputs = [n.output[0] for n in model.graph.node if "Quant" in n.op_type and not n.input[0].startswith("weights_")]
    return {name: np.stack([run[name] for run in runs]) for name in [*outputs, "global_out"]}


@pytest.mark.parametrize("name", SMALL)
def test_small_networks(name):
    model = zoo.make(name)
    onnx.checker.check_model(model)
    topology, w, a = name[:3], int(name[5]), int(name[7])
    assert sum(v.size for v in weights(model).values()) == PARAMETERS[topology]
    assert macs(model) == MACS.get(topology, PARAMETERS[topology])
    bits = quantiser_bits(model)
    assert set(bits["weights"]) == {w}
    assert bits["activations"] == [8 if topology == "cnv" else 1] + [a] * (len(bits["weights"]) - 1)
    for tensor, values in activations(model, samples=3, seed=5).items():
        assert values.shape[1:] == shapes(model)[tensor], tensor
        if tensor == "global_out":
            assert np.all(values == np.round(values))
            assert len(np.unique(values)) > 10
        elif values.size > 1000:
            counts = np.unique(np.round(values), return_counts=True)[1]
            assert tensor == model.graph.node[0].output[0] or counts.min() > 0.15 * values.size, (tensor, counts)
            changes = np.mean(values[0] != values[1])
            assert changes > 0.3, (tensor, changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", BIG)
def test_big_networks(name):
    model = zoo.make(name)
    onnx.checker.check_model(model)
    topology = name.split("_w")[0]
    assert macs(model) == MACS[topology]
    if topology in PARAMETERS:
        assert sum(v.size for v in weights(model).values()) == PARAMETERS[topology]
    for tensor, values in activations(model, samples=2, seed=6).items():
        assert np.mean(values[0] != values[1]) > 0.2, tensor


def test_tincy_yolo_is_w1a3_with_eight_bit_ends():
    model = zoo.make("tincy-yolo")
    bits = quantiser_bits(model)
    assert bits["weights"] == [8] + [1] * 7 + [8]
    assert bits["activations"] == [8] + [3] * 8
    assert shapes(model)["global_out"] == (1, 125, 13, 13)
    assert Counter(n.op_type for n in model.graph.node)["MaxPool"] == 5


def test_same_seed_same_bytes_other_seed_other_weights():
    assert zoo.make("tfc_w1a2").SerializeToString() == zoo.make("tfc-w1a2", seed=0).SerializeToString()
    assert zoo.make("tfc_w1a2").SerializeToString() != zoo.make("tfc_w1a2", seed=1).SerializeToString()


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match="no example network 'cnv': choose one of tfc_w1a1, .*cnv_w2a2, tincy_yolo, dorefa"):
        zoo.make("cnv")
