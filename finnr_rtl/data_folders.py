"""Where the data files are that finnr_rtl needs while it runs: beside the package in a checkout, inside it once installed."""

from pathlib import Path

__all__ = ["folder"]


def folder(name: str) -> Path:
    """The folder ``name`` ("platforms" or "sim").

    Raises ``FileNotFoundError`` where neither the checkout nor the installed package has it.
    """
    package = Path(__file__).resolve().parent
    for place in (package / name, package.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"finnr_rtl was installed without its folder {name!r}: install it again from its wheel or checkout")
