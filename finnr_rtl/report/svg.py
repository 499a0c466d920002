"""A few words of SVG, as text: elements with escaped attributes, lines of text, and the scales of a plot.

Colours are classes, which ``style.css`` gives for light, dark and paper.
"""

from html import escape
from math import ceil, floor, log10

from finnr_rtl.report.text import shorten

__all__ = ["Log", "element", "image", "path", "rectangle", "text"]


def element(tag: str, content: str = "", title: str = "", **attributes) -> str:
    """One element. ``content`` is SVG already; ``title`` is a text shown under the pointer. Attribute names: ``class_`` is class,
    other underscores are hyphens; numbers are rounded to a tenth of a pixel."""
    words = "".join(f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"' for name, value in attributes.items())
    content = (f"<title>{escape(title)}</title>" if title else "") + content
    return f"<{tag}{words}>{content}</{tag}>" if content else f"<{tag}{words}/>"


def _value(value) -> str:
    return escape(f"{round(value, 1):g}" if isinstance(value, (int, float)) else str(value))


def image(width: float, height: float, content: list[str], title: str) -> str:
    """A whole drawing in pixels; ``title`` tells a screen reader what it shows."""
    attributes = {"viewBox": f"0 0 {round(width)} {round(height)}", "width": round(width), "height": round(height)}
    return element("svg", "\n".join(content), role="img", aria_label=title, **attributes)


def rectangle(x: float, y: float, width: float, height: float, class_: str, title: str = "", radius: float = 0) -> str:
    """A rectangle; nothing where it has no width."""
    if width <= 0:
        return ""
    return element("rect", title=title, x=x, y=y, width=width, height=height, rx=radius, class_=class_)


def path(points: list[tuple[float, float]], class_: str, closed: bool = False) -> str:
    """Straight lines from point to point."""
    return element("path", d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if closed else ""), class_=class_)


def text(x: float, y: float, content: str, class_: str = "", anchor: str = "start", room: float = 0) -> str:
    """A line of text on its base line ``y``, cut to ``room`` pixels where that is given (whole under the pointer)."""
    short = shorten(content, room) if room else content
    title = f"<title>{escape(content)}</title>" if short != content else ""
    return element("text", title + escape(short), x=x, y=y, class_=class_, text_anchor=anchor)


class Log:
    """A logarithmic scale: ``low`` to ``high``, widened to the next 1, 2 or 5 of a decade, over the pixels ``start`` to ``end``."""

    def __init__(self, low: float, high: float, start: float, end: float):
        steps = _steps(floor(log10(low)), ceil(log10(high)) + 1)
        self.low = max(step for step in steps if step <= low * (1 + 1e-9))
        self.high = min(step for step in steps if step >= high * (1 - 1e-9) and step > self.low)
        self.start, self.end = start, end

    def __call__(self, value: float) -> float:
        part = log10(value / self.low) / log10(self.high / self.low)
        return self.start + min(1.0, max(0.0, part)) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """At most ``most`` round values: of every decade 1, 2 and 5, or 1 alone, or of every n-th."""
        first, last = floor(log10(self.low) + 1e-9), ceil(log10(self.high) - 1e-9)
        choices = [_steps(first, last), *([10.0**power for power in range(first, last + 1, every)] for every in (1, 2, 3, 4, 6, 12))]
        inside = ([step for step in steps if self.low * (1 - 1e-9) <= step <= self.high * (1 + 1e-9)] for steps in choices)
        return next((steps for steps in inside if len(steps) <= most), [self.low, self.high])


def _steps(first: int, last: int) -> list[float]:
    """1, 2 and 5 of the decades ``first`` to ``last``."""
    return [float(f"{digit}e{power}") for power in range(first, last + 1) for digit in (1, 2, 5)]
