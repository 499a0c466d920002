"""Networks on disk: ``network.json`` says what there is, ``network.npz`` holds the arrays. Same network, same bytes."""

import io
import json
import zipfile
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np

from finnr_rtl.datatypes import DataType
from finnr_rtl.errors import UserError
from finnr_rtl.network import layers
from finnr_rtl.network.network import InputPort, Network, OutputPort
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["dump", "load", "save"]

FORMAT = "finnr_rtl network 2"

_KINDS = (Network, InputPort, OutputPort, Thresholds, Requantiser, layers.Window, *layers.KINDS)
_CLASSES = {kind.__name__: kind for kind in _KINDS}
_DATE = (1980, 1, 1, 0, 0, 0)


def _encode(value, path: str, arrays: dict):
    """``value`` as JSON; arrays go to ``arrays`` under their path."""
    if isinstance(value, DataType):
        return {"type": value.name}
    if is_dataclass(value):
        own = {field.name: getattr(value, field.name) for field in fields(value)}
        return {"class": type(value).__name__} | {name: _encode(part, f"{path}.{name}", arrays) for name, part in own.items()}
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {"array": path, "dtype": str(value.dtype)}
    if isinstance(value, tuple | list):
        return [_encode(part, f"{path}.{getattr(part, 'name', index)}", arrays) for index, part in enumerate(value)]
    if isinstance(value, dict):
        return {"dict": {name: _encode(part, f"{path}.{name}", arrays) for name, part in value.items()}}
    return value


def _decode(value, arrays):
    if isinstance(value, list):
        return tuple(_decode(part, arrays) for part in value)
    if not isinstance(value, dict):
        return value
    if "type" in value:
        return DataType(value["type"])
    if "array" in value:
        return arrays[value["array"]].astype(value["dtype"])
    if "dict" in value:
        return {name: _decode(part, arrays) for name, part in value["dict"].items()}
    own = {name: _decode(part, arrays) for name, part in value.items() if name != "class"}
    return _CLASSES[value["class"]](**own)


def _narrow(array: np.ndarray) -> np.ndarray:
    """Integers in the narrowest type that holds them."""
    if array.dtype.kind != "i" or array.size == 0:
        return array
    return array.astype(np.promote_types(np.min_scalar_type(array.min()), np.min_scalar_type(array.max())))


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    """A compressed npz without the time of day in it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, _narrow(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())
    return packed.getvalue()


def dump(network: Network) -> dict[str, bytes]:
    """The files of ``network`` by name, as bytes."""
    arrays: dict[str, np.ndarray] = {}
    content = {"format": FORMAT, "network": _encode(network, "network", arrays)}
    return {"network.json": (json.dumps(content, indent=1) + "\n").encode(), "network.npz": _npz(arrays)}


def save(network: Network, folder: str | Path) -> None:
    """Write ``network.json`` and ``network.npz`` into ``folder``, which is made if it does not exist."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in dump(network).items():
        (folder / name).write_bytes(content)


def load(folder: str | Path) -> Network:
    """Read what :func:`save` wrote. Raises ``UserError`` where files are missing, damaged or not ours."""
    folder = Path(folder)
    try:
        content = json.loads((folder / "network.json").read_text())
        if content.get("format") != FORMAT:
            raise UserError(f"{folder / 'network.json'}: not a network of this version of finnr_rtl; build it again")
        with np.load(folder / "network.npz", allow_pickle=False) as arrays:
            return _decode(content["network"], arrays)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise UserError(f"{folder}: the network in it cannot be read ({error}); build it again") from None
