# SPDX-License-Identifier: Apache-2.0
"""The AXI4-Lite slave as Verilog, before the master of cocotbext-axi, with a model of registers.

The coroutines run in the simulator (cocotb), the functions called test_ start them (pytest).
"""

import cocotb
import pytest
from cocotb.triggers import Combine, RisingEdge
from cocotbext.axi import AxiLiteMaster, AxiResp

from hw.bus.lite_slave import LiteSlave
from rtl_gen.verilog import generate
from verif.cocotb.axi import axi_lite_bus, lite_read, lite_write, pause_all, quiet
from verif.cocotb.bench import Bench
from verif.cocotb.runner import simulate
from verif.cocotb.streams import PATTERNS

MODULE = "verif.cocotb.test_lite_slave"
BYTES = 256
"""Of the model; accesses beyond are refused."""
pytestmark = pytest.mark.verilator


async def registers(dut, contents, accesses):
    """What stands behind the register bus."""
    answer = None  # shows at the second edge behind the access
    while True:
        await RisingEdge(dut.clk)
        if answer is not None:
            dut.bus__error.value, dut.bus__read_data.value = answer
            answer = None
        write, read = dut.bus__write_enable.value == 1, dut.bus__read_enable.value == 1
        if not (write or read):
            continue
        assert not (write and read)
        address = int(dut.bus__address.value)
        accesses.append((write, address))
        refused = address >= BYTES
        answer = refused, 0xDEADBEEF  # only a good read may show anything else
        if not refused and read:
            answer = refused, int.from_bytes(contents[address : address + 4], "little")
        if not refused and write:
            data = int(dut.bus__write_data.value).to_bytes(4, "little")
            for lane in range(4):
                if int(dut.bus__write_strobe.value) >> lane & 1:
                    contents[address + lane] = data[lane]


async def begin(dut, pattern="none"):
    bench = Bench(dut)
    quiet(dut)
    await bench.start()
    contents, accesses = bytearray(BYTES), []
    cocotb.start_soon(registers(dut, contents, accesses))
    master = AxiLiteMaster(axi_lite_bus(dut), dut.clk)
    pause_all(master, pattern, bench.seed)
    return bench, master, contents, accesses


@cocotb.test()
@cocotb.parametrize(pattern=PATTERNS)
async def accesses(dut, pattern):
    """Random writes of 1 to 12 bytes and of any strobes, with reads between them; all answers."""
    bench, master, contents, _ = await begin(dut, pattern)
    expected = bytearray(BYTES)
    rng = bench.rng
    for _ in range(40):
        address, length = 4 * int(rng.integers(0, BYTES // 2)), int(rng.integers(1, 13))
        data = rng.bytes(length)
        answer = await master.write(address, data)
        inside = max(0, min(address + length, BYTES) - address)
        expected[address : address + inside] = data[:inside]
        good = (address + length - 1) // 4 * 4 < BYTES
        bench.compare("write", [answer.resp], [AxiResp.OKAY if good else AxiResp.SLVERR])

        address, strobes = 4 * int(rng.integers(0, BYTES // 4)), int(rng.integers(0, 16))
        data = rng.bytes(4)
        word = int.from_bytes(data, "little")
        bench.compare("strobes", [await lite_write(master, address, word, strobes)], [0])
        for lane in range(4):
            if strobes >> lane & 1:
                expected[address + lane] = data[lane]
        got = await master.read(address, 4)
        assert got.resp == AxiResp.OKAY
        bench.compare("read", got.data, expected[address : address + 4])
    assert contents == expected
    bench.finish(pattern)


@cocotb.test()
@cocotb.parametrize(late=("aw", "w", "none"))
async def back_to_back(dut, late):
    """Queued writes and reads at the same time; address or data of a write comes late."""
    bench, master, contents, seen = await begin(dut)
    if late != "none":
        pause_all(master, "none", bench.seed)
        channel = getattr(master.write_if, f"{late}_channel")
        channel.set_pause_generator([1, 1, 1, 0] * 1000)
    image = bench.rng.bytes(BYTES // 2)
    contents[BYTES // 2 :] = other = bench.rng.bytes(BYTES // 2)
    start = bench.clock.cycle
    write = cocotb.start_soon(master.write(0, image))
    read = cocotb.start_soon(master.read(BYTES // 2, BYTES // 2))
    await Combine(write, read)
    cycles = bench.clock.cycle - start
    bench.compare("written", contents[: BYTES // 2], image)
    bench.compare("read", read.result().data, other)
    assert [a for is_write, a in seen if is_write] == list(range(0, BYTES // 2, 4))
    if late == "none":
        assert cycles <= 4 * (BYTES // 8) + 20, "not a write and a read every four cycles"
    bench.finish(late)


@cocotb.test()
async def refusals(dut):
    """SLVERR beyond the registers, and without an access at no multiple of 4."""
    bench, master, contents, seen = await begin(dut)
    contents[:] = before = bench.rng.bytes(BYTES)
    for address in (BYTES, 0xFFC):
        written = await master.write(address, b"abcd")
        got = await master.read(address, 4)
        bench.compare("answers", [written.resp, got.resp], [AxiResp.SLVERR] * 2)
        assert got.data == bytes(4)
    del seen[:]
    for address in (1, 2, 3, 0xFFF):
        answers = [await lite_write(master, address, 0, 15), *await lite_read(master, address)]
        bench.compare("unaligned", answers, [2, 2, 0])
    assert not seen and contents == before
    got = await master.read(0, 4)
    assert got.resp == AxiResp.OKAY and got.data == before[:4]
    bench.finish()


@pytest.fixture(scope="module")
def block():
    return generate(LiteSlave(12), "lite_slave")


@pytest.mark.parametrize("case", ["accesses", "back_to_back", "refusals"])
def test_lite_slave(block, case, seed):
    simulate(block, MODULE, case, seed=seed)
