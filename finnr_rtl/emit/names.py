"""Names in the emitted Verilog that a person, and every tool, can follow."""

import re
from collections import Counter

from finnr_rtl.emit.keywords import KEYWORDS

__all__ = ["plain_names"]

# An instance as Yosys writes it: module name, instance name, connections.
_INSTANCE = re.compile(r"^  (?P<module>\S+) +(?P<name>\S+) +\(\n(?P<ports>(?:    \..*\n)*)  \);\n", re.M)
_PORT = re.compile(r"^    \.(?P<port>\S+?) ?\((?P<net>\\?[^\s()]+) ?\),?$", re.M)
_HEADER = re.compile(r"^module (?P<name>\S+) ?\((?P<ports>[^)]*)\)")
# Members of interfaces, ``i__payload`` or ``\\i__payload$21 `` where there are several, except as the name of an instance's port.
_NAME = r"(?:\\[^\s$]+\$\d+ |[A-Za-z]\w*\b)"
_MEMBER = re.compile(rf"(?<![.\\\w$]){_NAME}")
_ALIAS = re.compile(rf"  assign ({_NAME}) ?= .*;\n")
_WIRE = re.compile(rf"  wire (?:\[.*\] )?({_NAME}) ?;\n")
# The register with which Yosys makes combinational processes run once at the start.
_START = re.compile(r"\\\$auto\$verilog_backend\.cc:\d+:dump_module\$(\d+) ")


def plain_names(modules: dict[str, str], leaves: dict[str, str], roots: list[str]) -> dict[str, str]:
    """The text of each hierarchy in ``roots`` with all that is below it, every module renamed after its path of instance names.

    ``modules`` maps names as Yosys writes them, escaped (``\\root.child``) or not, to text; ``leaves`` are modules without
    instances, of plain names, that occur once each. A module becomes ``root_child``, with a number behind it where that name is
    taken. A net at an instance's port that Amaranth named like the port is renamed ``instance_port``.
    """
    names = {root: root for root in roots}
    hierarchies = {}
    for root in roots:
        written = next(name for name in modules if name.lstrip("\\") == root)
        below = list(_walk(modules, leaves, written, root))
        for module, path in below:
            names[module] = _free(path, names) if path != root else root
        hierarchies[root] = "\n".join(
            leaves[module].replace(f"module {module} ", f"module {names[module]} ", 1) if module in leaves
            else _rename(modules[module], names[module], names)
            for module, _ in below
        )
    return hierarchies


def _walk(modules, leaves, written: str, path: str):
    """Module names as written with their paths, from ``written`` down, leaving out the hierarchies that are named apart."""
    yield written, path
    if written in leaves:
        return
    for instance in _INSTANCE.finditer(modules[written]):
        if instance["module"] in leaves or instance["module"].startswith("\\"):
            yield from _walk(modules, leaves, instance["module"], f"{path}_{_plain(instance['name'])}")


def _free(name: str, names: dict[str, str]) -> str:
    taken, number, plain = set(names.values()), 2, name
    while name in taken:
        name = f"{plain}_{number}"
        number += 1
    return name


def _plain(name: str) -> str:
    """An identifier that needs no escape; the number that Amaranth put behind it to make it unique stays."""
    plain = re.sub(r"\W+", "_", name.lstrip("\\"), flags=re.ASCII)
    return f"{plain}_" if plain in KEYWORDS else plain


def _rename(text: str, name: str, names: dict[str, str]) -> str:
    """The module's text under its new name, with the new names of the modules and nets in it."""
    text = _START.sub(r"at_start\1 ", _without_aliases(text))
    nets = _nets(text)
    if nets:
        text = _MEMBER.sub(lambda match: nets.get(match[0].rstrip(), match[0]), text)
    text = _INSTANCE.sub(
        lambda match: f"  {names.get(match['module'], match['module'])} {_plain(match['name'])} (\n{match['ports']}  );\n", text
    )
    return _HEADER.sub(lambda match: f"module {name} ({match['ports']})", text)


def _without_aliases(text: str) -> str:
    """The text without second names that a port of an instance has, where nothing but their assignment uses them."""
    uses = Counter(_MEMBER.findall(text))
    lines = text.splitlines(keepends=True)
    assigned = {match[1] for line in lines if (match := _ALIAS.match(line))}
    # Other names, such as those of the links, stand for themselves.
    aliases = {name for name in assigned if uses[name] == 2 and ("$" in name or "__" in name)}
    return "".join(line for line in lines if not _named(_ALIAS, line, aliases) and not _named(_WIRE, line, aliases))


def _named(pattern: re.Pattern, line: str, names: set[str]) -> bool:
    match = pattern.match(line)
    return match is not None and match[1] in names


def _nets(text: str) -> dict[str, str]:
    """New names of nets such as ``i__payload`` and ``\\i__payload$21 ``: nothing in these says whose port it is."""
    own = {port.strip() for port in _HEADER.match(text)["ports"].split(",")}
    taken = set(re.findall(r"[A-Za-z_]\w*", text))
    users: dict[str, list[str]] = {}
    for instance in _INSTANCE.finditer(text):
        for port in _PORT.finditer(instance["ports"]):
            if port["net"] == port["port"] or port["net"].startswith(f"\\{port['port']}$"):
                users.setdefault(port["net"], []).append(f"{_plain(instance['name'])}_{_plain(port['port'])}")
    # What several instances call the same, such as rst, is no one's own.
    return {net: new[0] for net, new in users.items() if len(new) == 1 and net not in own and new[0] not in taken}
