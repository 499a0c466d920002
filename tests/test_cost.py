"""The cost model against syntheses that its fit has not seen, and against FINN-R's published numbers."""

import json
import sys
from collections import defaultdict
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned
from core_configs import CORES

from finnr_rtl.cores.contract import CoreConfig
from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cost import finn_r
from finnr_rtl.cost.contents import tree_luts
from finnr_rtl.cost.cores import compose, ring_words
from finnr_rtl.cost.cores.arithmetic import multiply
from finnr_rtl.cost.memories import block_ram, lut_ram
from finnr_rtl.cost.parts import Parts
from finnr_rtl.cost.predict import core_cost, layer_cost, whole_cost
from finnr_rtl.dataflow.stages import lower
from finnr_rtl.datatypes import BIPOLAR, DataType, int_, uint
from finnr_rtl.families import FAMILIES
from finnr_rtl.folding.folding import Fold, FoldedNetwork
from finnr_rtl.network.layers import Conv, MaxPool, Window

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
# Layers of CNV (kernel, channels, outputs, pixels of the map) and FINN's folding: SIMD and PE of w1a1 and w1a2, and of w2a2.
CNV = ((3, 3, 64, 32), (3, 64, 64, 30), (3, 64, 128, 14), (3, 128, 128, 12), (3, 128, 256, 5), (3, 256, 256, 3),
       (1, 256, 512, 1), (1, 512, 512, 1), (1, 512, 64, 1))
CNV_W1 = ((3, 16), (32, 32), (32, 16), (32, 16), (32, 4), (32, 1), (4, 1), (8, 1), (1, 4))
CNV_W2 = ((3, 8), (16, 16), (16, 8), (16, 8), (8, 4), (8, 1), (2, 1), (2, 2), (1, 4))
# Features that no core of the sweep has: each counts one LUT.
UNMEASURED = {"or bit"}
LFC = ((832, 1024, 64, 32), (1024, 1024, 32, 64), (1024, 1024, 64, 32), (1024, 64, 8, 16))


def matrix(input_type, weight_type, kernel, channels, outputs, size=1) -> Conv:
    weights = np.ones((outputs, kernel, kernel, channels), dtype=np.int64)
    return Conv("layer", ("input",), (size, size, channels), input_type, weights, weight_type, Window((kernel, kernel)))


def lfc(activation):
    return [(matrix(activation if n else BIPOLAR, BIPOLAR, 1, inputs, outputs), Fold(pe, simd))
            for n, (inputs, outputs, simd, pe) in enumerate(LFC)]


def cnv(weight_type, activation, folds):
    return [(matrix(activation if n else uint(8), weight_type, *shape), Fold(pe, simd))
            for n, (shape, (simd, pe)) in enumerate(zip(CNV, folds, strict=True))]


def pools(activation):
    return [(MaxPool("pool", ("layer",), (size, size, channels), activation, Window((2, 2), (2, 2))), Fold())
            for channels, size in ((64, 28), (128, 10))]


def published(layers):
    return sum((finn_r.layer_cost(layer, fold).lut for layer, fold in layers)), [finn_r.layer_cost(*pair).bram18 for pair in layers]


def test_the_published_functions_give_the_published_numbers():
    assert published(lfc(BIPOLAR)) == (pytest.approx(8099, abs=2), [64, 64, 64, 16])
    assert published(lfc(int_(2)))[0] == pytest.approx(12746, abs=2)
    assert published(cnv(BIPOLAR, BIPOLAR, CNV_W1) + pools(BIPOLAR))[0] == pytest.approx(9169, abs=5)
    assert published(cnv(BIPOLAR, int_(2), CNV_W1) + pools(int_(2)))[0] == pytest.approx(11807, abs=5)
    assert published(cnv(int_(2), int_(2), CNV_W2) + pools(int_(2)))[0] == pytest.approx(9387, abs=5)
    assert finn_r.swu_bram(3, 1, 30, 64, 1) == 8
    assert finn_r.swu_bram(3, 1, 30, 64, 2) == 16


@pytest.mark.parametrize("name", CORES)
def test_every_core_has_a_model_on_every_family(name):
    for seed in range(3):
        config = CORES[name](np.random.default_rng(seed))
        for family in FAMILIES:
            cost = core_cost(config, family)
            assert cost.lut >= 0 and cost.ff >= 0


def test_memories_are_mapped_as_yosys_maps_them():
    # Two RAMB36 of 2048 x 18 for seven banks each, rather than 27 of 512 x 36: the multiplexers would cost more.
    assert block_ram("xc7", 13440, 32).cells == 28
    assert block_ram("xc7", 9216, 64, written=False).cells == 58
    assert block_ram("xc7", 1152, 256, written=False).cells == 29
    assert lut_ram("xc7", 32, 6).cells == 4
    assert lut_ram("xc7", 64, 4).cells == 8


