"""Matrix units, drawn at random."""

from dataclasses import replace

from sweep_draws import PAIRS, draw_activation, draw_arithmetic, draw_requantiser, draw_thresholds, draw_values, pick, power

from finnr_rtl.cores.mvtu import MvtuConfig
from finnr_rtl.cores.packed import PACKED
from finnr_rtl.datatypes import DataType

__all__ = ["UNITS"]

# Most products (times weight bits times input bits) of an engine here: larger ones take Yosys minutes each.
MOST_WORK = 1500
WITH_ZEROS = (("TERNARY", "BIPOLAR"), ("INT2", "BIPOLAR"), *(pair for pair in PAIRS if pair[0] != "BIPOLAR"))


def _mvtu(rng, pairs=PAIRS, activation=draw_activation, storage=("auto", "auto", "lut", "block"), most=MOST_WORK, zeros=0.0):
    weight_type, input_type = (DataType(name) for name in pick(rng, pairs))
    work = weight_type.bits * input_type.bits
    while True:
        pe, simd = power(rng, 64), power(rng, 96)
        if pe * simd * work <= most:
            break
    mh, mw = pe * power(rng, max(1, min(16, 512 // pe))), simd * power(rng, max(1, min(36, 1024 // simd)))
    weights = draw_values(rng, weight_type, (mh, mw))
    if zeros:
        weights[rng.random(weights.shape) < zeros] = 0
    config = MvtuConfig(input_type, weight_type, weights, pe, simd, vectors=power(rng, 64), storage=pick(rng, storage),
                        arithmetic=draw_arithmetic(rng))
    table = activation(rng, mh, *config.accumulator_range)
    return replace(config, thresholds=table)


def mvtu(rng):
    return _mvtu(rng)


def lanes(rng):
    """Arithmetic and little else: few lanes, weights in block RAM, no activation."""
    weight_type, input_type = (DataType(name) for name in pick(rng, PAIRS))
    work = weight_type.bits * input_type.bits
    pe, simd = power(rng, 3), power(rng, max(1, min(64, 300 // work)))
    weights = draw_values(rng, weight_type, (4 * pe, 4 * simd))
    return MvtuConfig(input_type, weight_type, weights, pe, simd, 4, storage="block", arithmetic=pick(rng, ("lut", "lut", "dsp")))


def xnor_mvtu(rng):
    return _mvtu(rng, PAIRS[:1], lambda *given: pick(rng, (draw_thresholds, draw_thresholds, lambda *_: None))(*given))


def narrow_mvtu(rng):
    """Of few bits, as most engines of FINN's networks."""
    return _mvtu(rng, PAIRS[2:9], lambda *given: pick(rng, (draw_thresholds, draw_thresholds, lambda *_: None))(*given))


def sparse_mvtu(rng):
    """Of weights most of which are 0."""
    return _mvtu(rng, WITH_ZEROS, zeros=pick(rng, (0.5, 0.8, 0.9, 0.95)))


def bipolar_input_mvtu(rng):
    return _mvtu(rng, (("INT2", "BIPOLAR"), ("INT4", "BIPOLAR"), ("INT8", "BIPOLAR")), most=300)


def deep_mvtu(rng):
    """Folded far: large memories, little arithmetic."""
    weight_type, input_type = (DataType(name) for name in pick(rng, PAIRS))
    pe, simd = power(rng, 4), power(rng, 8)
    mh, mw = pe * power(rng, 64), simd * power(rng, 300)
    weights = draw_values(rng, weight_type, (mh, mw))
    table = draw_activation(rng, mh, -300, 300)
    return MvtuConfig(input_type, weight_type, weights, pe, simd, 4, table, arithmetic=draw_arithmetic(rng))


def wide_mvtu(rng):
    """Of 4 to 8 bits, a few products at a time."""
    return _mvtu(rng, PAIRS[9:], lambda *given: pick(rng, (draw_thresholds, draw_requantiser, lambda *_: None))(*given), most=300)


def unrolled(rng):
    """All products at once, so that weights are constants."""
    weight_type, input_type = (DataType(name) for name in pick(rng, PAIRS[1:]))
    work = weight_type.bits * input_type.bits
    while True:
        mh, mw = power(rng, 32), pick(rng, (2, 4, 8, 9, 16, 18, 27, 36, 64))
        if mh * mw * work <= 2 * MOST_WORK:
            break
    config = MvtuConfig(input_type, weight_type, draw_values(rng, weight_type, (mh, mw)), mh, mw, 4)
    return replace(config, thresholds=draw_activation(rng, mh, *config.accumulator_range))


def packed_mvtu(rng):
    """Several products in a DSP slice."""
    while True:
        config = replace(_mvtu(rng, WITH_ZEROS), arithmetic=pick(rng, PACKED))
        if config.packings:
            return config


def several(rng):
    """Of several vectors at a time."""
    config = _mvtu(rng, most=400)
    return replace(config, vectors=12, mmv=pick(rng, (2, 3, 4)))


UNITS = (lanes, mvtu, unrolled, several, xnor_mvtu, narrow_mvtu, sparse_mvtu, wide_mvtu, packed_mvtu, bipolar_input_mvtu, deep_mvtu)
