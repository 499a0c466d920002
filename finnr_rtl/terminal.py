"""What commands print to: tables, and progress bars where someone watches."""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

__all__ = ["ERR", "OUT", "counted", "steps", "table"]

# Into a file or a pipe tables go whole: there is no width to fit them in.
OUT = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
ERR = Console(stderr=True, highlight=False)


def steps() -> Progress:
    """A bar that tells the step of the work."""
    return _progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())


def counted() -> Progress:
    """A bar that counts what is done."""
    return _progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def _progress(*columns) -> Progress:
    """On a terminal only: elsewhere it would leave empty lines."""
    return Progress(*columns, console=ERR, transient=True, disable=not ERR.is_terminal)


def table(headings, rows, texts: int = 1) -> Table:
    """A table whose first ``texts`` columns are no numbers."""
    made = Table(box=None, pad_edge=False)
    for index, heading in enumerate(headings):
        made.add_column(heading, justify="left" if index < texts else "right", no_wrap=True)
    for row in rows:
        made.add_row(*map(str, row))
    return made
