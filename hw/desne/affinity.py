# SPDX-License-Identifier: Apache-2.0
"""affinity: samples in, weighted neighbours out; distance with calibrate behind it."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.beta_search import edges_layout, rows_layout
from hw.desne.calibrate import Calibrate
from hw.desne.distance import Distance, beat_layout
from hw.desne.entropy_test import target_width

__all__ = ["Affinity"]


class Affinity(wiring.Component):
    """Gives every sample of a tile its k nearest neighbours with weights p(j|i), and a status.

    Equation: Calibrate of Distance (docs/numerics.md, distance and calibrate).

    Flow control: four streams, as the two blocks describe them. ``edges`` or ``rows`` that are not
    taken hold up ``passing`` in the end.

    Latency and throughput: golden.cycles.calibrate_cycles with cycles_per_sample = beats counts
    from the first passing beat on, within a few cycles; a test gives the exact figures. A block of
    R rows takes n * beats cycles or the time of Calibrate's slowest stage, whichever is more.

    Parameters
    ----------
    config: all sizes are used.
    lanes: as Calibrate's.

    Members
    -------
    start: In(1), takes the four numbers below and begins a job; ignored while busy.
    busy: Out(1), from the cycle after start until the last beat was taken.
    samples: In(range(N + 1)), n = 2..N. beats: In, beats a sample, 1..config.beats.
    neighbours: In(range(K + 1)), k = 1..min(K, n - 1).
    target: In, h = round(2^16 * log2 perplexity), 0..2^16 * log2 k.
    held: In(stream of array of lanes bytes), for each block R samples, zeros behind the last one.
    passing: In(stream of array of lanes bytes), for each block all n samples.
    edges: Out(stream of edges_layout): R times index and weight (U0.8), and last of the block.
    rows: Out(stream of rows_layout): R times status and code.
    """

    def __init__(self, config: Configuration, lanes: int | None = None):
        self.config = config
        self.lanes = lanes
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "samples": In(config.count_width),
                "beats": In(config.beats_width),
                "neighbours": In(config.neighbours_width),
                "target": In(target_width(config)),
                "held": In(stream.Signature(beat_layout(config))),
                "passing": In(stream.Signature(beat_layout(config))),
                "edges": Out(stream.Signature(edges_layout(config))),
                "rows": Out(stream.Signature(rows_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.distance = distance = Distance(self.config)
        m.submodules.calibrate = calibrate = Calibrate(self.config, self.lanes)
        start = Signal()
        m.d.comb += [
            self.busy.eq(distance.busy | calibrate.busy),
            start.eq(self.start & ~self.busy),
            distance.start.eq(start),
            distance.samples.eq(self.samples),
            distance.beats.eq(self.beats),
            calibrate.start.eq(start),
            calibrate.samples.eq(self.samples),
            calibrate.neighbours.eq(self.neighbours),
            calibrate.target.eq(self.target),
        ]
        wiring.connect(m, distance.distances, calibrate.distances)
        for name in ("held", "passing"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(distance, name))
        for name in ("edges", "rows"):
            wiring.connect(m, getattr(calibrate, name), wiring.flipped(getattr(self, name)))
        return m
