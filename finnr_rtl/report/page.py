"""HTML pages: one file that loads nothing, for a screen of any width and for paper."""

from collections.abc import Callable, Iterable
from html import escape
from importlib.resources import files

from finnr_rtl.report.tables import Table

__all__ = ["figure", "key", "page", "section", "table", "tiles"]

# Drawings come in two forms, in pixels, for the text in them to be as large on a small screen; style.css shows one.
WIDTHS = {"wide": 960, "narrow": 360}


def page(title: str, lead: str, body: Iterable[str], generator: str) -> str:
    """A whole page; ``body`` is HTML, the other texts are not."""
    style = files("finnr_rtl.report").joinpath("style.css").read_text(encoding="utf-8")
    return "\n".join([
        "<!DOCTYPE html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{style}</style></head>",
        "<body>",
        f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>',
        *body,
        f"<footer>Written by {escape(generator)}.</footer>",
        "</body></html>",
        "",
    ])


def section(heading: str, note: str, *content: str) -> str:
    """A heading, a sentence or two under it, and what is shown."""
    note = f'<p class="note">{escape(note)}</p>' if note else ""
    return "\n".join([f"<section><h2>{escape(heading)}</h2>", note, *content, "</section>"])


def figure(draw: Callable[[int, str], str], class_: str = "") -> str:
    """A drawing in both of its forms; ``draw`` takes width in pixels, and form."""
    forms = "".join(f'<div class="{form}">{draw(width, form)}</div>' for form, width in WIDTHS.items())
    return f'<figure class="{class_}">{forms}</figure>'


def tiles(entries: list[tuple[str, str, str]]) -> str:
    """The figures that matter most, large: name, value, remark."""
    inner = [f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>" for name, value, note in entries]
    return f'<dl class="tiles">{"".join(inner)}</dl>'


def key(entries: list[tuple[str, str]]) -> str:
    """What marks mean: pairs of an SVG of 14 x 14 pixels, and a text."""
    shown = [f'<svg width="14" height="14" aria-hidden="true">{drawing}</svg>{escape(what)}' for drawing, what in entries]
    return "<p>" + " ".join(f'<span class="key">{one}</span>' for one in shown) + "</p>"


def table(content: Table, marked: int | None = None) -> str:
    """A table that scrolls sideways within a narrow page; row ``marked`` is the bottleneck's."""
    lines = [_row("th", "", content.headings, content.texts)]
    for index, row in enumerate(content.rows):
        last = content.total and index == len(content.rows) - 1
        lines.append(_row("td", "total" if last else "slowest" if index == marked else "", row, content.texts))
    return '<div class="scroll"><table>' + "\n".join(lines) + "</table></div>"


def _row(tag: str, class_: str, cells: list[str], texts: int) -> str:
    starts = [f'<{tag} class="text">' if index < texts else f"<{tag}>" for index in range(len(cells))]
    inner = [f"{start}{escape(cell)}</{tag}>" for start, cell in zip(starts, cells, strict=True)]
    return (f'<tr class="{class_}">' if class_ else "<tr>") + "".join(inner) + "</tr>"
