# SPDX-License-Identifier: Apache-2.0
"""The blocks of DE-SNE in a row, from the words of a tile to the chosen positions."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.bus.gearbox import Gearbox
from hw.config import Configuration, width_for
from hw.desne.affinity import Affinity
from hw.desne.beta_search import edges_layout, rows_layout
from hw.desne.distance_array import beat_layout
from hw.desne.embed import Embed
from hw.desne.map_widths import POSITION
from hw.desne.reduce import Reduce, table_entry
from hw.desne.sample import Sample
from hw.desne.sample_store import SampleStore
from hw.relay import Relay

NUMBERS = {
    "gearbox": ("sample_bytes",),
    "reduce": ("samples", "sample_beats", "beats", "shift", "offset"),
    "store": ("samples", "beats"),
    "affinity": ("samples", "beats", "neighbours", "target"),
    "embed": (
        "samples",
        "beats",
        "neighbours",
        "seed",
        "iterations",
        "rate",
        "exaggeration",
        "early_momentum",
        "momentum",
    ),
    "sample": ("samples", "beats", "budget", "rule", "drop", "spread", "phase"),
}
"""The numbers of a job that each block is told."""


def trace_layout(config: Configuration) -> data.StructLayout:
    """What a testbench may watch between the blocks; a valid bit with each."""
    return data.StructLayout(
        {
            "edges_valid": 1,
            "edges": edges_layout(config),
            "rows_valid": 1,
            "rows": rows_layout(config),
            "coordinates_valid": 1,
            "coordinates": POSITION,
        }
    )


def activity_layout() -> data.StructLayout:
    """What the counters count, of each block: it is busy; it is busy and waits for another."""
    names = ("reduce", "distance", "calibrate", "embed", "sample")
    bits = {f"{name}_{what}": 1 for name in names for what in ("busy", "stalled")}
    return data.StructLayout(bits | {"distance_lanes": 1, "embed_lanes": 1})


class Datapath(wiring.Component):
    """reduce, distance, calibrate, embed and sample, joined by streams.

    Equation: docs/numerics.md, from reduce to sample.

    Flow control: ``words`` in and ``chosen`` out are streams. ``begin`` starts a job; ``play`` the
    distance array, once ``reduced``. Nothing else is needed: embed waits for its edges, sample for
    its coordinates.

    Parameters
    ----------
    config: all sizes are used.

    Members
    -------
    ready: Out(1), a job can begin: after reset the counters of some blocks are cleared first.
    begin: In(1), play: In(1), pulses.
    resets: In(6), one for each block, as of hw/flush.py.
    reduced, calibrated, embedded, sampled: Out(1), low from the cycle after begin (calibrated:
        play) until that phase has handed on all it has; from registers, as ready.
    the numbers of a job, see NUMBERS; they hold still from begin to sampled.
    entry_written, entry_position, entry: as Reduce's.
    words: In(stream of data_width bits). chosen: Out(stream of range(N)).
    activity: Out(activity_layout). trace: Out(trace_layout).
    """

    def __init__(self, config: Configuration):
        self.config = config
        self.blocks = {
            "gearbox": Gearbox(config),
            "reduce": Reduce(config),
            "store": SampleStore(config),
            "affinity": Affinity(config),
            "embed": Embed(config),
            "sample": Sample(config),
        }
        numbers = {
            name: self.blocks[block].signature.members[name]
            for block, names in NUMBERS.items()
            for name in names
        }
        flags = ("ready", "reduced", "calibrated", "embedded", "sampled")
        super().__init__(
            {flag: Out(1) for flag in flags}
            | numbers
            | {
                "begin": In(1),
                "play": In(1),
                "resets": In(len(self.blocks)),
                "entry_written": In(1),
                "entry_position": In(width_for(config.dimensions - 1)),
                "entry": In(table_entry(config)),
                "words": In(stream.Signature(config.data_width)),
                "chosen": Out(stream.Signature(config.index_width)),
                "activity": Out(activity_layout()),
                "trace": Out(trace_layout(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for reset, (name, block) in zip(self.resets, self.blocks.items(), strict=True):
            m.submodules[name] = ResetInserter(reset)(block)
            m.d.comb += [getattr(block, key).eq(getattr(self, key)) for key in NUMBERS[name]]
        gearbox, reduce, store, affinity, embed, sample = self.blocks.values()

        # what lies far apart meets in registers
        words = Relay(self.words.payload.shape())
        m.submodules.words = ResetInserter(self.resets[0])(words)
        wiring.connect(m, wiring.flipped(self.words), words.input)
        wiring.connect(m, words.output, gearbox.words)
        wiring.connect(m, gearbox.bytes, reduce.bytes)
        # reduced samples go to the store and to the start of the map, in the same cycle
        m.d.comb += [
            embed.features.payload.eq(reduce.features.payload),
            embed.features.valid.eq(reduce.features.valid),
            reduce.features.ready.eq(embed.features.ready),
            store.features.payload.eq(reduce.features.payload),
            store.features.valid.eq(reduce.features.valid & reduce.features.ready),
        ]
        for name in ("held", "passing"):
            relay = Relay(beat_layout(self.config))
            m.submodules[name] = ResetInserter(self.resets[2])(relay)
            wiring.connect(m, getattr(store, name), relay.input)
            wiring.connect(m, relay.output, getattr(affinity, name))
        wiring.connect(m, affinity.edges, embed.edges)
        m.d.comb += affinity.rows.ready.eq(1)
        wiring.connect(m, embed.neighbour, sample.neighbour)
        wiring.connect(m, embed.coordinates, sample.coordinates)
        wiring.connect(m, sample.chosen, wiring.flipped(self.chosen))
        m.d.comb += [store.address.eq(sample.feature_address), sample.feature_data.eq(store.beat)]

        for name in ("entry_written", "entry_position", "entry"):
            m.d.comb += getattr(reduce, name).eq(getattr(self, name))
        calibrated = Signal()
        m.d.comb += [
            gearbox.start.eq(self.begin),
            reduce.start.eq(self.begin),
            store.load.eq(self.begin),
            embed.start.eq(self.begin),
            sample.start.eq(self.begin),
            store.play.eq(self.play),
            affinity.start.eq(self.play),
            calibrated.eq(~(store.playing | affinity.busy)),
        ]
        m.d.sync += [
            self.ready.eq(~(reduce.busy | affinity.busy | embed.busy | sample.busy)),
            self.reduced.eq(~(reduce.busy | self.begin)),
            self.calibrated.eq(calibrated & ~self.play),
            self.embedded.eq(~(embed.busy | self.begin)),
            self.sampled.eq(~(sample.busy | self.begin)),
        ]

        mapped = Signal()  # the first coordinate is there: from here on it is sample that works
        with m.If(self.begin):
            m.d.sync += mapped.eq(0)
        with m.Elif(embed.coordinates.valid):
            m.d.sync += mapped.eq(1)
        watched = {
            "reduce": (reduce.busy, reduce.bytes.ready & ~reduce.bytes.valid),
            "distance": (store.playing, affinity.passing.valid & ~affinity.passing.ready),
            "calibrate": (affinity.busy, affinity.edges.valid & ~affinity.edges.ready),
            "embed": (
                embed.busy & ~mapped & ~reduce.busy & calibrated,
                embed.coordinates.valid & ~embed.coordinates.ready,
            ),
            "sample": (sample.busy & mapped, sample.chosen.valid & ~sample.chosen.ready),
        }
        for name, (busy, stalled) in watched.items():
            m.d.comb += [
                self.activity[f"{name}_busy"].eq(busy),
                self.activity[f"{name}_stalled"].eq(busy & stalled),
            ]
        m.d.comb += [
            self.activity.distance_lanes.eq(affinity.passing.valid & affinity.passing.ready),
            self.activity.embed_lanes.eq(embed.active),
        ]
        for name, watch in (
            ("edges", affinity.edges),
            ("rows", affinity.rows),
            ("coordinates", embed.coordinates),
        ):
            m.d.comb += [
                self.trace[name].eq(watch.payload),
                self.trace[f"{name}_valid"].eq(watch.valid & watch.ready),
            ]
        return m
