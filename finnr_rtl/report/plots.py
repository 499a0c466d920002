"""Plots with axes: the roofline of a board, and the Pareto front of frame rate against a resource."""

from finnr_rtl.report.svg import Log, element, image, path, text
from finnr_rtl.report.text import number, percent, quantity

__all__ = ["front", "mark", "roof"]

# Marks by series, beside the colours: who sees no colours, or prints none, still tells them apart.
SHAPES = (
    lambda x, y, r: f"M{x - r:.1f} {y:.1f}a{r} {r} 0 1 0 {2 * r} 0a{r} {r} 0 1 0 {-2 * r} 0Z",
    lambda x, y, r: f"M{x - r:.1f} {y - r:.1f}h{2 * r}v{2 * r}h{-2 * r}Z",
    lambda x, y, r: f"M{x:.1f} {y - 1.25 * r:.1f}l{1.2 * r:.1f} {2.1 * r:.1f}h{-2.4 * r:.1f}Z",
    lambda x, y, r: f"M{x:.1f} {y - 1.3 * r:.1f}l{1.3 * r:.1f} {1.3 * r:.1f}l{-1.3 * r:.1f} {1.3 * r:.1f}l{-1.3 * r:.1f} {-1.3 * r:.1f}Z",
)
COLOURS = 6


def mark(x: float, y: float, series: int, title: str, size: float = 5, hollow: bool = False) -> str:
    """A point of a series."""
    shape = SHAPES[series % len(SHAPES)](x, y, size)
    return element("path", title=title, d=shape, class_=f"point {'hollow' if hollow else 'filled'} c{series % COLOURS}")


def _frame(x: Log, y: Log, units: tuple[str, str], names: tuple[str, str]) -> list[str]:
    """Grid, ticks and names of two logarithmic axes."""
    content = []
    for value in x.ticks(max(2, int((x.end - x.start) / 48))):
        at = x(value)
        content.append(element("line", x1=at, x2=at, y1=y.end, y2=y.start, class_="grid"))
        content.append(text(at, y.start + 16, quantity(value, units[0]), "tiny", "middle"))
    for value in y.ticks(8):
        at = y(value)
        content.append(element("line", x1=x.start, x2=x.end, y1=at, y2=at, class_="grid"))
        content.append(text(x.start - 6, at + 4, quantity(value, units[1]), "tiny", "end"))
    content.append(text((x.start + x.end) / 2, y.start + 34, names[0], "quiet", "middle"))
    content.append(text(x.start - 60, y.end - 10, names[1], "quiet"))
    return content


def _spread(wanted: list[float], gap: float) -> list[float]:
    """Places at least ``gap`` apart, in the order of ``wanted`` (growing), each as near to it as those before allow."""
    places: list[float] = []
    for at in wanted:
        places.append(max(at, places[-1] + gap) if places else at)
    return places


