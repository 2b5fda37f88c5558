# SPDX-License-Identifier: Apache-2.0
"""Queues lose, double and reorder nothing."""

import itertools

from amaranth.hdl import Cat, Mux, Signal

from hw.bus.gearbox import Gearbox
from hw.bus.packer import Packer
from hw.config import PRESETS
from hw.relay import Relay
from hw.sgmac.words import Words
from hw.stream import CreditQueue
from verif.formal.bench import Bench
from verif.formal.broken import Broken
from verif.formal.proof import proof


def credit_queue(bench: Bench, stages: int, places: int) -> None:
    """A CreditQueue behind a pipeline of so many stages that its feeder starts at any time."""
    m = bench.m
    queue = bench.block(CreditQueue(2, places))
    given = bench.sink(queue.output, "output")
    valid, values = Signal(stages), [bench.free(2, "value")]
    values += [Signal(2, name=f"value_{stage}") for stage in range(stages)]
    m.d.comb += [
        queue.reserve.eq(bench.free(1, "start") & queue.available),
        Cat(queue.write, queue.result).eq(Cat(valid[-1], values[-1])),
    ]
    m.d.sync += valid.eq(Cat(queue.reserve, valid))
    m.d.sync += [after.eq(before) for before, after in itertools.pairwise(values)]
    inside = bench.in_order(queue.reserve, values[0], given, queue.output.payload, places)
    bench.claim(queue.available == (inside != places), "available does not tell of a free place")
    bench.claim(queue.empty == (inside == 0), "empty does not tell that nothing is inside")
    waits = Signal(range(stages + queue.latency + 1))
    with m.If((inside == 0) | queue.output.valid):
        m.d.sync += waits.eq(0)
    with m.Else():
        m.d.sync += waits.eq(waits + 1)
    bench.claim(waits < stages + queue.latency, "what is inside does not come out in time")


@proof(
    "CreditQueue, 3 places, 1 stage",
    "in order, none lost; a place for each; out within its latency; stream rules",
    Broken("hw.stream", "self.available.eq(free != 1)", "self.available.eq(free != 0)"),
)
def credit_queue_3(bench: Bench) -> None:
    credit_queue(bench, 1, 3)


@proof(
    "CreditQueue, 5 places, 2 stages",
    "in order, none lost; a place for each; out within its latency; stream rules",
    Broken("hw.stream", "with m.If(release & ~self.reserve):", "with m.If(release):"),
)
def credit_queue_5(bench: Bench) -> None:
    credit_queue(bench, 2, 5)


@proof(
    "Words, 64 bits",
    "word i of a run is word i of its beats; so many as asked for, the last one marked",
    Broken("hw.sgmac.words", "beat.eq(beat >> WORD_BITS)", "beat.eq(beat)"),
    Broken("hw.sgmac.words", "self.last.eq(missing == 2)", "self.last.eq(missing == 1)"),
)
def words_of_beats(bench: Bench) -> None:
    m, block = bench.m, bench.block(Words(64, 15))
    taken = bench.source(block.beats, "beats")
    m.d.comb += [block.start.eq(bench.free(1, "start")), block.count.eq(bench.free(4, "count"))]
    bench.suppose(block.count != 0)
    beats, word, count = Signal(5), Signal(5), Signal(4)
    position = bench.constant(4)
    value = Signal(2, reset_less=True)
    with m.If(taken):
        m.d.sync += beats.eq(beats + 1)
        with m.If(beats == position >> 1):
            m.d.sync += value.eq(block.beats.payload.word_select(position[0], 32)[:2])
    with m.If(block.valid):
        m.d.sync += word.eq(word + 1)
    with m.If(block.start):
        m.d.sync += [beats.eq(0), word.eq(0), count.eq(block.count)]
    bench.claim(~block.valid | (word < count), "more words than asked for")
    bench.claim(~block.valid | (word >> 1 < beats), "a word before its beat")
    here = block.valid & (word == position)
    bench.claim(~here | (block.word[:2] == value), "the word is not that of the beat")
    bench.claim(~block.valid | (block.last == (word == count - 1)), "last is wrong")


