# SPDX-License-Identifier: Apache-2.0
"""hw.arith.lfsr against the golden model, in the Amaranth simulator."""

import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from golden.arith.lfsr import lfsr_bits as golden_bits
from hw.arith.lfsr import WIDTH, lfsr_advance, lfsr_bits


@pytest.mark.parametrize("count", [1, 2, 8, 31, 32, 33, 64, 256])
def test_many_steps_at_once(count, seed):
    state, bits, following = Signal(WIDTH), Signal(count), Signal(WIDTH)
    m = Module()
    m.d.comb += [bits.eq(lfsr_bits(state, count)), following.eq(lfsr_advance(state, count))]
    rng = random.Random(seed)
    values = [1, 1 << 31, 0xFFFFFFFF, *(rng.getrandbits(WIDTH) or 1 for _ in range(20))]

    async def testbench(ctx):
        for value in values:
            ctx.set(state, value)
            # two rows of steps against one long one: the second tells whether the state was right
            expected = golden_bits(value, 2 * count)
            for part in (expected[:count], expected[count:]):
                got = ctx.get(bits)
                assert [got >> i & 1 for i in range(count)] == part.tolist(), hex(value)
                ctx.set(state, ctx.get(following))

    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()
