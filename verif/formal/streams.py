# SPDX-License-Identifier: Apache-2.0
"""Every stream block keeps the rules of streams while its partners keep them.

The rules (docs/hardware.md, Flow control): what was offered stays offered, and the same, until it
is taken. Every other input is free: numbers of a job may be illegal, and change at any time, unless
a proof says otherwise.
"""

from amaranth.hdl import Signal, Value

from hw.bus.bursts import Bursts
from hw.bus.gearbox import Gearbox
from hw.bus.packer import Packer
from hw.bus.read_master import ReadMaster
from hw.config import PRESETS
from hw.desne.chosen import Chosen
from hw.desne.distance import Distance
from hw.desne.reduce import Reduce
from hw.desne.sample_store import SampleStore
from hw.sgmac.array import GradientArray
from hw.sgmac.beat_pack import BeatPack
from hw.sgmac.bias import Bias
from hw.sgmac.deal import Deal
from hw.sgmac.gather import Gather
from hw.sgmac.plane_addresses import PlaneAddresses
from hw.sgmac.row_addresses import RowAddresses
from hw.sgmac.rows import Rows
from hw.sgmac.schedule import Schedule
from verif.formal.bench import Bench
from verif.formal.broken import Broken
from verif.formal.proof import proof

TINY = PRESETS["tiny"]
RULES = "stream rules"
QUEUE = Broken("hw.stream", "queue.r_en.eq(self.output.ready)", "queue.r_en.eq(1)")


def surrounded(bench: Bench, component):
    """The block between partners, without its own checks of how it is used."""
    bench.inner_checks = False
    block = bench.block(component)
    bench.surround(block)
    return block


@proof(
    "Bursts, bursts of 8",
    f"{RULES}; not while drop",
    Broken("hw.bus.bursts", "with m.If(self.bursts.ready):", "with m.If(1):"),
)
def stream_bursts(bench: Bench) -> None:
    block = surrounded(bench, Bursts(16, 64, 12, 8))
    bench.suppose(~block.drop)


@proof(
    "Packer, 64 bits",
    f"{RULES}; start while no word is offered",
    Broken("hw.bus.packer", "with m.If(self.words.ready):", "with m.If(1):"),
)
def stream_packer(bench: Bench) -> None:
    block = surrounded(bench, Packer(64, TINY.samples))
    bench.suppose(~block.start | ~block.words.valid)


@proof("Gearbox, tiny", f"{RULES}; start while no beat is offered", QUEUE)
def stream_gearbox(bench: Bench) -> None:
    block = surrounded(bench, Gearbox(TINY))
    bench.suppose(~block.start | ~block.bytes.valid)


@proof(
    "ReadMaster, 2 bursts of 2",
    f"{RULES} of data; without stop and error responses",
    Broken("hw.bus.read_master", "queue.r_en.eq(self.data.ready | stopped)", "queue.r_en.eq(1)"),
)
def stream_read_master(bench: Bench) -> None:
    block = surrounded(bench, ReadMaster(16, 64, length_width=12, burst=2, outstanding=2))
    bench.suppose(~block.stop & ~(block.axi.rvalid & Value.cast(block.axi.rresp)[1]))


@proof("BeatPack, 5 places", RULES, QUEUE)
def stream_beat_pack(bench: Bench) -> None:
    surrounded(bench, BeatPack(64, 5))


@proof("Bias, tiny", RULES, QUEUE)
def stream_bias(bench: Bench) -> None:
    surrounded(bench, Bias(TINY))


@proof(
    "RowAddresses, tiny",
    f"{RULES}; job changes with start, start when idle",
    Broken("hw.sgmac.row_addresses", "with m.If(self.rows.ready):", "with m.If(1):"),
)
def stream_row_addresses(bench: Bench) -> None:
    block = surrounded(bench, RowAddresses(TINY))
    m, busy = bench.m, Signal()
    taken = block.rows.valid & block.rows.ready & block.rows.payload.last
    with m.If(block.start | taken):
        m.d.sync += busy.eq(block.start)
    bench.suppose(~(block.start & busy))
    same = Value.cast(block.job) == bench.past(block.job)
    bench.suppose(block.start | ~bench.settled | same)


@proof(
    "PlaneAddresses, tiny",
    f"{RULES}; start while nothing is offered",
    Broken("hw.sgmac.plane_addresses", "with m.Elif(self.planes.ready):", "with m.Elif(1):"),
)
def stream_plane_addresses(bench: Bench) -> None:
    block = surrounded(bench, PlaneAddresses(TINY))
    bench.suppose(~block.start | ~block.planes.valid)


@proof(
    "Schedule, 16 channels",
    RULES,
    Broken("hw.sgmac.schedule", "queue.r_en.eq(self.chosen.ready)", "queue.r_en.eq(1)"),
)
def stream_schedule(bench: Bench) -> None:
    surrounded(bench, Schedule(TINY.channels, TINY.data_width))


@proof(
    "Deal, tiny",
    RULES,
    Broken("hw.sgmac.deal", "(data.valid & data.ready & beat.last)", "(data.valid & beat.last)"),
    depth=20,
)
def stream_deal(bench: Bench) -> None:
    surrounded(bench, Deal(TINY))


@proof("Rows, tiny", RULES, QUEUE)
def stream_rows(bench: Bench) -> None:
    surrounded(bench, Rows(TINY))


@proof(
    "GradientArray, tiny",
    RULES,
    Broken("hw.sgmac.array", "move.eq(~self.rows.valid | self.rows.ready)", "move.eq(1)"),
)
def stream_array(bench: Bench) -> None:
    surrounded(bench, GradientArray(TINY))


@proof(
    "Gather, tiny",
    RULES,
    Broken("hw.sgmac.gather", "taken.eq(self.reads.valid & self.reads.ready)", "taken.eq(ordered)"),
    depth=25,
)
def stream_gather(bench: Bench) -> None:
    surrounded(bench, Gather(TINY))


@proof("SampleStore, tiny", RULES, QUEUE)
def stream_sample_store(bench: Bench) -> None:
    surrounded(bench, SampleStore(TINY))


@proof("Distance, tiny", RULES, QUEUE)
def stream_distance(bench: Bench) -> None:
    surrounded(bench, Distance(TINY))


@proof("Reduce, tiny", RULES, QUEUE)
def stream_reduce(bench: Bench) -> None:
    surrounded(bench, Reduce(TINY))


@proof(
    "Chosen, tiny: the output of Sample",
    RULES,
    Broken("hw.desne.chosen", "queue.r_en.eq(self.chosen.ready)", "queue.r_en.eq(1)"),
)
def stream_chosen(bench: Bench) -> None:
    surrounded(bench, Chosen(TINY))