def roof(roofline: dict, width: int, form: str) -> str:
    """A board's roofs, memory and one per precision, and points under them.

    ``roofline`` is what ``finnr_rtl.report.roofline`` makes of a design, whose ``points`` may be those of several.
    """
    points = [point for point in roofline["points"] if point["intensity"] and point["operations_per_second"]]
    roofs = sorted(roofline["roofs"], key=lambda roof: -roof["operations_per_second"])
    bandwidth = roofline["bandwidth"]
    peaks = [roof["operations_per_second"] for roof in roofs]
    ridges = [peak / bandwidth for peak in peaks]
    xs = [*ridges, *(point["intensity"] for point in points)]
    ys = [*peaks, *(point["operations_per_second"] for point in points)]
    right = 190 if form == "wide" else 100
    x = Log(min(xs) / 3, max(xs) * 2, 66, width - right)
    y = Log(min(ys) / 2, max(ys) * 1.2, 400 if form == "wide" else 320, 28)
    content = _frame(x, y, ("", "Op/s"), ("operations per byte of external memory", "operations per second"))
    top = max(peaks)
    low = max(x.low, y.low / bandwidth)
    content.append(path([(x(low), y(bandwidth * low)), (x(top / bandwidth), y(top))], "memory"))
    # Below the roofs of the dearer precisions, which begin along the line.
    middle = low**0.7 * (min(peaks) / bandwidth) ** 0.3
    content.append(text(x(middle) + 8, y(bandwidth * middle) + 12, f"memory, {quantity(bandwidth, 'B/s')}", "tiny"))
    labels = _spread([y(peak) for peak in peaks], 14)
    for series, (roof, place) in enumerate(zip(roofs, labels, strict=True)):
        peak, at = roof["operations_per_second"], y(roof["operations_per_second"])
        said = f"{roof['precision']}: {quantity(peak, 'Op/s')}" if form == "wide" else f"{roof['precision']} {quantity(peak)}"
        content.append(path([(x(peak / bandwidth), at), (x.end, at), (x.end + 6, place)], f"roof c{series % COLOURS}"))
        content.append(text(x.end + 9, place + 4, said, f"tiny t{series % COLOURS}"))
    for point in points:
        tip = f"{point['name']}: {quantity(point['operations_per_second'], 'Op/s')} at {number(point['intensity'])} Op/B"
        at = x(point["intensity"]), y(point["operations_per_second"])
        content.append(element("path", title=tip, d=SHAPES[0](*at, 5), class_="point " + ("design" if point["built"] else "thought")))
        if point["label"]:
            side = "end" if at[0] > x.end - 90 else "start"
            # One below, one above: on a narrow page they may be side by side.
            content.append(text(at[0], at[1] + (19 if point["built"] else -11), point["label"], "tiny", side))
    return image(width, y.start + 44, content, "Roofline: peak performance by precision, memory bandwidth, and the network")


def front(series: list[dict], resource: str, name: str, width: int, form: str) -> str:
    """Frame rate against one resource, a line per board, as ``explore.json`` lists them.

    Resources as parts of each board, so that boards can be compared; points off the front of this resource are hollow.
    """
    rates = [point["frames_per_second"] for one in series for point in one["points"]]
    most = max([point["resources"][resource] / one["device"][resource] for one in series for point in one["points"]] + [0.01])
    scale = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 100) if step >= most)
    y = Log(min(rates), max(rates), 290 if form == "wide" else 260, 28)
    start, end = 66, width - 18
    content = []
    for step in range(6):
        part = scale * step / 5
        at = start + (end - start) * step / 5
        content.append(element("line", x1=at, x2=at, y1=y.end, y2=y.start, class_="grid"))
        content.append(text(at, y.start + 16, f"{100 * part:.3g}\u00a0%", "tiny", "middle"))
    for value in y.ticks(7):
        content.append(element("line", x1=start, x2=end, y1=y(value), y2=y(value), class_="grid"))
        content.append(text(start - 6, y(value) + 4, quantity(value), "tiny", "end"))
    content.append(text((start + end) / 2, y.start + 34, f"{name}, part of the board", "quiet", "middle"))
    content.append(text(6, y.end - 10, "frames per second", "quiet"))
    filled: list[str] = []
    for index, one in enumerate(series):
        places = []
        for point in sorted(one["points"], key=lambda point: (point["resources"][resource], point["frames_per_second"])):
            part = point["resources"][resource] / one["device"][resource]
            at = start + (end - start) * part / scale, y(point["frames_per_second"])
            if resource in point["fronts"]:
                places += [(at[0], places[-1][1]), at] if places else [at]
            tip = f"{point['name']}: {number(point['resources'][resource])} {name}, {percent(part)} of the board"
            (filled if resource in point["fronts"] else content).append(mark(*at, index, tip, 4, resource not in point["fronts"]))
        if len(places) > 1:
            content.insert(0, path(places, f"step c{index % COLOURS}"))
    return image(width, y.start + 44, content + filled, f"Pareto front of frames per second against {name}")
