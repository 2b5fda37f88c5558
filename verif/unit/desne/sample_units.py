# SPDX-License-Identifier: Apache-2.0
"""What the tests of the sampling unit's parts share."""

from collections.abc import Sequence

from amaranth.sim import Simulator

from hw.config import Configuration

ODD = Configuration(
    name="odd", samples=21, features=6, rows=2, lanes=2, neighbours=5, dimensions=8, points=2
)
"""Sizes that are no powers of two, three beats a sample."""


def simulate(unit, testbench, *others) -> None:
    """Run `testbench`, and `others` beside it, in the Amaranth simulator."""
    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    for other in others:
        simulator.add_testbench(other, background=True)
    simulator.run()


async def until(ctx, signal, limit: int) -> int:
    """Cycles until the signal is high, from the next cycle on."""
    for cycle in range(limit):
        if ctx.get(signal):
            return cycle
        await ctx.tick()
    raise AssertionError(f"nothing within {limit} cycles")


def answers(unit, candidates: Sequence[dict], orders, latency: int):
    """A testbench that answers the unit's requests as the store of candidates does.

    orders: of positions, for the sources 1 and 2. What nobody asked for is noise.
    """

    async def testbench(ctx):
        line = [None] * (latency - 1)
        request = unit.request
        while True:
            *_, valid, source, step = await ctx.tick().sample(
                request.valid, request.source, request.step
            )
            line.append((int(source), step) if valid else None)
            due = line.pop(0)
            if due is None:
                ctx.set(unit.answer.valid, 0)
                continue
            position = due[1] if due[0] == 0 else orders[due[0] - 1][due[1]]
            candidate = candidates[position]
            ctx.set(
                unit.answer,
                {"valid": 1, "step": due[1], "position": position, "candidate": candidate},
            )

    return testbench


def keys(unit, keyed, latency: int):
    """A testbench that gives keyed(position), a dictionary, `latency` cycles after a request of
    the candidate at that position."""

    async def testbench(ctx):
        line = [None] * (latency - 1)
        request = unit.request
        while True:
            *_, valid, source, step = await ctx.tick().sample(
                request.valid, request.source, request.step
            )
            line.append((int(source), step) if valid else None)
            due = line.pop(0)
            if due is None:
                ctx.set(unit.keyed.valid, 0)
                continue
            ctx.set(unit.keyed, {"valid": 1, **keyed(*due)})

    return testbench
