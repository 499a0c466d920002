"""``manifest.json`` against what it describes."""

import json
import re
from hashlib import sha256

import numpy as np
import pytest
from emitted import fast
from networks import small_cnn

from finnr_rtl.dataflow.accelerator import Accelerator
from finnr_rtl.dataflow.rooms import size_rooms
from finnr_rtl.dataflow.stages import lower
from finnr_rtl.dataflow.timing import predict
from finnr_rtl.datatypes import DataType
from finnr_rtl.emit.manifest import frame_order, manifest
from finnr_rtl.emit.readme import readme
from finnr_rtl.emit.verilog import verilog_files
from finnr_rtl.network.network import InputPort
from finnr_rtl.platforms import load


@pytest.mark.parametrize(("order", "told"), [
    (np.arange(24), {"transpose": [0, 1, 2]}),
    (np.arange(24).reshape(3, 4, 2).transpose(2, 0, 1).reshape(-1), {"transpose": [1, 2, 0]}),
    (np.arange(24)[::-1], {"places": list(range(23, -1, -1))}),
])
def test_the_order_of_a_frame_is_told_in_short_where_it_is_simple(order, told):
    assert frame_order(InputPort("input", (2, 3, 4), order, (3, 4, 2), DataType("UINT8"), 1.0)) == told


def test_manifest_tells_what_the_verilog_has():
    network = small_cnn()
    stages = size_rooms(lower(fast(network)))
    accelerator, cycles = Accelerator("net", stages), predict(stages)
    files = {f"rtl/{name}": text for name, text in verilog_files(accelerator, cycles).items()} | {"network/x.npz": b"\0"}
    content = json.loads(manifest(network, accelerator, cycles, 100.0, load("pynq_z1"), files))

    found = re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", files["rtl/net.v"], re.M)
    ports = {(port["name"], port["direction"] + "put", port["width"]) for port in content["ports"]}
    assert ports == {(name, direction, int(high or 0) + 1) for direction, high, name in found}

    assert content["files"]["network/x.npz"] == sha256(b"\0").hexdigest()
    assert content["files"]["rtl/net.v"] == sha256(files["rtl/net.v"].encode()).hexdigest()
    assert [stage["name"] for stage in content["stages"]] == [stage.name for stage in stages]

    assert [layer["name"] for layer in content["layers"]] == [layer.name for layer in network.layers]
    low, high = network.layers[0].accumulator_range
    assert content["layers"][0]["accumulator"] == {"min": low, "max": high, "bits": DataType(f"INT{max(high, ~low).bit_length() + 1}").bits}

    for end, shape in (("inputs", (9, 8, 3)), ("outputs", (1, 1, 1))):
        (frame,) = content[end]
        assert tuple(frame["shape"]) == shape
        assert frame["beats"] * frame["lanes"] == np.prod(shape)
    assert (content["inputs"][0]["type"], content["inputs"][0]["bits"]) == ("UINT8", 8)
    assert content["cycles"]["interval"] == cycles.interval
    assert [content["cycles"][key] for key in ("bottleneck", "limit", "fill")] == [cycles.bottleneck, cycles.limit, cycles.fill]
    assert {stage["name"]: stage["fill"] for stage in content["stages"]} == cycles.fills
    assert all(stage["room"]["beats"] >= 1 for stage in content["stages"] if "room" in stage)
    assert content["cycles"]["frames_per_second"] == 100e6 / cycles.interval

    text = readme(network, accelerator, cycles)
    assert f"One frame takes {cycles.interval} cycles" in text
    assert "{" not in text
