"""Folding choices: legal factors and files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from networks import small_cnn

from finnr_rtl.datatypes import int_, uint
from finnr_rtl.errors import UserError
from finnr_rtl.folding.folding import Fold, FoldedNetwork, check_fold, legal_factors, read_folding, write_folding
from finnr_rtl.network.layers import Conv


@pytest.fixture
def network():
    return small_cnn()


def test_legal_factors(network):
    layers = {layer.name: layer for layer in network.layers}
    assert legal_factors(layers["conv0"]) == {"pe": [1, 2, 4, 8], "simd": [1, 3, 9, 27], "mmv": [1, 2, 3, 6]}
    assert legal_factors(layers["fc0"]) == {"pe": [1, 2, 5, 10], "simd": [1, 2, 3, 4, 6, 9, 12, 18, 36], "mmv": [1]}
    assert legal_factors(layers["pool"]) == {"pe": [1, 2, 3, 4, 6, 12], "simd": [1], "mmv": [1]}


def test_round_trip(network, tmp_path):
    folds = {layer.name: Fold(legal_factors(layer)["pe"][-1], legal_factors(layer)["simd"][-1]) for layer in network.layers}
    folds["conv0"] = replace(folds["conv0"], mmv=3)
    folds["conv1"] = replace(folds["conv1"], window="lines", weights="block")
    path = tmp_path / "folding.json"
    path.write_text(write_folding(FoldedNetwork(network, folds)))
    assert {name: Fold(**given) for name, given in read_folding(path, network).items()} == folds


def test_files_have_the_keys_that_mean_something(network):
    layers = json.loads(write_folding(FoldedNetwork(network, {layer.name: Fold() for layer in network.layers})))["layers"]
    assert layers["pool"] == {"pe": 1, "window": "auto"}
    assert layers["step"] == {"pe": 1, "thresholds": "auto"}
    assert {"pe", "simd", "mmv", "window"} <= layers["conv0"].keys()
    assert not {"window", "mmv"} & layers["fc0"].keys()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", ["not JSON"]),
        ("[]", ["'layers'"]),
        ('{"layers": {"conv9": {"pe": 1}}}', ["unknown layer 'conv9'", "conv0, conv1"]),
        ('{"layers": {"conv0": {"pe": 3}}}', ["'conv0'", "pe=3", "1, 2, 4, 8"]),
        ('{"layers": {"conv0": {"pe": "4"}}}', ["pe='4'", "1, 2, 4, 8"]),
        ('{"layers": {"conv0": {"pes": 4}}}', ["unknown key 'pes'"]),
        ('{"layers": {"conv0": {"weights": "uram"}}}', ["'uram'", "auto, lut, block"]),
        ('{"layers": {"conv0": {"simd": 9, "window": "ring"}}}', ["'conv0'", "simd=9", "window='ring'", "1, 3"]),
        ('{"layers": {"conv0": {"mmv": 2, "window": "ring"}}}', ["'conv0'", "mmv=2", "window='ring'"]),
        ('{"layers": {"conv0": {"mmv": 4}}}', ["'conv0'", "mmv=4", "1, 2, 3, 6"]),
        ('{"layers": {"fc0": {"window": "lines"}}}', ["'fc0'", "window='lines'", "'auto'"]),
        ('{"layers": {"pool": {"weights": "block"}}}', ["'pool'", "weights='block'", "no effect", "'auto'"]),
        ('{"layers": {"conv0": 4}}', ["an object"]),
    ],
)
def test_bad_files_are_refused_in_one_sentence(network, tmp_path, text, words):
    path = tmp_path / "folding.json"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_folding(path, network)
    message = str(caught.value)
    assert "\n" not in message
    for word in ["folding.json", *words]:
        assert word in message


def test_no_word_is_wider_than_verilog_promises():
    layer = Conv("fc", ("in",), (1, 1, 512), uint(8), np.ones((32, 1, 1, 512), dtype=np.int64), int_(8))
    check_fold(layer, Fold(pe=16, simd=512))
    with pytest.raises(ValueError, match="pe=32, simd=512, mmv=1 .* 131,072 bits .* 65,536"):
        check_fold(layer, Fold(pe=32, simd=512))


def test_folding_is_json_with_every_layer(network):
    folded = FoldedNetwork(network, {layer.name: Fold() for layer in network.layers})
    assert list(json.loads(write_folding(folded))["layers"]) == [layer.name for layer in network.layers]


def test_a_file_says_no_more_than_it_says(network, tmp_path):
    path = tmp_path / "folding.json"
    path.write_text('{"layers": {"conv0": {"pe": 4}, "fc0": {}}}')
    assert read_folding(path, network) == {"conv0": {"pe": 4}, "fc0": {}}
