# SPDX-License-Identifier: Apache-2.0
"""All registers of the accelerator as Verilog, driven by the AXI4-Lite master of cocotbext-axi.

Everything is expected from the register table alone. The coroutines run in the simulator (cocotb),
the functions called test_ start them (pytest).
"""

import cocotb
import pytest
from cocotbext.axi import AxiLiteMaster, AxiResp

from hw.bus.register_map import Access
from hw.config import PRESETS
from hw.register_block import RegisterBlock
from hw.registers import ADDRESS_WIDTH, register_map
from rtl_gen.blocks import generate_block
from verif.cocotb.axi import axi_lite_bus, lite_write, pause_all, quiet
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate

MODULE = "verif.cocotb.test_registers"
PRESET = PRESETS["tiny"]
TABLE = register_map(PRESET)
OKAY, SLVERR = AxiResp.OKAY, AxiResp.SLVERR
ALL = 0xFFFFFFFF
pytestmark = pytest.mark.verilator


class Driver:
    """Words by register name; every answer must be OKAY unless told."""

    def __init__(self, bench, pattern):
        self.bench, self.dut = bench, bench.dut
        self.master = AxiLiteMaster(axi_lite_bus(bench.dut), bench.dut.clk)
        pause_all(self.master, pattern, bench.seed)

    async def write(self, name, value, answer=OKAY):
        got = await self.master.write(TABLE[name].offset, value.to_bytes(4, "little"))
        assert got.resp == answer, f"{name}: {got.resp}"

    async def read(self, name):
        got = await self.master.read(TABLE[name].offset, 4)
        assert got.resp == OKAY, f"{name}: {got.resp}"
        return int.from_bytes(got.data, "little")

    async def check(self, name, expected):
        self.bench.compare(name, [await self.read(name)], [expected])

    def port(self, register, field):
        return self.dut[f"{register}__{field}"]


def served(*accesses):
    """Registers of these accesses that hardware sees."""
    inside = RegisterBlock.inside
    return [r for r in TABLE if r.access in accesses and r.name not in inside]


def whole(register):
    return sum(field.mask for field in register.fields)


async def reset_values(bench, driver):
    """Every word of the address space after reset: its value, or SLVERR and 0."""
    known = {register.offset: register.reset for register in TABLE}
    for offset in range(0, 1 << ADDRESS_WIDTH, 4):
        got = await driver.master.read(offset, 4)
        word = int.from_bytes(got.data, "little")
        expected = (OKAY, known[offset]) if offset in known else (SLVERR, 0)
        bench.compare(f"{offset:#x}", (got.resp, word), expected)
    for register in served(Access.READ_WRITE, Access.WRITE_ONE_TO_CLEAR, Access.WRITE_ONE_TO_SET):
        for field in register.fields:
            assert driver.port(register.name, field.name).value == field.reset
    assert driver.dut.irq.value == 0


async def read_write(bench, driver):
    """Random words with any strobes into every rw register; hardware sees what is read."""
    words = {r.name: r.reset for r in TABLE if r.access is Access.READ_WRITE}
    for _ in range(3):
        for name in words:
            data, strobes = int(bench.rng.integers(0, 1 << 32)), int(bench.rng.integers(0, 16))
            mask = sum(0xFF << 8 * lane for lane in range(4) if strobes >> lane & 1)
            assert await lite_write(driver.master, TABLE[name].offset, data, strobes) == OKAY
            words[name] = (words[name] & ~mask | data & mask) & whole(TABLE[name])
            await driver.check(name, words[name])
    for name, word in words.items():  # no write went anywhere else
        await driver.check(name, word)
        if name not in RegisterBlock.inside:
            for field, value in TABLE[name].decode(word).items():
                assert driver.port(name, field).value == value, f"{name}.{field}"


async def read_only(bench, driver):
    """Hardware's values come through; writes to ro and constant registers change nothing."""
    for register in served(Access.READ_ONLY):
        word = int(bench.rng.integers(0, 1 << 32)) & whole(register)
        for field, value in register.decode(word).items():
            driver.port(register.name, field).value = value
        await driver.write(register.name, ALL)
        await driver.check(register.name, word)
    for register in served(Access.CONSTANT):
        await driver.write(register.name, ALL ^ register.reset)
        await driver.check(register.name, register.reset)


