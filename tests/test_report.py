"""The report: every figure against one worked out by hand, and pages that are well formed, whole, and the same every time."""

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from graphs import Writer
from networks import conv, network, small_cnn, small_resnet, two_ways

from finnr_rtl.build import build
from finnr_rtl.cost.resources import Resources
from finnr_rtl.datatypes import BIPOLAR, DataType
from finnr_rtl.design import Goal, design
from finnr_rtl.emit.output import check_output
from finnr_rtl.network.layers import MaxPool, Window
from finnr_rtl.platforms import load
from finnr_rtl.report import measured, roofline
from finnr_rtl.report.design_page import design_page
from finnr_rtl.report.facts import facts, report_json
from finnr_rtl.report.picture import tracks
from finnr_rtl.report.svg import Log
from finnr_rtl.report.text import number, percent, quantity, shorten

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Checker(HTMLParser):
    """Every tag closed in its turn, nothing loaded from elsewhere; drawings are collected."""

    def __init__(self):
        super().__init__()
        self.open, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            assert name not in ("src", "href", "srcset", "onload"), (tag, name, value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(html: str) -> list[ElementTree.Element]:
    """The drawings of a page that is sound in itself."""
    checker = Checker()
    checker.feed(html)
    checker.close()
    assert not checker.open
    assert "script" not in checker.tags
    assert not re.search(r"https?://|@import|url\(", html)
    # HTML knows no XML entities beyond those of the escapes used, so a drawing must be XML as it stands.
    return [ElementTree.fromstring(drawing) for drawing in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


@pytest.fixture(scope="module")
def simple():
    """Two matrix layers without surprises: 4x4x8 UINT4 by 16 filters 3x3 of INT2 into UINT4, then a dense layer of 5 outputs of INT4."""
    rng = np.random.default_rng(3)
    first = conv(rng, "first", "input", (4, 4, 8), DataType("UINT4"), 16, DataType("INT2"), DataType("UINT4"), Window((3, 3)))
    second = conv(rng, "second", "first", (1, 1, 2 * 2 * 16), DataType("UINT4"), 5, DataType("INT4"))
    return design(network("simple", (4, 4, 8), DataType("UINT4"), [first, second]), load("pynq_z1"), Goal())


def test_layers_and_intensities_are_those_worked_out_by_hand(simple):
    known = facts(simple)
    first, second = known["layers"]
    operations, inputs, weights = 2 * 4 * 9 * 8 * 16, 4 * 4 * 8 * 4, 9 * 8 * 16 * 2
    assert (first["operations"], first["input_bits"], first["weight_bits"]) == (operations, inputs, weights)
    assert first["intensity"] == {
        "weights_on_chip": operations / inputs,
        "activations_on_chip": operations / weights,
        "nothing_on_chip": operations / (inputs + weights),
    }
    assert (first["precision"], second["precision"]) == ("w2a4", "w4a4")
    assert second["operations"] == 2 * 64 * 5
    total = operations + 2 * 64 * 5
    all_weights = weights + 64 * 5 * 4
    assert known["network"]["operations"] == total
    assert known["intensity"]["dataflow"]["weights_on_chip"] == total / inputs
    assert known["intensity"]["dataflow"]["nothing_on_chip"] == total / (inputs + all_weights)
    assert known["intensity"]["layer_by_layer"]["weights_on_chip"] == total / (inputs + 64 * 4)
    assert known["intensity"]["layer_by_layer"]["activations_on_chip"] == total / all_weights


def test_performance_and_traffic_are_those_worked_out_by_hand(simple):
    known = facts(simple)
    interval = simple.cycles.interval
    rate = 100e6 / interval
    performance, traffic = known["performance"], known["traffic"]
    assert performance["frames_per_second"] == rate
    assert performance["operations_per_second"] == known["network"]["operations"] * rate
    assert performance["latency_us"] == simple.cycles.ends[0] / 100
    assert performance["bottleneck_layer"] in ("first", "second")
    # 128 values of 4 bits come; 5 accumulators go.
    result = 5 * simple.folded.network.type_of("second").bits
    assert (traffic["input_bytes"], traffic["output_bytes"]) == (64, -(-result // 8))
    assert traffic["bytes_per_second"] == (64 + -(-result // 8)) * rate
    assert traffic["bandwidth_share"] == traffic["bytes_per_second"] / 2.1e9
    assert traffic["weight_bits_read"] == 4 * 9 * 8 * 16 * 2 + 64 * 5 * 4
    # Windows of 4 x 72 values and a map of 64 pass between stages at least.
    assert traffic["stream_bits"] >= (4 * 72 + 64) * 4


@pytest.mark.parametrize("make", [small_cnn, small_resnet, two_ways])
def test_resources_of_layers_and_ports_add_up_to_the_whole(make):
    result = design(make(), load("zedboard"), Goal())
    known = facts(result)
    for kind, total in known["resources"].items():
        assert total == sum(layer["resources"][kind] for layer in known["layers"]) + known["ports"]["resources"][kind]
        assert total <= known["budget"][kind]
    assert known["share"]["lut"] == known["resources"]["lut"] / 53200
    assert known["share"]["uram"] is None
    assert max(layer["cycles"] for layer in known["layers"]) <= known["performance"]["interval_cycles"]
    assert json.loads(report_json(known)) == json.loads(json.dumps(known))
    assert report_json(facts(design(make(), load("zedboard"), Goal()))) == report_json(known)


@pytest.mark.parametrize("make", [small_cnn, small_resnet, two_ways])
def test_pages_are_well_formed_load_nothing_and_are_the_same_every_time(make):
    known = facts(design(make(), load("ultra96"), Goal()))
    html = design_page(known)
    assert html == design_page(json.loads(report_json(known)))
    drawings = check_page(html)
    assert len(drawings) >= 8
    for layer in known["layers"]:
        assert layer["name"] in html


def test_a_network_without_matrices_has_its_page_too():
    pool = MaxPool("pool", ("input",), (4, 4, 3), DataType("UINT4"), Window((2, 2), (2, 2)))
    known = facts(design(network("pools", (4, 4, 3), DataType("UINT4"), [pool]), load("pynq_z1"), Goal()))
    assert known["intensity"]["dataflow"]["activations_on_chip"] is None
    html = design_page(known)
    check_page(html)
    assert "Roofline" not in html


def test_why_the_bottleneck_is_one_is_told_where_it_is_known(simple):
    known = facts(simple)
    known["performance"] |= {"limit": "window", "fill_cycles": 12345}
    html = design_page(known)
    assert "window buffer is read or written in every cycle" in html and "From cycle 12,345 on" in html


def test_names_are_escaped():
    name = '<script>alert("&")</script>'
    net = small_cnn()
    net = replace(net, name=name, outputs=(replace(net.output, name=name),))
    html = design_page(facts(design(net, load("pynq_z1"), Goal())))
    check_page(html)
    assert "<script" not in html


def test_measurements_stand_beside_predictions(simple):
    known = facts(simple)
    found = {"lut": 100, "ff": 50, "bram18": 0, "dsp": 0, "uram": 0}
    stages = {stage["name"]: found for layer in known["layers"] for stage in layer["stages"]}
    whole = {"lut": 4321, "ff": 999, "bram18": 0, "dsp": 0, "uram": 0}
    synthesis = {"tool": "Yosys 0.1 (git)", "family": "xc7", "whole": whole, "stages": stages}
    verification = {
        "simulator": "verilator", "frames": 3, "passed": True, "beats": 777, "mismatches": 0,
        "predicted": {"interval": 50, "latency": 70}, "measured": {"interval": 50, "latency": None}, "faults": {},
    }
    html = design_page(known, synthesis, verification)
    check_page(html)
    assert "4,321" in html and "777" in html and "Yosys 0.1" in html
    assert "Prediction and measurement" not in design_page(known)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    place, rng, w = tmp_path_factory.mktemp("report"), np.random.default_rng(1), Writer((6,))
    x = w.quant(w.node("MatMul", w.quant("x", bits=4), w.quant(np.float32(rng.normal(0, 3, (6, 4))), bits=3)), 4.0, bits=3)
    onnx.save(w.model(x), place / "small.onnx")
    build(place / "small.onnx", "pynq_z1", place / "out")
    return place / "out"


def test_a_build_has_its_report_which_takes_up_what_is_measured(built, tmp_path):
    folder = shutil.copytree(built, tmp_path / "out")
    check_page((folder / "report.html").read_text())
    known = json.loads((folder / "report.json").read_text())
    cycles = json.loads((folder / "manifest.json").read_text())["cycles"]
    assert known["performance"]["interval_cycles"] == cycles["interval"]
    measured.record(folder, "verify.json", {
        "simulator": "verilator", "frames": 3, "passed": True, "beats": 4242, "mismatches": 0,
        "predicted": {"interval": 5, "latency": 7}, "measured": {"interval": 5, "latency": 7}, "faults": {},
    })
    html = (folder / "report.html").read_text()
    check_page(html)
    assert "4,242" in html
    check_output(folder)  # may be built again in its place


def test_peaks_are_those_that_finn_r_published():
    """KU115, 663,360 LUT of which 0.7 at 250 MHz; the published mean costs have three digits."""
    budget = 0.7 * load("ku115").device.lut
    for cost, gops in ((7.65, 15179), (7.05, 16468), (2.96, 39273)):
        assert roofline.peak(budget, 250, cost) == pytest.approx(gops * 1e9, rel=0.002)
    # Peak TOp/s of the authors' slides, at one and two digits: 46 for one bit, 11 for four, 3 for eight.
    for bits, tops in ((1, 46), (4, 11), (8, 3)):
        assert round(roofline.peak(budget, 250, roofline.finn_r_cost(bits, bits)) / 1e12) == tops
    assert roofline.finn_r_cost(1, 3) == pytest.approx(5.7)


def test_the_peak_of_a_network_is_that_of_its_layers_weighted_by_operations(simple):
    known = facts(simple)
    roofs = {roof["precision"]: roof for roof in known["roofline"]["roofs"]}
    assert set(roofs) == {"w2a4", "w4a4", "all layers"}
    work = {layer["precision"]: layer["operations"] for layer in known["layers"]}
    for kind in ("lut", "dsp"):
        mean = sum(roofs[name]["cost"][kind] * count for name, count in work.items()) / sum(work.values())
        assert roofs["all layers"]["cost"][kind] == pytest.approx(mean)
    for roof in roofs.values():
        assert roof["operations_per_second"] == roofline.mixed_peak(simple.budget, 100, roofline.Cost(**roof["cost"]))
    built, thought = known["roofline"]["points"]
    moved = known["traffic"]["input_bytes"] + known["traffic"]["output_bytes"]
    assert built["intensity"] == known["network"]["operations"] / moved
    assert thought["intensity"] == known["network"]["operations"] / (moved + known["network"]["weight_bits"] / 8)


def test_more_bits_cost_more_per_operation():
    types = (BIPOLAR, BIPOLAR), (DataType("INT4"), DataType("UINT4")), (DataType("INT8"), DataType("INT8"))
    costs = [roofline.unit_cost(*pair, "xc7") for pair in types]
    assert costs[0].lut > 0.1 and not costs[0].dsp
    assert costs[2].dsp == pytest.approx(0.5)  # a slice for each multiply-accumulate
    assert all(a.lut < b.lut for a, b in pairwise(costs))


def test_slices_come_first_and_logic_takes_the_rest():
    budget = Resources(lut=1000, dsp=10)
    assert roofline.mixed_peak(budget, 100, roofline.Cost(2.0)) == 500 * 100e6
    # 20 operations in slices with 100 LUTs beside; 900 LUTs are left for 450.
    assert roofline.mixed_peak(budget, 100, roofline.Cost(2.0, 0.5, 5.0)) == pytest.approx(470 * 100e6)
    # LUTs run out beside the slices.
    assert roofline.mixed_peak(budget, 100, roofline.Cost(2.0, 0.5, 100.0)) == pytest.approx(10 * 100e6)


def test_no_node_stands_in_the_way_of_a_wire_that_passes_it():
    rng = np.random.default_rng(0)
    for _ in range(50):
        count = int(rng.integers(2, 14))
        sources = [[]] + [sorted(set(rng.integers(0, node, rng.integers(1, 4)).tolist())) for node in range(1, count)]
        placed = tracks(sources)
        for node, track in enumerate(placed):
            assert sorted(reader for reader, _ in track.edges) == sorted(r for r, froms in enumerate(sources) for f in froms if f == node)
            for reader, lane in track.edges:
                assert all(placed[between].lane != lane for between in range(node + 1, reader))
    assert [track.lane for track in tracks([[], [0], [1], [2]])] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 Op"), (999.7, "1 kOp"), (1234567, "1.23 MOp"), (2e12, "2 TOp"), (0.002, "2 mOp"), (None, "\u2013"), (5e-7, "500 nOp")],
)
def test_quantities(value, text):
    assert quantity(value, "Op").replace("\u00a0", " ") == text


def test_numbers_parts_and_long_names():
    assert (number(1234567.8), number(12), number(0.12345), number(None)) == ("1,234,568", "12", "0.123", "\u2013")
    assert [percent(x).replace("\u00a0", " ") for x in (0, 0.0012, 0.123, 1)] == ["0 %", "0.12 %", "12.3 %", "100 %"]
    assert shorten("short", 100) == "short"
    assert shorten("first_" + "x" * 80 + "_last", 100) == "first_x\u2026x_last"


def test_logarithmic_scales_have_round_ends_and_ticks():
    scale = Log(30, 4000, 0, 100)
    assert (scale.low, scale.high) == (20, 5000)
    assert (scale(20), scale(5000)) == (0, 100)
    assert scale.ticks(10) == [20, 50, 100, 200, 500, 1000, 2000, 5000]
    assert scale.ticks(3) == [100, 1000]
    assert len(Log(1, 1e12, 0, 100).ticks(5)) <= 5
    assert Log(7, 7, 0, 1).low < Log(7, 7, 0, 1).high
