"""Boards as data: one TOML file each, read and checked here.

A new board is a new file in ``platforms/`` and nothing else; ``platforms/pynq_z1.toml`` shows the format.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import ceil
from pathlib import Path

from finnr_rtl.cost.resources import Resources
from finnr_rtl.data_folders import folder
from finnr_rtl.errors import UserError
from finnr_rtl.families import FAMILIES

__all__ = ["Memory", "Platform", "load", "names"]


@dataclass(frozen=True)
class Memory:
    """External memory: ``ports`` AXI ports of ``port_bits`` each, together at most ``bandwidth`` bytes per second."""

    ports: int
    port_bits: int
    bandwidth: float

    def cycles(self, taken: Sequence[int], given: Sequence[int], clock_mhz: float) -> int:
        """Fewest cycles at ``clock_mhz`` in which a frame can come and its results can go.

        ``taken`` and ``given`` are the bits a frame has on each input bus and each output bus. A bus has a DMA on a port of its own, as
        long as there are ports; a port carries ``port_bits`` a cycle each way, and what comes and goes shares the bandwidth.
        """
        one_bus = max((*taken, *given)) / self.port_bits
        all_buses = max(sum(taken), sum(given)) / (self.ports * self.port_bits)
        memory = (sum(taken) + sum(given)) * clock_mhz * 1e6 / (8 * self.bandwidth)
        return max(1, ceil(max(one_bus, all_buses, memory)))


@dataclass(frozen=True)
class Platform:
    """A board. ``name`` is that of its file; ``family`` is one of ``FAMILIES``.

    ``device`` is the whole chip, ``shell`` what the board's own logic (DMA, interconnect) takes; ``clock_mhz`` is the default.
    """

    name: str
    board: str
    part: str
    family: str
    clock_mhz: float
    device: Resources
    shell: Resources
    memory: Memory

    @property
    def lut(self) -> int:
        """LUTs of the whole device."""
        return self.device.lut

    @property
    def bram18(self) -> int:
        """Block RAMs of the whole device, as ``Resources`` counts them."""
        return self.device.bram18


def names() -> list[str]:
    """The known platforms, sorted."""
    return sorted(path.stem for path in folder("platforms").glob("*.toml"))


def load(name_or_path: str | Path) -> Platform:
    """The platform of that name, or the one in that TOML file (anything that ends in ``.toml``).

    Raises ``UserError`` for an unknown name, and for a file that is missing, not TOML, or has a key too many, too few or of the
    wrong kind.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = folder("platforms") / f"{name_or_path}.toml"
        if str(name_or_path) not in names():
            raise UserError(f"there is no platform {str(name_or_path)!r}: choose one of {', '.join(names())}, or a .toml file")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read platform file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"platform file {path} is not TOML: {error}") from error
    return _platform(path, table)


def _platform(path: Path, table: dict) -> Platform:
    values = _checked(path, "", table, Platform, {"name"})
    for key, kind in {"device": Resources, "shell": Resources, "memory": Memory}.items():
        values[key] = kind(**_checked(path, f"{key}.", values[key], kind))
    platform = Platform(name=path.stem, **values)
    if platform.family not in FAMILIES:
        raise UserError(f"platform file {path}: family = {platform.family!r} must be one of {', '.join(FAMILIES)}")
    for field in fields(Resources):
        whole, taken = getattr(platform.device, field.name), getattr(platform.shell, field.name)
        if taken > whole:
            raise UserError(f"platform file {path}: shell.{field.name} = {taken} is more than the device has ({whole})")
    return platform


def _checked(path: Path, prefix: str, table: dict, kind: type, given: frozenset | set = frozenset()) -> dict:
    """``table`` if it has exactly the fields of dataclass ``kind``, each of the right type and range."""
    expected = {field.name: field.type for field in fields(kind) if field.name not in given}
    for key in expected:
        if key not in table:
            raise UserError(f"platform file {path}: key {prefix + key!r} is missing; compare with platforms/pynq_z1.toml")
    for key, value in table.items():
        if key not in expected:
            raise UserError(f"platform file {path}: key {prefix + key!r} is unknown; legal here are {', '.join(expected)}")
        problem = _problem(expected[key], value, zero=kind is Resources)
        if problem:
            raise UserError(f"platform file {path}: {prefix + key} = {value!r} must be {problem}")
    return dict(table)


def _problem(kind: type, value, zero: bool) -> str | None:
    """What ``value`` should have been, or None where it is right."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        good = isinstance(value, int) and number and value >= (0 if zero else 1)
        return None if good else f"a whole number of at least {0 if zero else 1}"
    if kind is float:
        return None if number and 0 < value < float("inf") else "a positive number"
    if kind is str:
        return None if isinstance(value, str) and value else "a text"
    return None if isinstance(value, dict) else "a table"
