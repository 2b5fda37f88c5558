# SPDX-License-Identifier: Apache-2.0
"""The driver before a port with the registers of docs/registers.md that computes by golden."""

import numpy as np
import pytest

from golden.arith.lfsr import seed_register
from golden.desne import Parameters, run_tile
from golden.desne.reduce import ReduceTable, make_table
from host.accelerator import JobFailed, JobRefused, JobTimeout, WrongHardware
from host.driver import Driver
from host.job import job_for, table_words
from host.job import register_writes as writes
from rtl_gen.interface import PRESETS, register_map

TINY = PRESETS["tiny"]
MEMORY = 0x5_0000_1000


class GoldenPort:
    """Registers and memory of a `tiny` accelerator; a start does at once what golden does.

    The numbers of golden's parameters come from the registers alone, so that a wrong one shows.
    """

    def __init__(self) -> None:
        self.map = register_map(TINY)
        self.words = {r.offset: r.reset for r in self.map}
        self.table: dict[int, tuple[int, int]] = {}
        self.memory: dict[int, int] = {}
        self.entries = self.starts = self.aborts = 0
        self.ending = {"errors": 0, "refusal": 0, "done": 1, "fired": True}

    def value(self, name: str, field: str = "value") -> int:
        return self.map[name].decode(self.words[self.map[name].offset])[field]

    def set(self, name: str, **values: int) -> None:
        self.words[self.map[name].offset] = self.map[name].encode(**values)

    def read(self, offset: int) -> int:
        return self.words[offset]

    def write(self, offset: int, value: int) -> None:
        register = next(r for r in self.map if r.offset == offset)
        assert 0 <= value < 1 << 32
        fields = register.decode(value)
        if register.name == "table_entry":
            self.table[fields["position"]] = (fields["bucket"], -1 if fields["sign"] else 1)
            self.entries += 1
        elif register.access.value == "w1c":
            self.words[offset] &= ~value
        elif register.name == "control":
            self.aborts += fields["abort"]
            if fields["start"]:
                self.start()
        else:
            assert register.access.value == "rw", f"{register.name} is not to be written"
            self.words[offset] = value

    def start(self) -> None:
        self.starts += 1
        self.words[self.map["errors"].offset] = self.ending["errors"]
        self.set("status", done=self.ending["done"], refusal=self.ending["refusal"], phase=3)
        if self.ending["done"]:
            self.compute()

    def compute(self) -> None:
        n, dimensions = self.value("samples"), self.value("sample_bytes")
        entries = [self.table[position] for position in range(dimensions)]
        table = ReduceTable(
            kind="from registers",
            bucket=np.array([bucket for bucket, _ in entries], np.int32),
            sign=np.array([sign for _, sign in entries], np.int8),
            shift=self.value("reduce", "shift"),
            offset=self.value("reduce", "offset"),
            features=self.value("features"),
        )
        address, result = (
            self.value(f"{name}_high") << 32 | self.value(f"{name}_low")
            for name in ("sample_address", "result_address")
        )
        content = [self.memory[address + i] for i in range(n * dimensions)]
        seed = next(s for s in range(100) if seed_register(s) == self.value("seed"))
        parameters = Parameters(
            perplexity=2 ** (self.value("target") / 65536),
            neighbours=self.value("neighbours"),
            iterations=self.value("iterations"),
            rule=self.map["rule"]["value"].values[self.value("rule")],
            drop=self.value("drop") / 4,
            spread=self.value("spread"),
            seed=seed,
        )
        samples = np.array(content, np.uint8).reshape(n, dimensions)
        chosen = run_tile(samples, table, parameters, self.value("budget")).chosen
        self.write_memory(result, chosen.astype("<u4").tobytes())
        self.set("count_bytes_read", value=n * dimensions)

    def wait_for_interrupt(self, timeout: int) -> bool:
        assert self.value("interrupt_enable", "done") and self.value("interrupt_enable", "error")
        return bool(self.ending["fired"])

    def write_memory(self, address: int, content: bytes) -> None:
        self.memory |= {address + i: byte for i, byte in enumerate(content)}

    def read_memory(self, address: int, length: int) -> bytes:
        return bytes(self.memory[address + i] for i in range(length))