@pytest.fixture(scope="module")
def measured():
    """(measurement, prediction) of every synthesis of a core, by family."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        from core_sweep import configuration
    finally:
        sys.path.remove(str(BENCHMARKS))
    rows = defaultdict(list)
    for entry in json.loads((BENCHMARKS / "data" / "core_synthesis.json").read_text()):
        config = configuration(entry["kind"], entry["number"])
        if isinstance(config, CoreConfig):
            rows[entry["family"]].append((entry, core_cost(config, entry["family"])))
    return rows


def test_tables_are_trees_of_small_luts():
    odd = np.random.default_rng(0).integers(0, 2, (1, 32))
    assert tree_luts(np.ones((1, 32), dtype=int), 16) == 0
    assert tree_luts(odd[:, :16], 16) == 1
    # Two LUTs of 16 words and their multiplexer, which on ECP5 is beside them; none for what is there already, or its opposite.
    assert tree_luts(odd, 16) == 3
    assert tree_luts(odd, 128) == 2
    assert tree_luts(np.tile(odd[:, :16], 2), 16) == 1
    assert tree_luts(np.vstack([odd, 1 - odd]), 16) == 3


def test_weights_of_zero_take_nothing_of_small_luts():
    weights = np.random.default_rng(0).integers(-4, 4, (4, 24))
    full = MvtuConfig(DataType("UINT3"), DataType("INT3"), weights, 2, 6, arithmetic="lut")
    weights = weights.copy()
    weights[:, ::2] = 0
    half = replace(full, weights=weights)
    for family in ("ecp5", "ice40"):
        assert core_cost(half, family).lut < 0.9 * core_cost(full, family).lut


@pytest.mark.parametrize("family", ["xc7", "xcup", "ecp5", "ice40"])
def test_block_rams_and_multipliers_are_exact(measured, family):
    wrong = [entry for entry, found in measured[family] if (found.bram18, found.dsp) != (entry["bram18"], entry["dsp"])]
    assert not wrong


@pytest.mark.parametrize("family", ["xc7", "xcup", "ecp5", "ice40"])
def test_unseen_cores_are_predicted(measured, family):
    unseen = [(entry, found) for entry, found in measured[family] if entry["number"] % 4 == 3]
    off = np.array([(found.lut - entry["lut"]) / entry["lut"] for entry, found in unseen if entry["lut"] > 200])
    assert abs(off.mean()) < 0.05 and np.median(np.abs(off)) < 0.08 and np.abs(off).max() <= 0.15
    registers = np.array([abs(found.ff - entry["ff"]) for entry, found in unseen])
    assert np.median(registers) == 0


def test_rings_are_foretold_exactly():
    for seed in range(60):
        config = CORES["windows"](np.random.default_rng(seed))
        assert ring_words(config) == config.words, config


def test_more_parallel_is_larger():
    layer = matrix(int_(2), BIPOLAR, 3, 16, 32, 8)
    costs = [layer_cost(layer, Fold(pe, simd), "xc7").lut for pe, simd in ((1, 1), (2, 2), (4, 4), (8, 8), (16, 16), (32, 16))]
    assert costs == sorted(costs)


def test_unrolled_layers_are_not_free():
    weights = np.random.default_rng(0).integers(-128, 128, (16, 27))
    unrolled = core_cost(MvtuConfig(uint(8), int_(8), weights, 16, 27), "xc7")
    # Some 2.6 digits a weight, each of eight bits; an adder takes two off for ten LUTs, and a third of the digits is shared.
    assert 16 * 27 * 8 < unrolled.lut < 16 * 27 * 16


def test_nothing_of_7_series_goes_unmeasured():
    constants = json.loads((files("finnr_rtl.cost") / "constants.json").read_text())["xc7"]
    counted = set()
    for name in CORES:
        for seed in range(20):
            parts = Parts("xc7")
            compose(CORES[name](np.random.default_rng(seed)), parts)
            counted |= {feature for feature, amount in parts.features.items() if amount}
    assert counted - set(constants) <= UNMEASURED


def test_the_whole_is_the_stages_and_the_counters_of_its_buses():
    layer = matrix(int_(2), BIPOLAR, 1, 16, 32)
    from networks import network

    folded = FoldedNetwork(network("one", (1, 1, 16), int_(2), [layer]), {"layer": Fold(4, 4)})
    stages = lower(folded)
    whole, parts = whole_cost(stages, "xc7"), [core_cost(stage.config, "xc7") for stage in stages]
    assert whole.ff == sum(part.ff for part in parts) + 3  # eight beats of results a frame


@pytest.mark.parametrize(
    ("family", "first", "second", "blocks"),
    [
        ("xc7", signed(25), signed(18), 1),
        ("xc7", signed(24), unsigned(18), 2),
        ("xc7", signed(28), unsigned(12), 2),
        ("xcup", signed(27), unsigned(17), 1),
        ("ecp5", unsigned(18), unsigned(18), 1),
        ("ecp5", signed(18), unsigned(18), 1),
        ("ecp5", signed(20), unsigned(12), 2),
        ("ice40", signed(20), unsigned(3), 1),
        ("ice40", signed(24), unsigned(8), 2),
    ],
)
def test_wide_products_take_several_dsp_blocks(family, first, second, blocks):
    parts = Parts(family)
    assert multiply(parts, 3, first, second, "dsp") == blocks
    assert parts.dsp == 3 * blocks


def test_packed_products_have_registers_of_their_own_where_slices_give_none():
    weights = np.array([[-8, 3], [7, -1]])
    config = MvtuConfig(uint(8), int_(4), weights, 2, 1, 4, arithmetic="packed")
    ours, others = core_cost(config, "xc7"), core_cost(config, "xcup")
    (packing,) = config.packings
    assert others.ff - ours.ff == packing.lanes * packing.width + config.input_type.bits
    assert others.dsp == ours.dsp == 1
    assert core_cost(config, "ecp5").dsp == 2  # the factor of two weights is wider than a block's


# Both factors are cut for 7-series, one for UltraScale+, whose slices add nothing.
@pytest.mark.parametrize(("family", "blocks"), [("xc7", 4), ("xcup", 2)])
def test_parts_of_a_product_that_slices_do_not_add_up_are_added_in_luts(family, blocks):
    parts = Parts(family)
    assert multiply(parts, 1, signed(19), unsigned(26), "dsp") == blocks
    assert parts.features["sum bit"] == 19 + 26 - 17
    alone = Parts("xc7")
    multiply(alone, 1, signed(16), unsigned(26), "dsp")
    assert not alone.features["sum bit"]
