# SPDX-License-Identifier: Apache-2.0
"""embed: the map of a tile, from its features and weighted edges."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.divide import Divide
from hw.arith.lfsr import WIDTH as REGISTER_WIDTH
from hw.config import Configuration
from hw.desne import map_widths as widths
from hw.desne.attraction import Attraction
from hw.desne.beta_search import edges_layout
from hw.desne.coordinates import Coordinates
from hw.desne.descent import INPUT_LATENCY, Descent
from hw.desne.distance import beat_layout
from hw.desne.edge_store import EdgeStore
from hw.desne.embed_control import Division, EmbedControl
from hw.desne.projection import Projection
from hw.desne.repulsion import Repulsion
from hw.desne.rescale import Rescale
from hw.pipeline import delayed
from hw.stream import CreditQueue

__all__ = ["Embed", "job_layout"]

AXES = ("x", "y")
LATE_EXAGGERATION = 4
"""Attraction as it is, in quarters."""

SCALE_FRACTION_BITS = 22
RATIO_FRACTION_BITS = 32


def job_layout(config: Configuration) -> data.StructLayout:
    """The numbers of a job."""
    return data.StructLayout(
        {
            "samples": config.count_width,
            "beats": config.beats_width,
            "neighbours": config.neighbours_width,
            "seed": REGISTER_WIDTH,
            "iterations": widths.ITERATIONS_WIDTH,
            "rate": widths.RATE_WIDTH,
            "exaggeration": widths.EXAGGERATION_WIDTH,
            "early_momentum": widths.MOMENTUM_WIDTH,
            "momentum": widths.MOMENTUM_WIDTH,
        }
    )


class Embed(wiring.Component):
    """Lays the samples out on a map: gradient descent on all pairs and all edges.

    Equation: docs/numerics.md, embed, bit for bit.

    Method: L points are held while all n stream past, one a cycle, and beside that the edges are
    worked off, one a cycle (Repulsion, Attraction). Then one division, and one sample a cycle is
    moved (Descent). Coordinates are recentred as they are read (Coordinates), so that takes but two
    more divisions.

    Flow control: `features` and `edges` are taken independently, in any order; neither is ever
    stalled by arithmetic. `neighbour` tells the index of each edge once a job, without waiting for
    anyone. `coordinates` leave at the end and may be stalled.

    Latency: golden.cycles.embed_cycles, asserted by a test: with B = ceil(n / L) blocks, the last
    of r = n - (B - 1) * L points, an iteration takes

        max(L + B * n + r, n * k + 5) + n + 3 * (bits of N) + 144

    cycles; the time does not depend on the data. On preset edge with n = 1024 and k = 64 the lanes
    work in 99 % of them. Throughput: one job at a time.

    Parameters
    ----------
    config: sizes; samples N, features, rows R, lanes W, neighbours K and points L are used.

    Members
    -------
    start: In(1), begins a job with the numbers as they are in that cycle; ignored while busy.
    busy: Out(1), from the cycle after start until the last coordinates were taken.
    active: Out(1), all L lanes of repulsion are given a point in this cycle.
    samples: In(range(N + 1)), n = 2..N. beats: In(range(beats + 1)), beats a sample, at least 1.
    neighbours: In(range(K + 1)), k = 1..min(K, n - 1).
    seed: In(32), the shift register as loaded by the host, not 0.
    iterations: In(10). rate: In(8), sixteenths. exaggeration: In(4), quarters.
    early_momentum, momentum: In(4), sixteenths; the former and exaggeration hold for the first
    floor(iterations / 5) iterations.
    features: In(stream of array of W unsigned bytes), n * beats beats; samples are padded with
    zeros to whole beats.
    edges: In(stream of edges_layout), ceil(n / R) * k beats; rows i >= n have no effect.
    neighbour: Out(stream of range(N), always_ready), n * k beats.
    coordinates: Out(stream of struct of x, y: signed(15), S7.8), n beats.
    """

    def __init__(self, config: Configuration):
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "active": Out(1),
                **{name: In(field.shape) for name, field in job_layout(config)},
                "features": In(stream.Signature(beat_layout(config))),
                "edges": In(stream.Signature(edges_layout(config))),
                "neighbour": Out(stream.Signature(config.index_width, always_ready=True)),
                "coordinates": Out(stream.Signature(widths.POSITION)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.projection = projection = Projection(config)
        m.submodules.edge_store = edge_store = EdgeStore(config)
        m.submodules.rescale = rescale = Rescale(config)
        m.submodules.store = store = Coordinates(config, ports=3)
        m.submodules.repulsion = repulsion = Repulsion(config)
        m.submodules.attraction = attraction = Attraction(config)
        m.submodules.descent = descent = Descent(config)
        m.submodules.queue = queue = CreditQueue(
            widths.POSITION, Coordinates.latency + CreditQueue.round_trip
        )
        wiring.connect(m, wiring.flipped(self.features), projection.features)
        wiring.connect(m, wiring.flipped(self.edges), edge_store.edges)
        wiring.connect(m, queue.output, wiring.flipped(self.coordinates))
        wiring.connect(m, attraction.own, store.read[1])
        wiring.connect(m, attraction.other, store.read[2])

        job = Signal(job_layout(config), reset_less=True)
        m.submodules.control = control = EmbedControl(config)
        m.d.comb += [self.busy.eq(control.busy), control.begin.eq(self.start & ~self.busy)]
        with m.If(control.begin):
            m.d.sync += [job[name].eq(getattr(self, name)) for name, _ in job_layout(config)]
        m.d.comb += [
            control.samples.eq(job.samples),
            control.iterations.eq(job.iterations),
            projection.start.eq(control.begun),
            projection.samples.eq(job.samples),
            projection.beats.eq(job.beats),
            projection.register.eq(job.seed),
            control.projected.eq(projection.done),
            edge_store.load.eq(control.begun),
            edge_store.samples.eq(job.samples),
            edge_store.neighbours.eq(job.neighbours),
            control.loaded.eq(edge_store.loaded),
            # forces
            edge_store.read.eq(control.attract),
            attraction.valid.eq(edge_store.valid),
            attraction.edge.eq(edge_store.edge),
            control.attracted.eq(attraction.done),
            self.neighbour.payload.eq(edge_store.edge.index),
            self.neighbour.valid.eq(edge_store.valid & control.first),
            repulsion.start.eq(control.repel),
            self.active.eq(repulsion.active),
            repulsion.samples.eq(job.samples),
            control.repelled.eq(repulsion.done),
        ]

        # ---- a sweep reads all coordinates in order; what becomes of them depends on the phase
        step, index = control.step, control.index

        def later(bit, cycles, name):
            return delayed(m, bit, cycles, name, reset_less=False)

        def ends(phase, cycles):
            return later(step & getattr(control, phase) & control.at_end, cycles, f"{phase}_ends")

        centred = Coordinates.latency - 1
        rescaled = later(step & control.rescaling, centred + Rescale.latency, "rescaled")
        m.d.comb += [
            store.read[0].address.eq(Mux(repulsion.active, repulsion.read.address, index)),
            repulsion.read.position.eq(store.read[0].position),
            rescale.clear.eq(control.begun),
            rescale.measure.eq(later(step & control.measuring, centred, "measure")),
            rescale.centred.eq(store.centred),
            repulsion.address.eq(index),
            attraction.address.eq(index),
            attraction.clear.eq(step & (control.rescaling | control.descending)),
            descent.step.eq(step & control.descending),
            descent.clear.eq(step & control.rescaling),
            descent.index.eq(index),
            descent.position.eq(store.read[0].position),
            descent.attraction.eq(
                delayed(m, attraction.force, INPUT_LATENCY - Attraction.latency, "attraction")
            ),
            descent.repulsion.eq(
                delayed(m, repulsion.force, INPUT_LATENCY - Repulsion.latency, "repulsion")
            ),
            descent.rate.eq(job.rate),
            descent.exaggeration.eq(Mux(control.early, job.exaggeration, LATE_EXAGGERATION)),
            descent.momentum.eq(Mux(control.early, job.early_momentum, job.momentum)),
            control.room.eq(queue.available),
            queue.reserve.eq(step & control.emitting),
            queue.write.eq(later(queue.reserve, Coordinates.latency, "emitted")),
            queue.result.eq(store.read[0].position),
            control.measured.eq(ends("measuring", centred + Rescale.magnitude_latency)),
            control.rescaled.eq(ends("rescaling", centred + Rescale.latency)),
            control.descended.eq(ends("descending", Descent.latency)),
            control.emptied.eq(queue.empty),
        ]

        # ---- writing coordinates, and summing up what is written
        rescaled_index = delayed(m, index, centred + Rescale.latency, "rescaled_index")
        with m.If(rescaled):
            _write(m, store, rescaled_index, rescale.scaled)
        with m.Elif(descent.write):
            _write(m, store, descent.write_index, descent.moved)
        with m.Elif(projection.write):
            _write(m, store, projection.index, projection.sums)
        sums = Signal(widths.vector(widths.biased_sum_shape(config)), reset_less=True)
        with m.If(control.clear_sums):
            m.d.sync += Value.cast(sums).eq(0)
        with m.Elif(store.write):
            m.d.sync += [
                sums[axis].eq(sums[axis] + _turned(store.write_data[axis])) for axis in AXES
            ]

        # ---- divisions
        n, bits = job.samples, widths.RATIO_WIDTH
        magnitude, total = rescale.magnitude, repulsion.similarity_sum
        operands = {
            Division.MEAN_X: ((sums.x << 1) + n, n << 1),
            Division.MEAN_Y: ((sums.y << 1) + n, n << 1),
            Division.SCALE: (n << SCALE_FRACTION_BITS + 1, magnitude | (magnitude == 0)),
            Division.RATIO: (n << RATIO_FRACTION_BITS, total | (total == 0)),
        }
        m.submodules.divide = divide = Divide(
            config.count_width + RATIO_FRACTION_BITS,
            max(len(denominator) for _, denominator in operands.values()),
        )
        m.d.comb += [divide.start.eq(control.divide), control.divided.eq(divide.done)]
        mean = _turned(divide.quotient[: widths.stored_shape(config).width])
        capped = Mux(divide.quotient[bits:].any(), widths.RATIO_MAXIMUM, divide.quotient[:bits])
        results = {
            Division.MEAN_X: store.mean.x.eq(mean),
            Division.MEAN_Y: store.mean.y.eq(mean),
            Division.SCALE: rescale.scale.eq(capped),
            Division.RATIO: descent.ratio.eq(capped),
        }
        with m.Switch(control.division):
            for division, (numerator, denominator) in operands.items():
                with m.Case(division):
                    m.d.comb += [
                        divide.numerator.eq(numerator),
                        divide.denominator.eq(denominator),
                    ]
                    with m.If(divide.done):
                        m.d.sync += results[division]
        with m.If(control.clear_mean):
            m.d.sync += [store.mean[axis].eq(0) for axis in AXES]
        return m


def _turned(value: Value) -> Value:
    """A signed number plus half of its range, unsigned; or that, back as bits of the signed one."""
    return Cat(value[:-1], ~value[-1])


def _write(m: Module, store: Coordinates, index: Value, vector: data.View) -> None:
    m.d.comb += [store.write.eq(1), store.write_address.eq(index)]
    m.d.comb += [store.write_data[axis].eq(vector[axis]) for axis in AXES]
