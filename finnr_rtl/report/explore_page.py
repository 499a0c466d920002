"""The page about an exploration: the Pareto front of every resource, the designs on it and how to build them, the rooflines."""

from html import escape

from finnr_rtl.network.summary import unit
from finnr_rtl.report import plots
from finnr_rtl.report.design_page import costs
from finnr_rtl.report.page import figure, key, page, section, table, tiles
from finnr_rtl.report.tables import RESOURCE_NAMES, Table
from finnr_rtl.report.text import number, percent, quantity

__all__ = ["designs", "explore_page"]


def explore_page(result: dict) -> str:
    """HTML from what ``explore.json`` holds."""
    boards = [board for board in result["platforms"] if board["points"]]
    count = sum(len(board["points"]) for board in boards)
    lead = f"{count} designs on {', '.join(board['board'] for board in boards)}."
    body = [_tiles(boards), _fronts(boards), _designs(result, boards)]
    body += [_rooflines(board) for board in boards if board["rooflines"][0]["roofs"]]
    misses = [f"{board['board']}: {error}" for board in result["platforms"] for error in board["errors"]]
    body += [section("What could not be designed", "", *(f"<p>{escape(miss)}</p>" for miss in misses))] if misses else []
    if result["batch"] > 1:
        lead += f" Cycles and latency are those of a {unit(result['batch'])}."
    return page(f"{result['network']}: frame rate against resources", lead, body, result["generator"])


def _tiles(boards: list[dict]) -> str:
    entries = []
    for board in boards:
        best = max(board["points"], key=lambda point: point["frames_per_second"])
        note = f"frames per second at most, {quantity(best['operations_per_second'], 'Op/s')} at {number(best['clock_mhz'])} MHz"
        entries.append((board["board"], number(round(best["frames_per_second"])), note))
    return tiles(entries)


def _fronts(boards: list[dict]) -> str:
    kinds = [kind for kind in RESOURCE_NAMES if any(point["resources"][kind] for board in boards for point in board["points"])]
    keys = key([(plots.mark(7, 7, index, "", 4.5), board["board"]) for index, board in enumerate(boards)])
    plotted = [
        figure(lambda width, form, kind=kind: plots.front(boards, kind, RESOURCE_NAMES[kind], width if form == "narrow" else 460, form))
        for kind in kinds
    ]
    note = "Each mark is a design; filled ones lie on the front of that resource: no other has as many frames with less of it."
    return section("Pareto front", note, keys, f'<div class="pair">{"".join(plotted)}</div>')


def designs(boards: list[dict]) -> Table:
    """The designs on the fronts, for page and terminal."""
    kinds = [kind for kind in RESOURCE_NAMES if any(board["device"][kind] for board in boards)]
    rows = [
        [point["name"], number(point["clock_mhz"]), number(round(point["frames_per_second"])),
         quantity(point["operations_per_second"], "Op/s"), number(point["interval_cycles"]), quantity(point["latency_us"] / 1e6, "s"),
         *(number(point["resources"][kind]) for kind in kinds), percent(point["share"]["lut"]), percent(point["share"]["bram18"])]
        for board in boards for point in board["points"] if point["front"]
    ]
    headings = ["design", "MHz", "frames/s", "performance", "cycles", "latency", *(RESOURCE_NAMES[kind] for kind in kinds),
                "LUT of board", "BRAM of board"]
    return Table(headings, rows)


def _designs(result: dict, boards: list[dict]) -> str:
    commands = [point["build"] for board in boards for point in board["points"] if point["front"]]
    note = (
        "No other design on the same board has as many frames per second and no more of every resource. Each is ready to build: "
        "build MODEL --platform BOARD --fold foldings/DESIGN.json."
    )
    inner = "".join(f"<li><code>{escape(command)}</code></li>" for command in commands)
    # Closed, and so not printed: a page of commands would hide the rest.
    listed = f'<details><summary>Commands that build them</summary><ol class="commands">{inner}</ol></details>'
    return section("Designs on the front", note, table(designs(boards)), listed)


def _rooflines(board: dict) -> str:
    parts = []
    for roofline in board["rooflines"]:
        intensity = roofline["points"][0]["intensity"]
        here = [point for point in board["points"] if point["clock_mhz"] == roofline["clock_mhz"]]
        points = [
            {"name": f"{point['name']}, weights on chip", "label": "", "intensity": intensity, "built": True,
             "operations_per_second": point["operations_per_second"]}
            for point in here
        ]
        drawn = roofline | {"points": points}
        parts.append(figure(lambda width, form, drawn=drawn: plots.roof(drawn, width, form)))
    clocks = ", then ".join(f"{number(roofline['clock_mhz'])} MHz" for roofline in board["rooflines"])
    note = (
        f"At {clocks}. Peak of a precision: the budget of LUTs and DSPs full of its arithmetic; an operation per cycle takes "
        f"{costs(board['rooflines'][0])}. Points are the designs, weights on chip."
    )
    return section(f"Roofline of {board['board']}", note, *parts)