async def sticky(bench, driver):
    """w1c and w1s bits one by one: they stay, and only their own bit clears them."""
    for register in served(Access.WRITE_ONE_TO_CLEAR):
        for field in register.fields:
            port = driver.port(register.name, f"set_{field.name}")
            port.value = 1
            await bench.clock.edges(1)
            port.value = 0
            await driver.check(register.name, field.mask)
            await driver.write(register.name, ALL ^ field.mask)
            await driver.check(register.name, field.mask)
            await driver.write(register.name, field.mask)
            await driver.check(register.name, 0)
    for register in served(Access.WRITE_ONE_TO_SET):
        for field in register.fields:
            await driver.write(register.name, field.mask)
            await driver.write(register.name, 0)
            await driver.check(register.name, field.mask)
            assert driver.port(register.name, field.name).value == 1
            port = driver.port(register.name, f"clear_{field.name}")
            port.value = 1
            await bench.clock.edges(1)
            port.value = 0
            await driver.check(register.name, 0)


async def orders(bench, driver):
    """wo registers pulse `written` once for each write, with the fields of the word."""
    for register in served(Access.WRITE_ONLY):
        pulses = []

        async def collect(register=register, pulses=pulses):
            while True:
                await bench.clock.edges(1)
                if driver.port(register.name, "written").value == 1:
                    fields = {f.name: driver.port(register.name, f.name) for f in register.fields}
                    pulses.append({name: int(port.value) for name, port in fields.items()})

        task = cocotb.start_soon(collect())
        words = [int(word) for word in bench.rng.integers(0, 1 << 32, 20)]
        for word in words:
            await driver.write(register.name, word)
        await driver.check(register.name, 0)
        task.cancel()
        got = [register.encode(**pulse) for pulse in pulses]
        bench.compare(register.name, got, [word & whole(register) for word in words])


ENGINES = {"selection": "", "gradient": "gradient_"}
"""What the names of an engine's wires and registers begin with."""


async def locked(bench, driver):
    """While an engine is busy, and from its order to start on, its locked registers refuse writes;
    all others do not."""
    for engine, prefix in ENGINES.items():
        here = [r for r in TABLE if r.locked == engine and r.access is Access.READ_WRITE]
        there = [r for r in TABLE if r.locked != engine and r.access is Access.READ_WRITE]
        assert here
        busy, clear = driver.dut[f"{prefix}busy"], driver.dut[f"{prefix}control__clear_start"]
        for condition in ("busy", "start"):
            if condition == "busy":
                busy.value = 1
            else:
                busy.value = 0
                control = f"{prefix}control"
                await driver.write(control, TABLE[control].encode(start=1))
            for register in here:
                await driver.write(register.name, ALL ^ register.reset, SLVERR)
                await driver.check(register.name, register.reset)
            await driver.write("table_entry", 5, SLVERR if engine == "selection" else OKAY)
            for register in there:
                await driver.write(register.name, register.reset)
        clear.value = 1
        await bench.clock.edges(1)
        clear.value = 0
        for register in here:
            await driver.write(register.name, register.reset ^ 1)
            await driver.check(register.name, register.reset ^ 1)
            await driver.write(register.name, register.reset)


async def interrupt(bench, driver):
    """The line follows status and enable; done and each error set their bit."""
    status = TABLE["interrupt_status"]

    async def pulse(name):
        driver.dut[name].value = 1
        await bench.clock.edges(1)
        driver.dut[name].value = 0
        await bench.clock.edges(3)

    causes = []
    for prefix in ENGINES.values():
        errors = TABLE[f"{prefix}errors"].fields
        causes.append((f"{prefix}done", f"{prefix}done"))
        causes += [(f"{prefix}errors__set_{f.name}", f"{prefix}error") for f in errors]
    for port, bit in causes:
        await driver.write("interrupt_enable", 0)
        await pulse(port)
        await driver.check("interrupt_status", status.encode(**{bit: 1}))
        assert driver.dut.irq.value == 0, "not enabled"
        others = {f.name: 1 for f in status.fields if f.name != bit}
        await driver.write("interrupt_enable", TABLE["interrupt_enable"].encode(**others))
        await bench.clock.edges(3)
        assert driver.dut.irq.value == 0, "another one is enabled"
        await driver.write("interrupt_enable", TABLE["interrupt_enable"].encode(**{bit: 1}))
        await bench.clock.edges(3)
        assert driver.dut.irq.value == 1
        await driver.write("interrupt_status", status.encode(**{bit: 1}))
        await bench.clock.edges(3)
        assert driver.dut.irq.value == 0


CHECKS = (reset_values, read_write, read_only, sticky, orders, locked, interrupt)


@cocotb.test()
@cocotb.parametrize(check=[check.__name__ for check in CHECKS], pattern=("none", "random"))
async def registers(dut, check, pattern):
    """Each of the checks above, from reset, with and without pauses of the master."""
    bench = Bench(dut)
    quiet(dut)
    await bench.start()
    await next(c for c in CHECKS if c.__name__ == check)(bench, Driver(bench, pattern))
    bench.finish(f"{check}, {pattern}")


def test_registers(seed):
    simulate(generate_block(PRESET, "registers"), MODULE, "registers", seed=seed)
