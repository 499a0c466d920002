"""Channels that never change, or that nothing reads, left out: the same results from a smaller network.

Training with weight decay leaves neurons whose result is the same whatever the input is, which intervals over the actual weights tell
exactly: in MobileNets of tiny tasks most of those of the late layers. What the next matrix makes of such a constant goes into its
thresholds.
"""

from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np

from finnr_rtl.constant_arrays import constant
from finnr_rtl.datatypes import DataType
from finnr_rtl.network.layers import Conv, Layer, MaxPool, Requantise, SumPool, Threshold
from finnr_rtl.network.network import Network
from finnr_rtl.requantiser import Requantiser
from finnr_rtl.thresholds import Thresholds

__all__ = ["pruned"]

# Channels are left out where at least an eighth of a map's can be: fewer are worth no odd number of channels.
WORTH_IT = 8
# Numbers of channels that are kept have no greater prime factor, so that there are lanes to choose from.
LARGEST_PRIME = 5


class Range(NamedTuple):
    """Least and greatest value of each channel, int64 (channels,)."""

    low: np.ndarray
    high: np.ndarray


def pruned(network: Network) -> Network:
    """``network`` without channels between its layers that are constant, or that only weights of zero read; its inputs and outputs are the
    same, for every input.

    Maps that other layers than matrices, pools and activations read keep all channels. ``dropped`` of the result tells how many are gone.
    """
    while (smaller := _smaller(network)) is not network:
        network = smaller
    return network


def _smaller(network: Network) -> Network:
    """One round: channels of every map, by what its readers need with the weights as they are."""
    ranges, roots = _ranges(network), _roots(network)
    channels = {name: network.shape_of(name)[2] for name in ranges}
    kept = {root: _kept(mask) for root, mask in _needed(network, ranges, roots, channels).items()}
    if all(len(places) == channels[root] for root, places in kept.items()):
        return network
    layers, dropped = [], dict(network.dropped)
    types = {port.name: port.dtype for port in network.inputs}
    for layer in network.layers:
        source = layer.inputs[0]
        before, after = kept[roots[source]], kept[roots[layer.name]]
        if roots[layer.name] == roots[source]:
            layer = _channels(layer, after)
        elif _is_matrix(layer) and len(before) < channels[source]:
            layer = _columns(layer, ranges[source], before)
        if _is_matrix(layer):
            layer = _rows(layer, after)
        if gone := channels[layer.name] - len(after):
            dropped[layer.name] = dropped.get(layer.name, 0) + gone
        layer = _retyped(layer, [types[name] for name in layer.inputs])
        types[layer.name] = layer.output_type
        layers.append(layer)
    return replace(network, layers=tuple(layers), dropped=dropped)


def _is_matrix(layer: Layer) -> bool:
    """Whether every result of a layer is of all channels."""
    return isinstance(layer, Conv) and layer.groups == 1


def _roots(network: Network) -> dict[str, str]:
    """For each input and layer, that from whose channels its own follow one by one."""
    roots = {port.name: port.name for port in network.inputs}
    for layer in network.layers:
        follows = isinstance(layer, (MaxPool, SumPool, Threshold, Requantise)) or (isinstance(layer, Conv) and layer.depthwise)
        source = layer.inputs[0]
        follows &= layer.output_shape[2] == layer.input_shape[2] and network.shape_of(source) == layer.input_shape
        roots[layer.name] = roots[source] if follows else layer.name
    return roots


def _needed(network: Network, ranges: dict[str, Range], roots: dict[str, str], channels: dict[str, int]) -> dict[str, np.ndarray]:
    """For each root, which of its channels some reader needs, bool (channels,)."""
    makers = {layer.name: layer for layer in network.layers}
    needed = {root: np.full(channels[root], not (root in makers and _is_matrix(makers[root]))) for root in roots.values()}
    for port in network.outputs:
        needed[roots[port.layer]][:] = True
    for layer in network.layers:
        for name in layer.inputs:
            if _is_matrix(layer) and network.shape_of(name) == layer.input_shape:
                needed[roots[name]] |= ~_foldable(layer, ranges[name])
            elif roots[layer.name] != roots[name]:
                needed[roots[name]][:] = True
    return needed


def _foldable(layer: Conv, given: Range) -> np.ndarray:
    """Which channels a matrix does without, bool (channels,): those of weights 0, and constants whose product goes into thresholds."""
    never = given.low == given.high
    if any(layer.window.pads):
        never &= given.low == layer.pad_value
    if layer.thresholds is None:
        never &= given.low == 0
    return never | ~layer.weights.any(axis=(0, 1, 2))


def _kept(needed: np.ndarray) -> np.ndarray:
    """Which channels stay: those needed, and as many of the others as make a number that has lanes to choose from."""
    count = max(1, int(needed.sum()))
    while not _smooth(count):
        count += 1
    if count > len(needed) - len(needed) / WORTH_IT:
        return np.arange(len(needed))
    return np.sort(np.argsort(~needed, kind="stable")[:count])


