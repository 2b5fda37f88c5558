# SPDX-License-Identifier: Apache-2.0
"""The rows of the distance array: buffers of held samples, squared distances, sums over beats."""

from amaranth.hdl import Cat, Module, Signal, Value, unsigned
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.config import Configuration
from hw.desne.squared_distance import SquaredDistance

GROUP = 2
"""Rows that see a passing beat in the same cycle; every further group sees it a cycle later."""


def beat_layout(config: Configuration) -> data.ArrayLayout:
    """One beat of samples: `lanes` unsigned bytes."""
    return data.ArrayLayout(unsigned(8), config.lanes)


def distance_layout(config: Configuration) -> data.ArrayLayout:
    """One distance for each row."""
    return data.ArrayLayout(unsigned(config.distance_width), config.rows)


class DistanceArray(wiring.Component):
    """R * W squared differences a cycle between held samples and a passing one.

    Equation: distance[r] = sum over the sample's beats and lanes of (held[r] - passing)^2.

    Beats travel from group to group of two rows through registers, with the addresses and flags
    that belong to them, so that no wire spans the array; the distances of the earlier groups wait
    for those of the last.

    Flow control: none. A beat is taken in every cycle with `valid`; a beat of held samples is
    written in every cycle with a bit of `write` set, and the passing beat two cycles later, or any
    after that, can be compared with it.

    Latency: `latency` = 6 + log2(lanes) + ceil(rows / 2) cycles from a sample's last beat to its
    distances, which stay until the next sample's first beat gets there. Throughput: one beat a
    cycle.

    Parameters
    ----------
    config: sizes; features, rows and lanes are used.

    Members
    -------
    write: In(rows), the row whose buffer takes `beat`, one-hot, or none.
    write_address: In(address_width), its place there. beat: In(array of lanes unsigned bytes).
    valid: In(1), a passing beat comes. first: In(1), it is the first of a sample.
    passing: In(array of lanes unsigned bytes), the beat. read_address: In(address_width), place of
        the held beats it meets.
    distance: Out(array of rows unsigned(distance_width)).
    """

    def __init__(self, config: Configuration):
        self.config = config
        self.address_width = (config.beats - 1).bit_length() + 1
        self.latency = self.latency_for(config)
        super().__init__(
            {
                "write": In(config.rows),
                "write_address": In(self.address_width),
                "beat": In(beat_layout(config)),
                "valid": In(1),
                "first": In(1),
                "read_address": In(self.address_width),
                "passing": In(beat_layout(config)),
                "distance": Out(distance_layout(config)),
            }
        )

    @staticmethod
    def latency_for(config: Configuration) -> int:
        """Latency in cycles."""
        groups = -(-config.rows // GROUP)
        return SquaredDistance.latency_for(config.lanes) + 1 + groups

    def elaborate(self, platform):
        m = Module()
        kernel_latency = SquaredDistance.latency_for(self.config.lanes)
        rows = range(self.config.rows)
        groups = -(-self.config.rows // GROUP)
        write, write_address, beat = self.write, self.write_address, self.beat
        read_address, passing = self.read_address, self.passing
        valid = _history(m, "valid", self.valid, kernel_latency + groups)
        first = _history(m, "first", self.valid & self.first, kernel_latency + groups - 1)
        for group in range(groups):
            # cycle `group`: operands
            address = read_address
            write, write_address, beat, read_address, passing = (
                _register(m, f"{name}_{group}", value)
                for name, value in (
                    ("write", write),
                    ("write_address", write_address),
                    ("beat", beat),
                    ("read_address", read_address),
                    ("passing", passing),
                )
            )
            for r in rows[group * GROUP : (group + 1) * GROUP]:
                m.submodules[f"buffer_{r}"] = buffer = memory.Memory(
                    shape=beat_layout(self.config), depth=1 << self.address_width, init=[]
                )
                m.submodules[f"row_{r}"] = kernel = SquaredDistance(self.config.lanes)
                write_port = buffer.write_port()
                read_port = buffer.read_port(domain="comb")
                m.d.comb += [
                    write_port.addr.eq(write_address),
                    write_port.data.eq(beat),
                    write_port.en.eq(write[r]),
                    read_port.addr.eq(address),
                    kernel.a.eq(_register(m, f"held_{r}", read_port.data)),
                    kernel.b.eq(passing),
                ]
                # the cycle after the kernel's last: the sum over beats; before a sample's first
                # beat what it is added to becomes 0, by a flip-flop's reset, not a gate in the sum
                total = Signal(self.config.distance_width, name=f"total_{r}", reset_less=True)
                before = Signal.like(total, name=f"before_{r}", reset_less=True)
                with m.If(valid[kernel_latency + group]):
                    m.d.sync += [
                        total.eq(before + kernel.distance),
                        before.eq(before + kernel.distance),
                    ]
                with m.If(first[kernel_latency + group - 1]):
                    m.d.sync += before.eq(0)
                for k in range(groups - 1 - group):
                    total = _register(m, f"total_{r}_{k}", total)
                m.d.comb += self.distance[r].eq(total)
        return m


def _register(m: Module, name: str, value):
    """The value of the cycle before; undefined after reset."""
    register = Signal.like(value, name=name, reset_less=True)
    m.d.sync += register.eq(value)
    return register


def _history(m: Module, name: str, bit: Value, cycles: int) -> Signal:
    """Bit k is the value of k + 1 cycles ago, 0 after reset."""
    history = Signal(cycles, name=f"{name}_history")
    m.d.sync += history.eq(Cat(bit, history))
    return history
