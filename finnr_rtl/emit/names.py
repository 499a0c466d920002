"""Names in the emitted Verilog that a person, and every tool, can follow."""

import re

__all__ = ["plain_names"]

Path = tuple[str, ...]

# An instance as Yosys writes it: module name, instance name, connections.
_INSTANCE = re.compile(r"^  (?P<module>\S+) +(?P<name>\S+) +\(\n(?P<ports>(?:    \..*\n)*)  \);\n", re.M)
_PORT = re.compile(r"^    \.(?P<port>\S+?) ?\((?P<net>\S+) ?\),?$", re.M)


def plain_names(modules: dict[str, str], top: str) -> dict[Path, str]:
    """Modules by their path of instance names from ``top`` down, in the order of the hierarchy, renamed after that path.

    ``modules`` maps names as Yosys writes them, escaped (``\\top.stage``) or not, to text. A module becomes ``top_stage``, with a number
    behind it where that name is taken. Nets that only carry an instance's port are renamed ``instance_port``.
    """
    paths = dict(_walk(modules, _find(modules, top), (top,)))
    names: dict[str, str] = {}
    for path, written in paths.items():
        name = plain = "_".join(_plain(part) for part in path)
        number = 2
        while name in names.values():
            name = f"{plain}_{number}"
            number += 1
        names[written] = name
    return {path: _rename(modules[written], names[written], names) for path, written in paths.items()}


def _plain(name: str) -> str:
    """An identifier without escape; what Amaranth appended to make it unique stays, after an underscore."""
    return re.sub(r"\W+", "_", name.lstrip("\\"), flags=re.ASCII)


def _find(modules: dict[str, str], name: str) -> str:
    return next(written for written in modules if written.lstrip("\\") == name)


def _walk(modules: dict[str, str], written: str, path: Path):
    yield path, written
    for instance in _INSTANCE.finditer(modules[written]):
        yield from _walk(modules, instance["module"], (*path, instance["name"].lstrip("\\")))


def _rename(text: str, name: str, names: dict[str, str]) -> str:
    """The module's text under its new name, with the new names of the modules and nets in it."""
    nets = _nets(text)
    if nets:
        escaped = re.compile(r"\\\S+ ")
        text = escaped.sub(lambda match: nets.get(match[0], match[0]), text)
    text = _INSTANCE.sub(lambda match: f"  {names[match['module']]} {_plain(match['name'])} (\n{match['ports']}  );\n", text)
    return re.sub(r"^module \S+ ?", f"module {name} ", text, count=1)


def _nets(text: str) -> dict[str, str]:
    """New names of escaped nets such as ``\\i__payload$21 ``, which Amaranth numbers because several instances have such a port."""
    taken = set(re.findall(r"[A-Za-z_]\w*", text))
    found = {}
    for instance in _INSTANCE.finditer(text):
        for port in _PORT.finditer(instance["ports"]):
            net, new = port["net"] + " ", f"{_plain(instance['name'])}_{_plain(port['port'])}"
            if net.startswith(f"\\{port['port']}$") and net not in found and new not in taken:
                found[net] = new
                taken.add(new)
    return found