@proof(
    "Packer, 64 bits",
    "index i is half i mod 2 of word i div 2, zeros behind the last; so many words as that takes",
    Broken("hw.bus.packer", "Mux(place == 0, 0, slot)", "slot"),
    Broken("hw.bus.packer", "(place == places - 1) | (left == 1)", "place == places - 1"),
)
def packed_indices(bench: Bench) -> None:
    m, block = bench.m, bench.block(Packer(64, 15))
    taken = bench.source(block.indices, "indices")
    given = bench.sink(block.words, "words")
    count, begun = bench.constant(4), Signal()
    start = bench.free(1, "start") & ~begun
    bench.suppose(count != 0)
    m.d.comb += [block.start.eq(start), block.count.eq(count)]
    entered, words = Signal(5), Signal(5)
    position = bench.constant(4)
    value = Signal(4, reset_less=True)
    with m.If(start):
        m.d.sync += begun.eq(1)
    with m.If(taken):
        m.d.sync += entered.eq(entered + 1)
        with m.If(entered == position):
            m.d.sync += value.eq(block.indices.payload)
    m.d.sync += words.eq(words + given)
    half = block.words.payload.word_select(position[0], 32)
    here = block.words.valid & (words == position >> 1)
    bench.claim(~here | (half == Mux(position < count, value, 0)), "an index is not in its place")
    bench.claim(entered <= count, "more indices are taken than were told")
    bench.claim(~block.words.valid | (words << 1 < entered), "a word before its indices")
    ended = (entered == count) | ~entered[0]
    bench.claim(~block.words.valid | ended, "a word is not complete")
    all_given = words + block.words.valid == (count + 1) >> 1
    bench.claim((entered != count) | all_given, "the last word does not come")


@proof(
    "Gearbox, tiny",
    "byte i of a sample is byte i of the run behind the samples before it; zeros behind the last",
    Broken("hw.bus.gearbox", "place.eq(byte[:word_bits])", "place.eq(byte[:word_bits] + 1)"),
    Broken("hw.bus.gearbox", "Mux(final, length, rest - lanes)", "Mux(final, length, rest)"),
    depth=11,
)
def gearbox_bytes(bench: Bench) -> None:
    m, block = bench.m, bench.block(Gearbox(PRESETS["tiny"]))
    lanes = 4
    taken = bench.source(block.words, "words")
    given = bench.sink(block.bytes, "bytes")
    length, begun = bench.constant(4), Signal()
    start = bench.free(1, "start") & ~begun
    bench.suppose(length != 0)
    m.d.comb += [block.start.eq(start), block.sample_bytes.eq(length)]
    with m.If(start):
        m.d.sync += begun.eq(1)
    bench.suppose(begun | ~taken)
    # one byte of the run, any one, is followed
    position = bench.constant(8)
    words, base, left = Signal(6), Signal(9), Signal(4)
    value, there = Signal(8, reset_less=True), Signal()
    with m.If(taken):
        m.d.sync += words.eq(words + 1)
        with m.If(words == position >> 3):
            byte = block.words.payload.word_select(position[:3], 8)
            m.d.sync += [value.eq(byte), there.eq(1)]
    size = Signal(range(lanes + 1))
    rest = Signal(4)
    m.d.comb += [rest.eq(Mux(left == 0, length, left)), size.eq(Mux(rest < lanes, rest, lanes))]
    with m.If(given):
        m.d.sync += [base.eq(base + size), left.eq(rest - size)]
    for lane in range(lanes):
        byte = block.bytes.payload[lane]
        here = block.bytes.valid & (lane < size) & (base + lane == position)
        bench.claim(~here | (there & (byte == value)), "a byte is not in its place")
        behind = block.bytes.valid & (lane >= size)
        bench.claim(~behind | (byte == 0), "no zero behind a sample")


@proof(
    "Relay",
    "in order, none lost; stream rules",
    Broken("hw.relay", "with m.If(~full & (arriving == n)):", "with m.If(arriving == n):"),
)
def relay(bench: Bench) -> None:
    block = bench.block(Relay(2))
    taken = bench.source(block.input, "input")
    given = bench.sink(block.output, "output")
    bench.in_order(taken, block.input.payload, given, block.output.payload, 2, "beat")
