"""The list of operators that are understood: each has one handler, and says here what it takes."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["OPERATORS", "Operator", "markdown", "operator", "supported"]


@dataclass(frozen=True)
class Operator:
    """``handler(node, inputs, builder)`` gives the values of the node's outputs (a tuple, or one value).

    ``inputs`` are values, None for an omitted one. With ``constants`` set the handler also takes nodes that have only constant
    inputs; otherwise these are folded. ``limits`` is a phrase for the documentation.
    """

    handler: Callable
    limits: str
    constants: bool


OPERATORS: dict[str, Operator] = {}


def operator(*types: str, limits: str = "", constants: bool = False):
    """Register the function below as the handler of operator ``types``."""

    def register(handler):
        for name in types:
            OPERATORS[name] = Operator(handler, limits, constants)
        return handler

    return register


def supported() -> list[tuple[str, str]]:
    """(operator, limits) of every operator that is understood on streams, sorted by name."""
    return sorted((name, entry.limits) for name, entry in OPERATORS.items())


def markdown() -> str:
    """The table of :func:`supported` as a page of documentation."""
    rows = "\n".join(f"| {name} | {limits or 'none'} |" for name, limits in supported())
    return (
        "# Operators\n\n"
        "What the front end builds on streams, written by `python -m finnr_rtl.frontend.page > docs/operators.md`. Any operator on "
        "constants is computed beforehand.\nCustom operators are known by their type, whatever their domain. `Shape` and what is computed "
        "from shapes alone is constant.\n\n"
        "| operator | limits |\n|---|---|\n" + rows + "\n"
    )
