"""Folding choices: legal factors, files, the balanced choice."""

import json
from dataclasses import replace

import pytest
from networks import small_cnn

from finnr_rtl.cost.counts import block_rams, count, cycles
from finnr_rtl.errors import UserError
from finnr_rtl.folding.balance import balance
from finnr_rtl.folding.folding import Fold, FoldedNetwork, legal_factors, read_folding, write_folding
from finnr_rtl.platforms import load


@pytest.fixture
def network():
    return small_cnn()


def test_legal_factors(network):
    layers = {layer.name: layer for layer in network.layers}
    assert legal_factors(layers["conv0"]) == {"pe": [1, 2, 4, 8], "simd": [1, 3, 9, 27], "mmv": [1]}
    assert legal_factors(layers["fc0"]) == {"pe": [1, 2, 5, 10], "simd": [1, 2, 3, 4, 6, 9, 12, 18, 36], "mmv": [1]}
    assert legal_factors(layers["pool"]) == {"pe": [1, 2, 3, 4, 6, 12], "simd": [1], "mmv": [1]}


def test_round_trip(network, tmp_path):
    folds = {layer.name: Fold(legal_factors(layer)["pe"][-1], legal_factors(layer)["simd"][-1]) for layer in network.layers}
    folds["conv1"] = replace(folds["conv1"], window="lines", weights="block")
    path = tmp_path / "folding.json"
    path.write_text(write_folding(FoldedNetwork(network, folds)))
    assert read_folding(path, network) == folds


def test_files_have_the_keys_that_mean_something(network):
    layers = json.loads(write_folding(FoldedNetwork(network, {layer.name: Fold() for layer in network.layers})))["layers"]
    assert layers["pool"] == {"pe": 1, "window": "auto"}
    assert layers["step"] == {"pe": 1}
    assert {"pe", "simd", "window"} <= layers["conv0"].keys()
    assert "window" not in layers["fc0"]


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
        ('{"layers": {"fc0": {"window": "lines"}}}', ["'fc0'", "window='lines'", "'auto'"]),
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


def test_balance_meets_the_target_with_no_more_than_it_needs(network):
    board = load("pynq_z1")
    for target in (400, 1000, 5000, 100_000):
        folded = balance(network, board, target_cycles=target)
        assert max(cycles(layer, folded.folds[layer.name]) for layer in network.layers) <= target
    # Far below the target nothing is spent on speed: no layer takes more than it does one by one.
    for layer in network.layers:
        least, chosen = count(layer, Fold()), count(layer, folded.folds[layer.name])
        assert chosen.lut / board.lut + chosen.bram18 / board.bram18 <= least.lut / board.lut + least.bram18 / board.bram18


def test_balance_refuses_the_impossible_and_names_the_layer(network):
    with pytest.raises(UserError, match=r"layer 'conv0' takes 378|layer 'conv\d' takes"):
        balance(network, load("pynq_z1"), target_cycles=10)


def test_default_is_no_faster_than_the_memory_port_brings_frames(network):
    board = load("pynq_z1")
    folded = balance(network, board)
    frame = 9 * 8 * 3 * 8 // board.memory.port_bits
    assert max(cycles(layer, folded.folds[layer.name]) for layer in network.layers) >= frame
    narrow = replace(board, memory=replace(board.memory, port_bits=1))
    slow = balance(network, narrow)
    assert sum(count(layer, slow.folds[layer.name]).lut for layer in network.layers) < sum(
        count(layer, folded.folds[layer.name]).lut for layer in network.layers
    )


def test_fixed_layers_stay(network):
    folded = balance(network, load("pynq_z1"), fixed={"conv0": Fold(2, 1, weights="block")})
    assert folded.folds["conv0"] == Fold(2, 1, weights="block")


def test_block_rams():
    assert [block_rams(512, 36), block_rams(513, 36), block_rams(16384, 1), block_rams(32768, 4)] == [1, 2, 1, 8]


def test_folding_is_json_with_every_layer(network):
    folded = balance(network, load("pynq_z1"), target_cycles=1000)
    assert list(json.loads(write_folding(folded))["layers"]) == [layer.name for layer in network.layers]
