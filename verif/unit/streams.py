# SPDX-License-Identifier: Apache-2.0
"""Stream traffic in the Amaranth simulator."""

from collections.abc import Iterable, Iterator


async def send(ctx, stream, payloads: Iterable, stalls: Iterator[int], cycles=None) -> None:
    """Give the payloads in order, after stalls' next cycles without valid each.

    Appends the number of the cycle of each transfer to the list `cycles`; counted from the call.
    """
    cycle = 0
    for payload in payloads:
        if pause := next(stalls):
            ctx.set(stream.valid, 0)
            await ctx.tick().repeat(pause)
        ctx.set(stream.payload, payload)
        ctx.set(stream.valid, 1)
        taken, waited = False, 0
        while not taken:
            *_, taken = await ctx.tick().sample(stream.ready)
            waited += 1
        cycle += pause + waited
        if cycles is not None:
            cycles.append(cycle)
    ctx.set(stream.valid, 0)


async def receive(ctx, stream, count: int, stalls: Iterator[int], cycles=None) -> list:
    """Take `count` payloads, each after stalls' next cycles without ready; `cycles` as in send."""
    cycle, payloads = 0, []
    while len(payloads) < count:
        if pause := next(stalls):
            ctx.set(stream.ready, 0)
            await ctx.tick().repeat(pause)
        ctx.set(stream.ready, 1)
        valid, waited = False, 0
        while not valid:
            *_, valid, payload = await ctx.tick().sample(stream.valid, stream.payload)
            waited += 1
        cycle += pause + waited
        payloads.append(payload)
        if cycles is not None:
            cycles.append(cycle)
    ctx.set(stream.ready, 0)
    return payloads
