"""Numbers as a person reads them."""

__all__ = ["number", "percent", "quantity", "shorten"]

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "\u00b5"), (1e-9, "n"))
# No line break between a number and its unit.
_SPACE = "\u00a0"


def number(value: float | None) -> str:
    """With thousands separators; three digits where it is less than a hundred and no whole number; a dash for None."""
    if value is None:
        return "\u2013"
    if float(value).is_integer() or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def quantity(value: float | None, unit: str = "") -> str:
    """Three digits with an SI prefix: 1.23 GOp/s."""
    if not value:
        return "\u2013" if value is None else f"0{_SPACE}{unit}".rstrip(_SPACE)
    # 999.6 would round to 1000: that is 1 of the next prefix.
    scale, prefix = next((entry for entry in _PREFIXES if abs(value) >= 0.9995 * entry[0]), _PREFIXES[-1])
    short = f"{value / scale:.3g}"
    return f"{short}{_SPACE}{prefix}{unit}".rstrip(_SPACE)


def percent(value: float | None) -> str:
    """A part of one: three digits below ten per cent, a dash for None."""
    if value is None:
        return "\u2013"
    return f"{100 * value:.{0 if value >= 0.9995 or value == 0 else 1 if value >= 0.01 else 2}f}{_SPACE}%"


def shorten(text: str, width: float, size: float = 12) -> str:
    """``text`` cut in its middle to about ``width`` pixels of a sans-serif font of ``size`` pixels."""
    room = int(width / (0.57 * size))
    if len(text) <= room:
        return text
    tail = max(1, (room - 1) // 2)
    return f"{text[:max(1, room - 1 - tail)]}\u2026{text[-tail:]}"
