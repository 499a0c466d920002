"""Random configurations of the matrix unit, by what they have that is particular."""

from dataclasses import replace

from draws import TYPES, activation, choices, either, pick, requantiser, up_to
from networks import values

from finnr_rtl.cores.mvtu import SHALLOW_REPLAY, MvtuConfig
from finnr_rtl.cores.packed import PACKED
from finnr_rtl.cores.ram import STORAGES
from finnr_rtl.datatypes import BIPOLAR, DataType, int_, uint


def mvtu(rng):
    pe, simd = pick(rng, (1, 2, 3, 4)), pick(rng, (1, 2, 3, 5, 8))
    mh, mw = pe * pick(rng, (1, 1, 2, 3)), simd * pick(rng, (1, 1, 2, 3, 7))
    input_type, weight_type = pick(rng, TYPES), pick(rng, TYPES)
    weights = values(rng, weight_type, (mh, mw))
    storage = pick(rng, STORAGES)
    config = MvtuConfig(input_type, weight_type, weights, pe, simd, vectors=up_to(rng, 12), storage=storage, **choices(rng))
    if rng.random() < 0.3:
        return config
    return replace(config, thresholds=activation(rng, mh, *config.accumulator_range), slots=pick(rng, (0, 0, 1, 2, 9)))


def bitwise_mvtu(rng):
    """Whose products are in LUTs, few and many at a time, with weights in memories and not."""
    pe, simd = pick(rng, (1, 2, 3, 5)), pick(rng, (1, 2, 3, 4, 8, 13, 30, 61))
    mh, mw = pe * pick(rng, (1, 2, 3, 8)), simd * pick(rng, (1, 1, 2, 3, 7))
    input_type, weight_type = pick(rng, (BIPOLAR, BIPOLAR, *TYPES)), pick(rng, (BIPOLAR, BIPOLAR, *TYPES))
    weights, storage = values(rng, weight_type, (mh, mw)), pick(rng, STORAGES)
    given = choices(rng) | {"arithmetic": "lut"}
    config = MvtuConfig(input_type, weight_type, weights, pe, simd, vectors=up_to(rng, 6), storage=storage, **given)
    if rng.random() < 0.3:
        return config
    return replace(config, thresholds=activation(rng, mh, *config.accumulator_range), slots=pick(rng, (0, 0, 1, 2, 9)))


def constant_mvtu(rng):
    """Whose weights never change, as all products are made at once."""
    pe, simd = up_to(rng, 9), pick(rng, (1, 2, 3, 5, 9, 17))
    input_type, weight_type = pick(rng, TYPES), pick(rng, [dtype for dtype in TYPES if dtype != BIPOLAR])
    weights = values(rng, weight_type, (pe, simd))
    if rng.random() < 0.3:
        weights[rng.random(weights.shape) < 0.7] = 0
    config = MvtuConfig(input_type, weight_type, weights, pe, simd, up_to(rng, 6), **choices(rng))
    return replace(config, thresholds=either(rng, pe, *config.accumulator_range), slots=pick(rng, (0, 0, 1, 2, 9)))


def dsp_mvtu(rng):
    """With a DSP slice for each product, few and many at a time."""
    pe, simd = up_to(rng, 3), pick(rng, (1, 2, 3, 8, 23, 50))
    input_type, weight_type = pick(rng, (uint(8), int_(8), int_(12))), pick(rng, (int_(8), uint(8), int_(5)))
    weights = values(rng, weight_type, (pe * up_to(rng, 2), simd * up_to(rng, 3)))
    config = MvtuConfig(input_type, weight_type, weights, pe, simd, up_to(rng, 4), storage=pick(rng, STORAGES), arithmetic="dsp")
    return replace(config, thresholds=either(rng, len(weights), *config.accumulator_range))


def packed_mvtu(rng):
    """With products that share DSP slices, most negative weights included."""
    bits, pe, simd = up_to(rng, 8, 2), up_to(rng, 9, 2), pick(rng, (1, 2, 3, 5))
    shape = pe * up_to(rng, 2), simd * up_to(rng, 3, 2)
    weights = rng.choice([-(1 << bits - 1), -1, 0, (1 << bits - 1) - 1, int(rng.integers(1 << bits - 1))], shape)
    input_type, arithmetic = pick(rng, (uint, int_))(up_to(rng, 8, 2)), pick(rng, PACKED)
    config = MvtuConfig(input_type, int_(bits), weights, pe, simd, up_to(rng, 4), storage=pick(rng, STORAGES), arithmetic=arithmetic)
    return replace(config, thresholds=either(rng, shape[0], *config.accumulator_range))


def grouped_mvtu(rng):
    groups, pe, simd = up_to(rng, 4, 2), up_to(rng, 3), pick(rng, (1, 2, 3))
    mh, mw = groups * pe * up_to(rng, 3), simd * pick(rng, (1, 2, 5))
    input_type, weight_type = pick(rng, TYPES), pick(rng, TYPES)
    config = MvtuConfig(input_type, weight_type, values(rng, weight_type, (mh, mw)), pe, simd, vectors=up_to(rng, 5), groups=groups)
    return replace(config, thresholds=either(rng, mh, *config.accumulator_range))


def requantising_mvtu(rng):
    config = pick(rng, (mvtu, bitwise_mvtu, grouped_mvtu))(rng)
    table = requantiser(rng, config.mh, *config.accumulator_range)
    return replace(config, thresholds=table, slots=pick(rng, (0, 0, 1, 2, 9)), **choices(rng))


def several_vectors(rng):
    """A matrix unit that takes several vectors at once."""
    config = pick(rng, (mvtu, bitwise_mvtu, constant_mvtu, grouped_mvtu, requantising_mvtu, dsp_mvtu, packed_mvtu))(rng)
    mmv = up_to(rng, 4, 2)
    return replace(config, mmv=mmv, vectors=mmv * up_to(rng, 4))


def deep_mvtu(rng):
    """With a replay buffer that is read a cycle ahead."""
    groups = up_to(rng, 2)
    weights = values(rng, BIPOLAR, (2 * groups, 2 * SHALLOW_REPLAY + 2))
    return MvtuConfig(pick(rng, TYPES), BIPOLAR, weights, pe=1, simd=2, groups=groups)


def deep_wide_mvtu(rng):
    """With a replay buffer in block RAM that is read in the cycle of use."""
    weights = values(rng, BIPOLAR, (2, 4 * up_to(rng, 256, 200)))
    return MvtuConfig(DataType("UINT8"), BIPOLAR, weights, pe=1, simd=4, vectors=2)


MATRIX_UNITS = [
    mvtu, bitwise_mvtu, constant_mvtu, dsp_mvtu, packed_mvtu, grouped_mvtu, requantising_mvtu, several_vectors, deep_mvtu, deep_wide_mvtu,
]
