"""The space of designs of a network: frame rates against resources, on several boards, each point ready to build."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from finnr_rtl import __version__
from finnr_rtl.cost.resources import RESOURCES
from finnr_rtl.emit.output import EXPLORATION, REPORT_PAGE, check_output, write_file
from finnr_rtl.errors import UserError
from finnr_rtl.pareto import front
from finnr_rtl.platforms import Platform
from finnr_rtl.platforms import load as load_platform
from finnr_rtl.workers import each, workers

__all__ = ["default_exploration", "explore"]

GENERATOR = f"finnr_rtl {__version__}"
# A frame rate that any design reaches: the least that the network can take.
SLOWEST = 1e-6


def explore(
    model: Path,
    platforms: list[str],
    output: Path | None = None,
    *,
    clocks_mhz: list[float] | None = None,
    caps: Mapping[str, float] | None = None,
    optimiser: str = "exact",
    cost_model: str = "finnr_rtl",
    points: int = 14,
    jobs: int | None = None,
    scheduler: str | None = None,
    input_type: str | None = None,
    input_scale: float | None = None,
    batch: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict:
    """Designs of ``model`` on every one of ``platforms`` at every clock, for ``points`` frame rates from the slowest design to the fastest.

    Every design is kept in ``output`` as soon as it is known, and not computed again by a later call of the same version with the same
    model and board. Returns what ``explore.json`` holds; ``progress`` is told how many of how many designs are done.
    Raises ``UserError`` where the input is at fault, or the network fits none of the platforms.
    """
    boards: dict[str, Platform] = {}
    for name in platforms:
        if (board := load_platform(name)) not in boards.values():
            boards[name] = board
    output = output or default_exploration(model)
    check_output(output, EXPLORATION)
    if not model.is_file():
        raise UserError(f"{model}: there is no such file; give the path of an ONNX model")
    digest = sha256(model.read_bytes()).hexdigest()
    network = _network(str(model), digest, input_type, input_scale, batch)

    former = output.exists()
    places = [(name, clock) for name in boards for clock in clocks_mhz or [None]]
    common = str(model.absolute()), digest, input_type, input_scale, batch, dict(caps or {}), optimiser, cost_model
    with workers(jobs, scheduler) as executor:
        write_file(output / EXPLORATION, json.dumps({"generator": GENERATOR, "complete": False}) + "\n")
        store = _Store(output / "points", executor, common, boards, lambda done: progress(done, max(2, points) * len(places)))
        ends = store.compute([(*place, target) for place in places for target in (SLOWEST, None)])
        series = {place: ends[2 * index : 2 * index + 2] for index, place in enumerate(places)}
        between = [(*place, target) for place, pair in series.items() for target in _targets(pair, points)]
        for (*place, _), found in zip(between, store.compute(between), strict=True):
            series[tuple(place)].insert(-1, found)
    if all("error" in found for pair in series.values() for found in pair):
        if not former:
            shutil.rmtree(output)
        raise UserError(next(iter(series.values()))[-1]["error"])
    # A build of the same folding must allow what the design was allowed, counted in the same way.
    flags = {f"--max-{name}": share for name, share in (caps or {}).items()}
    flags |= {"--cost-model": cost_model} if cost_model != "finnr_rtl" else {}
    flags |= {flag: value for flag, value in (("--input-type", input_type), ("--input-scale", input_scale)) if value}
    flags |= {"--batch": batch} if batch > 1 else {}
    words = [word for flag, value in flags.items() for word in (flag, str(value))]
    result = {"generator": GENERATOR, "complete": True, "network": network.name, "batch": batch, "platforms": []}
    labels: set[str] = set()
    for name, board in boards.items():
        found = [point for place, pair in series.items() if place[0] == name for point in pair]
        result["platforms"].append(_platform(name, board, found, model, output, words, labels))
    _write(output, result)
    return result


def default_exploration(model: Path) -> Path:
    """The folder that an exploration goes to where none is given."""
    return Path(f"{model.stem}_explore")


def point(
    model: str,
    digest: str,
    input_type: str | None,
    input_scale: float | None,
    batch: int,
    caps: dict[str, float],
    optimiser: str,
    cost_model: str,
    platform: str,
    clock_mhz: float | None,
    target_fps: float | None,
) -> dict:
    """One design, as what JSON can hold: its facts and its folding; or the sentence that says why there is none.

    Takes only texts and numbers, so that any process on any machine may be asked that sees the same files.
    """
    from finnr_rtl.design import Goal, design
    from finnr_rtl.folding.folding import write_folding
    from finnr_rtl.report.facts import facts

    try:
        network = _network(model, digest, input_type, input_scale, batch)
        result = design(network, load_platform(platform), Goal(target_fps, clock_mhz, {}, caps, optimiser, cost_model))
    except UserError as error:
        return {"error": str(error)}
    return {"target_fps": target_fps, "folding": write_folding(result.folded), "facts": facts(result)}


@lru_cache(maxsize=2)
def _network(model: str, digest: str, input_type: str | None, input_scale: float | None, batch: int):
    """The network, computed ``batch`` frames at a time, read once by each process; ``digest`` tells a file that has changed."""
    from finnr_rtl.frontend import load_network
    from finnr_rtl.network.batch import batched

    return batched(load_network(Path(model), input_type, input_scale), batch)


class _Store:
    """Designs by what was asked, kept in a folder: those that are there are not computed again."""

    def __init__(self, folder: Path, executor, common: tuple, boards: dict[str, Platform], progress: Callable[[int], None]):
        self._folder, self._executor, self._common, self._progress = folder, executor, common, progress
        self._boards = boards
        self._done = 0

    def compute(self, wanted: list[tuple[str, float | None, float | None]]) -> list[dict]:
        """Designs for (platform, clock, target), in this order."""
        files = [self._folder / f"{self._key(*one)}.json" for one in wanted]
        found = [_read(path) for path in files]
        missing = [index for index, known in enumerate(found) if known is None]
        self._tell(len(wanted) - len(missing))
        for place, known in each(self._executor, point, [(*self._common, *wanted[index]) for index in missing]):
            found[missing[place]] = known
            write_file(files[missing[place]], json.dumps({"sha256": _digest(known), "design": known}) + "\n")
            self._tell(1)
        return found

    def _key(self, platform: str, clock: float | None, target: float | None) -> str:
        _, *given = self._common
        return sha256(json.dumps([__version__, *given, repr(self._boards[platform]), clock, target]).encode()).hexdigest()[:24]

    def _tell(self, more: int) -> None:
        self._done += more
        self._progress(self._done)


def _read(path: Path) -> dict | None:
    """The design kept in a file; None where there is none, or it is not what was written."""
    try:
        kept = json.loads(path.read_text())
        return kept["design"] if kept["sha256"] == _digest(kept["design"]) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _digest(known: dict) -> str:
    return sha256(json.dumps(known).encode()).hexdigest()


def _targets(ends: list[dict], points: int) -> list[float]:
    """Frame rates in a geometric series within the slowest and the fastest design, to three digits."""
    if any("error" in end for end in ends):
        return []
    slow, fast = (end["facts"]["performance"]["frames_per_second"] for end in ends)
    series = [float(f"{slow * (fast / slow) ** (step / (points - 1)):.3g}") for step in range(1, points - 1)]
    return [target for target in dict.fromkeys(series) if slow < target < fast]


def _platform(
    name: str, board: Platform, found: list[dict], model: Path, output: Path, words: list[str], labels: set[str]
) -> dict:
    """What is told of one platform: its designs by rising frame rate, which of them are on the front, and how to build these; ``labels``
    are the names of designs that are taken, and get those that are given here."""
    from finnr_rtl.report.facts import platform_facts

    # Neighbouring targets may be met by one design.
    designs = list({(one["folding"], one["facts"]["clock_mhz"]): one for one in reversed(found) if "error" not in one}.values())
    content = platform_facts(board) | {"errors": list(dict.fromkeys(one["error"] for one in found if "error" in one))}
    designs.sort(key=lambda one: (one["facts"]["performance"]["frames_per_second"], one["facts"]["clock_mhz"]))
    coordinates = [(one["facts"]["performance"]["frames_per_second"], one["facts"]["resources"]) for one in designs]
    fronts = {kind: front(coordinates, (kind,)) for kind in RESOURCES if getattr(board.device, kind)}
    several = len({one["facts"]["clock_mhz"] for one in designs}) > 1
    kept = []
    for index, (one, best) in enumerate(zip(designs, front(coordinates), strict=True)):
        facts = one["facts"]
        clock = facts["clock_mhz"]
        label = _unique(f"{board.name}_{facts['performance']['frames_per_second']:.0f}fps" + (f"_{clock:g}mhz" if several else ""), labels)
        entry = {
            "name": label,
            "front": best,
            "fronts": [kind for kind, flags in fronts.items() if flags[index]],
            "target_fps": one["target_fps"],
            "clock_mhz": clock,
            **facts["performance"],
            "resources": facts["resources"],
            "share": facts["share"],
            "folding": json.loads(one["folding"]),
        }
        if best:
            fold = output / "foldings" / f"{label}.json"
            speed = ["--clock-mhz", f"{clock:g}"] if clock != board.clock_mhz else []
            command = ["python", "-m", "finnr_rtl", "build", str(model), "--platform", name, *speed, "--fold", str(fold), *words]
            entry["build"] = shlex.join(command)
        kept.append(entry)
    roofs = {one["facts"]["clock_mhz"]: one["facts"]["roofline"] for one in designs}
    return content | {"points": kept, "rooflines": [{"clock_mhz": clock, **roofs[clock]} for clock in sorted(roofs)]}


def _unique(name: str, taken: set[str]) -> str:
    label, number = name, 2
    while label in taken:
        label, number = f"{name}_{number}", number + 1
    taken.add(label)
    return label


def _write(output: Path, result: dict) -> None:
    from finnr_rtl.report.explore_page import explore_page

    foldings = {f"{point['name']}.json": point["folding"] for board in result["platforms"] for point in board["points"] if point["front"]}
    for name, folding in foldings.items():
        write_file(output / "foldings" / name, json.dumps(folding, indent=2) + "\n")
    for path in (output / "foldings").glob("*.json"):
        if path.name not in foldings:
            path.unlink()
    write_file(output / REPORT_PAGE, explore_page(result))
    write_file(output / EXPLORATION, json.dumps(result, indent=1) + "\n")
