"""What is chosen per layer, and its JSON form that a person may edit."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import gcd
from pathlib import Path

from finnr_rtl.divisors import divisors
from finnr_rtl.errors import UserError
from finnr_rtl.folding.windows import by_channel, sliding, widest_word
from finnr_rtl.network.layers import Add, ArgMax, Conv, Layer, Lookup, Multiply
from finnr_rtl.network.network import Network
from finnr_rtl.requantiser import Requantiser

__all__ = ["Fold", "FoldedNetwork", "check_fold", "legal_choices", "legal_factors", "read_folding", "write_folding"]

STORAGES = ("auto", "lut", "block")
# Verilog-2005 promises vectors of so many bits, and Amaranth makes none of more.
MOST_BITS = 1 << 16
# Words that a fold may have beside its factors, and what they may say.
ARITHMETICS = ("auto", "lut", "dsp", "packed", "dense")
CHOICES = {"window": ("auto", "ring", "lines"), "weights": STORAGES, "thresholds": STORAGES, "arithmetic": ARITHMETICS}


@dataclass(frozen=True)
class Fold:
    """How one layer is computed.

    Factors: ``pe`` (P) outputs (channels, for layers without weights), ``simd`` (Q) inputs and ``mmv`` (M) windows per cycle. Choices:
    ``window``, whether the windows of a map come from a "ring" tap by tap, or from "lines" with all taps at once; ``weights`` and
    ``thresholds``, kept in "lut" or "block" (RAM); ``arithmetic``, products in "lut" or "dsp", of a matrix several to a DSP block with
    "packed", and still more with "dense". "auto" leaves the choice to the core. Fewer than 8 words, products of fewer than 11 bits (where
    they are not packed), and those with constants that are no weights are in LUTs whatever is chosen.

    Values of :func:`legal_factors` go together as long as no word gets wider than ``MOST_BITS``, and, where ``window`` is not "auto", it
    can bring them; :func:`check_fold` tells.
    """

    pe: int = 1
    simd: int = 1
    mmv: int = 1
    window: str = "auto"
    weights: str = "auto"
    thresholds: str = "auto"
    arithmetic: str = "auto"


@dataclass(frozen=True, eq=False)
class FoldedNetwork:
    """A network and the fold of each of its layers, by name."""

    network: Network
    folds: Mapping[str, Fold]


def legal_factors(layer: Layer) -> dict[str, list[int]]:
    """Legal values of ``pe``, ``simd`` and ``mmv`` of a layer, whichever way its windows come.

    Of a matrix layer ``pe`` divides the outputs and ``simd`` the fan-in, with groups those of one group; ``mmv`` divides the columns of
    its output. All other layers, and depthwise convolutions, have only ``pe``, which divides the channels of every stream they take and
    give.
    """
    if isinstance(layer, Conv) and not by_channel(layer):
        outputs = layer.outputs // layer.groups
        return {"pe": divisors(outputs), "simd": divisors(layer.fan_in), "mmv": divisors(layer.output_shape[1])}
    if getattr(layer, "order", "DCR") == "CRD":
        return {"pe": [1], "simd": [1], "mmv": [1]}
    channels = [*(shape[2] for shape in layer.input_shapes), getattr(layer, "start", 0)]
    if not isinstance(layer, ArgMax):
        channels.append(layer.output_shape[2])
    return {"pe": divisors(gcd(*channels)), "simd": [1], "mmv": [1]}


def legal_choices(layer: Layer) -> dict[str, list[str]]:
    """The choices beside the factors that make a difference to a layer, and between what: "auto" is always legal too, and listed where
    it is a choice of its own because it may mean one thing for one memory or product of the layer and another for the next."""
    # Here, since reading a folding must not wait for the cores to load.
    from finnr_rtl.cores.product import LEAST_DSP_BITS

    activation = getattr(layer, "requantiser", getattr(layer, "thresholds", None))
    multiplies = isinstance(activation, Requantiser) or isinstance(layer, Multiply | Add)
    choices = {}
    if sliding(layer):
        choices["window"] = ["ring", "lines"]
    if isinstance(layer, Conv | Lookup):
        choices["weights"] = ["lut", "block"]
    if isinstance(layer, Conv) and layer.weight_type.bits > 1:
        multiplies |= layer.input_type.bits + layer.weight_type.bits >= LEAST_DSP_BITS
    if activation is not None:
        choices["thresholds"] = ["auto", "lut", "block"]
    if multiplies:
        choices["arithmetic"] = ["auto", "lut", "dsp"]
    if isinstance(layer, Conv) and not by_channel(layer) and min(layer.input_type.bits, layer.weight_type.bits) > 1:
        # One product to a slice is no better than several, and what cannot be packed is as with "dsp".
        choices["arithmetic"] = [arithmetic for arithmetic in ARITHMETICS if arithmetic != "dsp"]
    return choices


def check_fold(layer: Layer, fold: Fold) -> None:
    """Raise ``ValueError`` where ``fold``, each value of which is legal, puts together what does not go together."""
    if fold.window != "auto":
        _check_window(layer, fold)
    if (bits := widest_word(layer, fold)) > MOST_BITS:
        raise ValueError(
            f"pe={fold.pe}, simd={fold.simd}, mmv={fold.mmv} are not legal together: "
            f"they move {bits:,} bits in a cycle, and Verilog promises no vectors of more than {MOST_BITS:,}"
        )


def _check_window(layer: Layer, fold: Fold) -> None:
    if not sliding(layer):
        raise ValueError(f"window={fold.window!r} is not legal for a layer that no window slides over; the legal value is 'auto'")
    if fold.window == "ring" and isinstance(layer, Conv) and layer.weights.shape[3] % fold.simd:
        legal = ", ".join(map(str, divisors(layer.weights.shape[3])))
        raise ValueError(f"simd={fold.simd} is not legal with window='ring', which gives a tap at a time; legal values are {legal}")
    if fold.window == "ring" and fold.mmv > 1:
        raise ValueError(f"mmv={fold.mmv} is not legal with window='ring', which gives one window at a time; the legal value is 1")


def write_folding(folded: FoldedNetwork) -> str:
    """The folding as JSON text, with the keys that mean something for each layer."""
    layers = {}
    for layer in folded.network.layers:
        entry = asdict(folded.folds[layer.name])
        without = {key for key, values in legal_factors(layer).items() if values == [1]} - {"pe"}
        without |= CHOICES.keys() - legal_choices(layer).keys()
        layers[layer.name] = {key: value for key, value in entry.items() if key not in without}
    return json.dumps({"layers": layers}, indent=2) + "\n"


def read_folding(path: Path, network: Network) -> dict[str, dict[str, int | str]]:
    """What a JSON file gives of the folds of all or some of the layers: for each, fields of :class:`Fold` with their values.

    Raises ``UserError`` naming file, layer, key and value, with the legal ones listed.
    """
    try:
        data = json.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); give the folding.json of a build, or one like it") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: not JSON ({error}); expected {{\"layers\": {{\"name\": {{\"pe\": 1, \"simd\": 1}}}}}}") from None
    layers = data.get("layers") if isinstance(data, dict) else None
    if not isinstance(layers, dict):
        raise UserError(f"{path}: key 'layers' is missing or not an object; expected layer names with their pe and simd")
    known = {layer.name: layer for layer in network.layers}
    folds = {}
    for name, entry in layers.items():
        if name not in known:
            raise UserError(f"{path}: unknown layer {name!r}; this network has {', '.join(known)}")
        _check_fold(path, known[name], entry)
        folds[name] = entry
    return folds


def _check_fold(path, layer, entry):
    where = f"{path}: layer {layer.name!r}"
    if not isinstance(entry, dict):
        raise UserError(f"{where}: an object with pe and simd is expected, not {entry!r}")
    legal = legal_factors(layer)
    for key, value in entry.items():
        if key in CHOICES:
            if value not in CHOICES[key]:
                raise UserError(f"{where}: {key}={value!r} is not one of {', '.join(CHOICES[key])}")
            if key != "window" and value != "auto" and key not in legal_choices(layer):
                raise UserError(f"{where}: {key}={value!r} would have no effect on it; the legal value is 'auto'")
        elif key not in legal:
            raise UserError(f"{where}: unknown key {key!r}; {', '.join([*legal, *CHOICES])} are known")
        elif type(value) is not int or value not in legal[key]:
            raise UserError(f"{where}: {key}={value!r} is not legal; legal values are {', '.join(map(str, legal[key]))}")
    try:
        check_fold(layer, Fold(**entry))
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None