def _smooth(number: int) -> bool:
    """Whether ``number`` has no prime factor above ``LARGEST_PRIME``."""
    for factor in range(2, LARGEST_PRIME + 1):
        while number % factor == 0:
            number //= factor
    return number == 1


def _columns(layer: Conv, given: Range, kept: np.ndarray) -> Conv:
    """A matrix that reads the channels ``kept`` alone, what it made of the others in its thresholds."""
    gone = np.setdiff1d(np.arange(layer.input_shape[2]), kept)
    weights = layer.weights.sum(axis=(1, 2))[:, gone]
    # Of channels whose weights are all 0, it makes no difference what they hold.
    offsets = (weights * given.low[gone]).sum(axis=1)
    thresholds = layer.thresholds and layer.thresholds.after(offsets)
    shape = (*layer.input_shape[:2], len(kept))
    return replace(layer, weights=constant(layer.weights[..., kept]), input_shape=shape, thresholds=thresholds)


def _rows(layer: Conv, kept: np.ndarray) -> Conv:
    """A matrix that gives the channels ``kept`` alone."""
    return replace(layer, weights=constant(layer.weights[kept]), thresholds=layer.thresholds and layer.thresholds.spread(kept))


def _channels(layer: Layer, kept: np.ndarray) -> Layer:
    """A layer that works channel by channel, for the channels ``kept``."""
    parts = {"input_shape": (*layer.input_shape[:2], len(kept))}
    if isinstance(layer, Conv):
        parts |= {"weights": constant(layer.weights[kept]), "groups": len(kept)}
    for name in ("thresholds", "requantiser"):
        if activation := getattr(layer, name, None):
            parts[name] = activation.spread(kept)
    return replace(layer, **parts)


def _retyped(layer: Layer, types: list[DataType]) -> Layer:
    """``layer`` for inputs of ``types``: sums of fewer terms may be narrower."""
    if list(layer.input_types) == types:
        return layer
    return replace(layer, input_type=types[0], **({"other_types": tuple(types[1:])} if len(types) > 1 else {}))


def _ranges(network: Network) -> dict[str, Range]:
    """What the channels of every input and layer can hold."""
    ranges = {port.name: _whole(port.dtype, port.shape[2]) for port in network.inputs}
    for layer in network.layers:
        given = ranges[layer.inputs[0]]
        if network.shape_of(layer.inputs[0]) != layer.input_shape:
            given = _whole(layer.input_type, layer.input_shape[2])
        ranges[layer.name] = _range(layer, given)
    return ranges


def _range(layer: Layer, given: Range) -> Range:
    """What the channels of a layer can hold, whose first input holds ``given``."""
    match layer:
        case Conv():
            return _after(layer.thresholds, _accumulators(layer, _padded(layer, given)))
        case SumPool():
            taps, padded = prod(layer.window.kernel), _padded(layer, given)
            return _after(layer.thresholds, Range(taps * padded.low, taps * padded.high))
        case MaxPool():
            return given
        case Threshold():
            return _after(layer.thresholds, given)
        case Requantise():
            return _after(layer.requantiser, given)
        case _:
            return _whole(layer.output_type, layer.output_shape[2])


def _whole(dtype: DataType, channels: int) -> Range:
    return Range(np.full(channels, dtype.min), np.full(channels, dtype.max))


def _padded(layer: Conv | SumPool, given: Range) -> Range:
    """The same with the padding of the layer's windows."""
    if not any(layer.window.pads):
        return given
    return Range(np.minimum(given.low, layer.pad_value), np.maximum(given.high, layer.pad_value))


def _accumulators(layer: Conv, given: Range) -> Range:
    """Sums of each output."""
    share = layer.weights.shape[3]
    inputs = np.arange(layer.outputs)[:, None] // (layer.outputs // layer.groups) * share + np.arange(share)
    up, down = (part.sum(axis=(1, 2)) for part in (np.maximum(layer.weights, 0), np.minimum(layer.weights, 0)))
    low, high = given.low[inputs], given.high[inputs]
    return Range((up * low + down * high).sum(axis=1), (up * high + down * low).sum(axis=1))


def _after(activation: Thresholds | Requantiser | None, given: Range) -> Range:
    """What an activation makes of it: it rises or falls, but for a requantiser's exceptions."""
    if activation is None:
        return given
    more = less = 0
    if isinstance(activation, Requantiser):
        near = (given.low[:, None] <= activation.exceptions) & (activation.exceptions <= given.high[:, None])
        more, less = ((near * part).sum(axis=1) for part in (np.maximum(activation.corrections, 0), np.minimum(activation.corrections, 0)))
        activation = replace(activation, exceptions=None, corrections=None)
    ends = activation(given.low), activation(given.high)
    return Range(np.minimum(*ends) + less, np.maximum(*ends) + more)
