"""Fixtures that several tests share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def builds(request) -> Path:
    """Where simulator builds are kept, from one run of the tests to the next (``pytest --cache-clear`` empties it)."""
    return Path(request.config.cache.mkdir("simulations"))
