"""What would be built, node by node, and all that stands in the way at once."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from graphs import Writer

from finnr_rtl.check import check
from finnr_rtl.errors import UserError
from finnr_rtl.frontend import markdown


@pytest.fixture
def report(tmp_path):
    def checked(model):
        onnx.save(model, tmp_path / "m.onnx")
        return check(tmp_path / "m.onnx")

    return checked


def dense(w, x, name, **weights):
    return w.node("MatMul", x, w.quant(np.float32(np.eye(2)), bits=3, **weights), name=name)


def test_every_node_says_what_it_becomes(report):
    w = Writer((2,))
    x = w.node("Relu", dense(w, w.quant("x", bits=4, name="front"), "first"), name="act")
    found = report(w.model(dense(w, w.quant(x, bits=3, signed=0, name="middle"), "last")))
    assert found.passed
    rows = {row.node: row for row in found.rows}
    assert rows["front"].note == rows["act"].note == "goes into what follows"
    assert rows["first"].layers == ("first: Dense, 2 INT4 to 2 UINT3, sums -8..7 (INT4)",)
    assert rows["middle"].layers == rows["first"].layers  # its thresholds are part of that layer
    assert len(found.network.layers) == 2


def test_padding_with_a_zero_that_the_type_does_not_hold_is_told(report):
    w = Writer((1, 4, 4))
    x = w.node("BipolarQuant", "x", np.float32(1))
    weights = w.quant(np.float32(np.ones((2, 1, 3, 3))), bits=2)
    found = report(w.model(w.node("Conv", x, weights, pads=[1, 1, 1, 1], name="conv")))
    (row,) = [row for row in found.rows if row.node == "conv"]
    assert row.note == "pads with zero, which is 0 in integers: no BIPOLAR holds it, so its input becomes TERNARY"
    assert found.network.layers[0].input_type.name == "TERNARY"


def test_all_problems_at_once(report):
    w = Writer((2,))
    x = w.quant("x", bits=4)
    first = w.node("Sin", dense(w, x, "a"), name="wave")
    behind = w.quant(first, name="behind")
    second = w.quant(dense(w, x, "b"), bits=12, rounding="CEIL", name="wide")
    found = report(w.model(w.node("Add", behind, second, name="both")))
    assert not found.passed
    assert found.network is None
    assert len(found.problems) == 2
    assert "wave (Sin)" in found.problems[0]
    assert "wide (Quant)" in found.problems[1]
    assert [row.node for row in found.rows if row.note == "cannot be built"] == ["wave", "wide"]


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        check(tmp_path / "missing.onnx")


def test_the_page_of_operators_is_current():
    page = Path(__file__).parents[1] / "docs" / "operators.md"
    assert page.read_text() == markdown(), "write it again: python -m finnr_rtl.frontend.page > docs/operators.md"
