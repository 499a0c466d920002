"""Hardware of the matrix-vector-threshold unit."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory

from finnr_rtl.cores.activation import activate
from finnr_rtl.cores.bit_planes import in_sums
from finnr_rtl.cores.bit_products import BitProducts
from finnr_rtl.cores.constant_products import ConstantProducts
from finnr_rtl.cores.contract import Core
from finnr_rtl.cores.counter import counter
from finnr_rtl.cores.dot import DotProducts
from finnr_rtl.cores.fifo import CreditFifo
from finnr_rtl.cores.one_address import one_address_memory
from finnr_rtl.cores.packed import PackedProducts
from finnr_rtl.cores.parameters import parameters
from finnr_rtl.cores.ram import ram_style
from finnr_rtl.cores.rom import Rom

__all__ = ["MatrixUnit"]


class MatrixUnit(Core):
    """Hardware of an ``MvtuConfig`` (cores/mvtu.py): one fold step a cycle, no bubble between folds, vectors or frames.

    The pipeline runs freely behind its first stage; a credit for a place in the output FIFO is taken before a result is launched.

    Members: ``i`` In(stream), ``o`` Out(stream).
    """

    def elaborate(self, platform):
        c = self._config
        m = Module()

        # Stage 0: one step of the fold loops, when there is an operand and, for a last step, a place for the result.
        m.submodules.out = out = CreditFifo(c.output.width, c.places)
        wiring.connect(m, out.o, wiring.flipped(self.o))
        step = Signal()
        step_index, step_last = counter(m, "step_index", c.sf, step)
        fold, _ = counter(m, "fold", c.nf, step & step_last)
        first_fold = Signal()
        group_fold = fold
        if c.groups > 1:
            group_fold, _ = counter(m, "group_fold", c.group_folds, step & step_last)
        m.d.comb += first_fold.eq(group_fold == 0)
        place = Signal()
        m.d.comb += place.eq(~step_last | out.credit)
        m.d.comb += step.eq(place & (self.i.valid | ~first_fold))
        m.d.comb += self.i.ready.eq(place & first_fold)
        m.d.comb += out.launch.eq(step & step_last)

        operand, read_weights, stage = self._operand(m, platform, step, first_fold, step_index, step_last, fold)
        valid, first, last, fold = stage
        weights = self._weights(m, read_weights)
        if c.held_weights:
            held_operand = Signal(len(operand), reset_less=True)
            held_weights = Signal(len(weights), reset_less=True)
            m.d.sync += [held_operand.eq(operand), held_weights.eq(weights)]
            operand, weights, stage = held_operand, held_weights, self._delay(m, "hold", *stage)

        # Dot products, summed over the steps of a fold. The stage before the result fetches its thresholds.
        for number in range(c.dot_latency - 1):
            stage = self._delay(m, f"sum{number}", *stage)
        results = self._dot(m, operand, weights, stage)
        ahead, stage = stage, self._delay(m, "dot", *stage)
        valid, _, last, fold = stage
        done = Signal()
        m.d.comb += done.eq(valid & last)

        if c.thresholds is None:
            scale, offsets = in_sums(c.input_type, c.weight_type, c.weights)
            if scale != 1 or offsets.any():
                less = parameters(m, "offset", offsets, c.pe, ahead[0], ahead[3])
                results = [scale * result - less[lane % c.pe] for lane, result in enumerate(results)]
        activate(m, c.in_sums, results, ahead[0], ahead[3], done, fold, out, c.threshold_storage, c.arithmetic, c.mmv)
        return m

    def _dot(self, m, operand, weights, stage):
        """Dot products of each fold and vector; ``stage`` is the one before the result."""
        c = self._config
        kind = PackedProducts if c.packings else ConstantProducts if c.constant else BitProducts if c.bitwise else DotProducts
        valid, first, _, _ = stage
        results = []
        for vector, values in enumerate(self._vectors(operand)):
            m.submodules["dot" if c.mmv == 1 else f"dot{vector}"] = dot = kind(c)
            m.d.comb += [dot.x.eq(values), dot.w.eq(weights), dot.first.eq(first), dot.valid.eq(valid)]
            results += dot.results
        return results

    def _vectors(self, operand):
        """The values of each vector in an operand, in which they are interleaved."""
        c = self._config
        for vector in range(c.mmv):
            yield Cat(*(operand.word_select(place * c.mmv + vector, c.input_type.bits) for place in range(c.simd)))

    def _operand(self, m, platform, step, first_fold, step_index, step_last, fold):
        """The operand of each step, from the stream on the first fold and from the replay buffer on the others."""
        c = self._config
        width = c.input.width
        # Where each step is the last, no register needs to tell.
        stage = self._delay(m, "take", step, step_index == 0, Const(1) if c.sf == 1 else step_last, fold)
        operand = Signal(width, reset_less=True)
        if c.group_folds == 1:
            m.d.sync += operand.eq(self.i.payload)
            return operand, step, stage
        if c.sf == 1:
            with m.If(first_fold):
                m.d.sync += operand.eq(self.i.payload)
            return operand, step, stage
        fill = step & first_fold
        if c.deep_replay:
            fresh = Signal(width, reset_less=True)
            use_fresh = Signal(reset_less=True)
            m.d.sync += [fresh.eq(self.i.payload), use_fresh.eq(first_fold)]
            kept = one_address_memory(m, "replay", c.sf, step_index, fill, self.i.payload, platform)
            m.d.sync += operand.eq(Mux(use_fresh, fresh, kept))
            return operand, stage[0], self._delay(m, "replay", *stage)
        style = ram_style(c.sf, width, platform)
        m.submodules.replay = replay = Memory(shape=unsigned(width), depth=c.sf, init=[], attrs={"ram_style": style})
        write = replay.write_port()
        m.d.comb += [write.en.eq(fill), write.addr.eq(step_index), write.data.eq(self.i.payload)]
        if style == "block":
            # The word is fetched as soon as it is known which will be next.
            read = replay.read_port()
            m.d.comb += [read.en.eq(1), read.addr.eq(Mux(step, Mux(step_last, 0, step_index + 1), step_index))]
        else:
            read = replay.read_port(domain="comb")
            m.d.comb += read.addr.eq(step_index)
        m.d.sync += operand.eq(Mux(first_fold, self.i.payload, read.data))
        return operand, step, stage

    def _weights(self, m, advance):
        """The weights of each step, in the same cycle as its operand; of fused ones, the number of their word, and of constant ones
        nothing."""
        c = self._config
        if c.constant:
            return Const(0, 0)
        row, _ = counter(m, "weight_row", c.nf * c.sf, advance)
        if c.fused:
            number = Signal(len(row), name="weight_number", reset_less=True)
            m.d.sync += number.eq(row)
            return number
        m.submodules.weights = rom = Rom(c.weight_rows, c.pe * c.simd * c.weight_type.bits, c.storage)
        m.d.comb += [rom.enable.eq(1), rom.address.eq(row)]
        return rom.data

    def _delay(self, m, name, valid, first, last, fold):
        """Control registers of one pipeline stage."""
        next_valid = Signal(name=f"{name}_valid")
        next_first = Signal(name=f"{name}_first", reset_less=True)
        next_last = last if isinstance(last, Const) else Signal(name=f"{name}_last", reset_less=True)
        next_fold = Signal(len(fold), name=f"{name}_fold", reset_less=True)
        m.d.sync += [next_valid.eq(valid), next_first.eq(first), next_fold.eq(fold)]
        if next_last is not last:
            m.d.sync += next_last.eq(last)
        return next_valid, next_first, next_last, next_fold
