"""Fixtures that several tests share."""

from pathlib import Path

import onnx
import pytest

from finnr_rtl.frontend import load_network


@pytest.fixture(scope="session")
def builds(request) -> Path:
    """Where simulator builds are kept, from one run of the tests to the next (``pytest --cache-clear`` empties it)."""
    return Path(request.config.cache.mkdir("simulations"))


@pytest.fixture
def load(tmp_path):
    """Reads a model of ONNX as the frontend reads files."""
    def loader(model, *args):
        onnx.save(model, tmp_path / "m.onnx")
        return load_network(tmp_path / "m.onnx", *args)

    return loader