@pytest.fixture
def port() -> GoldenPort:
    return GoldenPort()


def tile(seed: int, n: int = 20, dimensions: int = 24) -> tuple[np.ndarray, ReduceTable]:
    samples = np.random.default_rng(seed).integers(0, 256, (n, dimensions), np.uint8)
    return samples, make_table((dimensions,), TINY.features, seed)


@pytest.mark.parametrize(
    "parameters",
    [
        Parameters(perplexity=4, neighbours=8),
        Parameters(perplexity=2.7, neighbours=5, iterations=7, rule="grid", drop=0.5, seed=9),
        Parameters(perplexity=3, neighbours=8, iterations=0, rule="medoid", drop=0, spread=256),
    ],
)
def test_registers_hold_what_golden_is_told(port, seed, parameters) -> None:
    samples, table = tile(seed)
    driver = Driver(port, memory=MEMORY)
    chosen = driver.select(samples, table, parameters, 6)
    assert chosen.tolist() == run_tile(samples, table, parameters, 6).chosen.tolist()
    assert driver.counters()["bytes_read"] == samples.size


def test_every_job_register_is_written_once(seed) -> None:
    _, table = tile(seed)
    job = job_for(Parameters(), table, 20, 24, 6, sample_address=0, result_address=4096)
    offsets = [offset for offset, _ in writes(job)]
    table_entry = register_map()["table_entry"].offset
    selection = [r for r in register_map() if r.locked == "selection"]
    locked = [r.offset for r in selection if r.offset != table_entry]
    assert sorted(offsets) == locked


def test_only_entries_that_change_are_written(port) -> None:
    driver = Driver(port)
    wide, narrow = (tile(1, dimensions=dimensions)[1] for dimensions in (24, 9))
    counts = []
    for table in (wide, wide, narrow, wide):
        counts.append(driver.load(table))
        for position in range(len(table.bucket)):
            entry = (int(table.bucket[position]), int(table.sign[position]))
            assert port.table[position] == entry
    differing = int((table_words(wide)[:9] != table_words(narrow)).sum())
    assert counts == [24, 0, differing, differing] and port.entries == sum(counts)


def test_a_table_that_does_not_fit_the_register() -> None:
    table = make_table((70000,), 8, 1)
    with pytest.raises(ValueError, match="position 69999 does not fit"):
        table_words(table)


def test_refusals_name_reason_value_and_limit(port, seed) -> None:
    samples, table = tile(seed)
    numbers = {v: k for k, v in port.map["status"]["refusal"].values.items()}
    port.ending |= {"errors": 1, "refusal": numbers["neighbours"], "done": 0}
    with pytest.raises(JobRefused, match=r"neighbours, which is 19; .* up to 8") as caught:
        Driver(port).select(samples, table, Parameters(neighbours=20, perplexity=3), 5)
    assert caught.value.reason == "neighbours"


def test_errors_of_the_bus(port, seed) -> None:
    samples, table = tile(seed)
    port.ending |= {"errors": port.map["errors"].encode(read_decode=1), "done": 0}
    with pytest.raises(JobFailed, match="a read was answered DECERR") as caught:
        Driver(port).select(samples, table, Parameters(neighbours=8, perplexity=3), 5)
    assert caught.value.errors == ["read_decode"]


def test_a_job_that_never_ends_is_aborted(port, seed) -> None:
    samples, table = tile(seed)
    port.ending |= {"fired": False}
    with pytest.raises(JobTimeout, match="within 777 cycles, phase embed"):
        driver = Driver(port, timeout=777)
        driver.select(samples, table, Parameters(neighbours=8, perplexity=3), 5)
    assert port.aborts == 1


def test_the_wrong_hardware(port) -> None:
    Driver(port).expect({"samples": 32, "neighbours": 8})
    with pytest.raises(WrongHardware, match="samples 32, not 1024"):
        Driver(port).expect({"samples": 1024})
    version = port.map["version"]
    port.words[version.offset] = version.encode(major=version["major"].reset + 1)
    with pytest.raises(WrongHardware, match="generate the hardware again"):
        Driver(port)
    port.words[port.map["identity"].offset] = 0xDEADBEEF
    with pytest.raises(WrongHardware, match="identity is 0xdeadbeef"):
        Driver(port)
