"""Bars: cycles per layer, what a board is used for, and what was predicted beside what was measured."""

from finnr_rtl.network.summary import unit
from finnr_rtl.report.svg import element, image, path, rectangle, text
from finnr_rtl.report.tables import RESOURCE_NAMES
from finnr_rtl.report.text import number, percent

__all__ = ["compared", "cycles", "utilisation"]

def cycles(facts: dict, width: int, form: str) -> str:
    """Cycles per batch of every layer's slowest stage; that of the whole as a line, and the layer that sets it marked."""
    layers, performance, each = facts["layers"], facts["performance"], unit(facts["network"]["batch"])
    interval = performance["interval_cycles"]
    row, label = 22, min(0.34 * width, 12 + max(7.4 * len(layer["name"]) for layer in layers))
    start, end = label + 8, width - 82
    most = max(interval, *(layer["cycles"] for layer in layers))
    height = 24 + row * len(layers)
    content = []
    for index, layer in enumerate(layers):
        y = 6 + row * index
        slowest = layer["name"] == performance["bottleneck_layer"]
        long = (end - start) * layer["cycles"] / most
        tip = ", ".join(f"{stage['name']} {number(stage['cycles'])}" for stage in layer["stages"])
        content += [
            text(label, y + 12, layer["name"], "strong" if slowest else "", "end", room=label),
            rectangle(start, y + 2, max(long, 1), 13, "slow-fill" if slowest else "busy-fill", tip, 2),
            text(width, y + 12.5, number(layer["cycles"]), "figure strong" if slowest else "figure", "end"),
        ]
    at = start + (end - start) * interval / most
    content.append(element("line", x1=at, x2=at, y1=0, y2=height - 18, class_="mark"))
    content.append(text(at, height - 4, f"one {each} per {number(interval)} cycles", "quiet", "end"))
    return image(width, height, content, f"Cycles per {each} of every layer; the slowest is {performance['bottleneck_layer']}")


def utilisation(facts: dict, width: int, form: str, measured: dict | None = None) -> str:
    """What the design takes of the board behind its shell, against the budget; ``measured`` are the counts of a synthesis."""
    device, shell = facts["platform"]["device"], facts["platform"]["shell"]
    budget, taken = facts["budget"], facts["resources"]
    shown = [name for name in RESOURCE_NAMES if device[name]]
    wide = form == "wide"
    row = (52 if wide else 66) + (20 if measured else 0)
    start, end = (70, width - 330) if wide else (0, width)
    content = []
    for index, name in enumerate(shown):
        y = 8 + row * index
        scale = (end - start) / device[name]
        bars = [(taken[name], "take-fill", "predicted")] + ([(measured[name], "measured-fill", "measured")] if measured else [])
        content.append(text(0, y + (16 if wide else 10), RESOURCE_NAMES[name], "strong"))
        top = y if wide else y + 18
        for count, (value, class_, word) in enumerate(bars):
            bar_y = top + 20 * count
            long = min(value * scale, end - start)
            content += [
                rectangle(start, bar_y, end - start, 16, "trough", radius=2),
                rectangle(start, bar_y, shell[name] * scale, 16, "shell-fill", f"shell: {number(shell[name])}"),
                rectangle(start + shell[name] * scale, bar_y, max(long, 1 if value else 0), 16, class_, f"{word}: {number(value)}", 2),
            ]
            if wide:
                said = f"{number(value)} {word}, {percent(value / device[name])} of {number(device[name])}"
                content.append(text(end + 12, bar_y + 12.5, said, "figure"))
        if not wide:
            said = f"{number(taken[name])} of {number(device[name])}, {percent(taken[name] / device[name])}"
            content.append(text(width, y + 10, said + (f"; measured {number(measured[name])}" if measured else ""), "figure", "end"))
        limit, bottom = start + (budget[name] + shell[name]) * scale, top + 20 * len(bars) - 2
        content.append(element("line", x1=limit, x2=limit, y1=top - 3, y2=bottom + 1, class_="mark"))
        anchor = "end" if limit > start + 0.5 * (end - start) else "start"
        content.append(text(limit, bottom + 13, f"budget {number(budget[name])}", "tiny", anchor))
    return image(width, 8 + row * len(shown), content, "Predicted resources against the board and the budget")


def compared(rows: list[tuple[str, float, float]], unit: str, width: int) -> str:
    """Pairs ``(name, predicted, measured)`` as two points on a line each."""
    row, label = 22, min(0.4 * width, 12 + max(7.2 * len(name) for name, *_ in rows))
    start, end = label + 14, width - 70
    most = max(1, *(max(pair) for _, *pair in rows))
    content = [
        element("circle", cx=start + 5, cy=9, r=5, class_="take-fill"),
        text(start + 16, 13, "predicted", "quiet"),
        element("rect", x=start + 90, y=4, width=10, height=10, class_="measured-fill"),
        text(start + 106, 13, f"measured, {unit}", "quiet"),
    ]
    for index, (name, predicted, found) in enumerate(rows):
        y = 36 + row * index
        a, b = (start + (end - start) * value / most for value in (predicted, found))
        content += [
            text(label, y + 4, name, "", "end", room=label),
            path([(start, y), (end, y)], "grid"),
            element("line", x1=a, x2=b, y1=y, y2=y, class_="between"),
            element("rect", x=b - 4.5, y=y - 4.5, width=9, height=9, class_="measured-fill", title=f"measured {number(found)} {unit}"),
            element("circle", cx=a, cy=y, r=4.5, class_="take-fill", title=f"predicted {number(predicted)} {unit}"),
            text(width, y + 4, _difference(predicted, found), "figure", "end"),
        ]
    return image(width, 44 + row * len(rows), content, f"{unit} predicted and measured")


def _difference(predicted: float, found: float) -> str:
    if predicted == found:
        return "equal"
    return f"{100 * (predicted / found - 1):+.0f}\u00a0%" if found else "\u2013"
