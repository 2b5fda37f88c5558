# SPDX-License-Identifier: Apache-2.0
"""The driver of the accelerator: what a job writes to the registers, and what comes back.

It knows nothing of what is behind its port: a compiled simulation (verif/sim/top.py), or hardware.
"""

from typing import Protocol

import numpy as np

from golden.desne import Parameters
from golden.desne.reduce import ReduceTable
from host.job import MAP, Job, job_for, register_writes, table_words

PAGE = 4096
INDEX_BYTES = 4
TIMEOUT = 1 << 30
"""Clock cycles; longer than any job of the presets."""


class Port(Protocol):
    """The way to one accelerator and to the memory it reads.

    An access that is answered with an error raises OSError.
    """

    def read(self, offset: int) -> int:
        """The 32-bit register at this byte offset."""
        ...

    def write(self, offset: int, value: int) -> None:
        """Writes the 32-bit register at this byte offset."""
        ...

    def wait_for_interrupt(self, timeout: int) -> bool:
        """Returns when the interrupt line is high (True) or `timeout` clock cycles have passed."""
        ...

    def write_memory(self, address: int, content: bytes) -> None:
        """Puts bytes where the accelerator can read them."""
        ...

    def read_memory(self, address: int, length: int) -> bytes:
        """Bytes the accelerator wrote."""
        ...


class DriverError(RuntimeError):
    """The accelerator did not do what it was asked; the message says what and why."""


class WrongHardware(DriverError):
    """What answers is not an accelerator this driver can use."""


class JobRefused(DriverError):
    """The accelerator refused a job. `reason`: name of the refusal in the status register."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class JobFailed(DriverError):
    """A job ended early. `errors`: names of the bits set in the errors register."""

    def __init__(self, errors: list[str]) -> None:
        texts = [bit.description for bit in MAP["errors"].fields if bit.name in errors]
        super().__init__(f"the job ended early: {'; '.join(texts)}")
        self.errors = errors


class JobTimeout(DriverError):
    """No interrupt came in time; the job was aborted."""


class Driver:
    """Runs jobs on the accelerator behind a port, one after the other.

    Parameters
    ----------
    port: the way to it.
    memory: address from which on the accelerator's memory is free for samples and results.
    timeout: clock cycles a job may take.

    Raises
    ------
    WrongHardware: something else answers, or a version this driver does not know.
    """

    def __init__(self, port: Port, memory: int = 0, timeout: int = TIMEOUT) -> None:
        self.port = port
        self.memory = memory
        self.timeout = timeout
        self._entries = np.empty(0, np.uint32)
        self._check()
        interrupts = MAP["interrupt_enable"]
        self._write("interrupt_enable", **{bit.name: 1 for bit in interrupts.fields})

    def _check(self) -> None:
        identity = self._read("identity")
        expected = MAP["identity"].reset
        if identity != expected:
            raise WrongHardware(f"identity is {identity:#010x}: {expected:#010x} was expected")
        version, own = self._read_fields("version"), MAP["version"]
        if version["major"] != own["major"].reset or version["minor"] < own["minor"].reset:
            raise WrongHardware(
                f"the registers have version {version['major']}.{version['minor']}: this driver "
                f"needs {own['major'].reset}.{own['minor'].reset}, so generate the hardware again"
            )
        prefix = "parameter_"
        names = [r.name for r in MAP if r.name.startswith(prefix)]
        self.parameters = {name.removeprefix(prefix): self._read(name) for name in names}
        """The sizes it was generated with, by their names in hw/config.py."""

    def expect(self, sizes: dict[str, int]) -> None:
        """WrongHardware unless the accelerator was generated with these sizes."""
        for name, value in sizes.items():
            if self.parameters.get(name) != value:
                raise WrongHardware(
                    f"the hardware has {name} {self.parameters.get(name)}, not {value}"
                )

    def load(self, table: ReduceTable) -> int:
        """Brings the reduction table up to date; returns how many entries that took."""
        words = table_words(table)
        known = len(self._entries)
        changed = np.ones(len(words), bool)
        changed[:known] = words[:known] != self._entries[: len(words)]
        entry = MAP["table_entry"].offset
        for word in words[changed]:
            self.port.write(entry, int(word))
        self._entries = np.concatenate([words, self._entries[len(words) :]])
        return int(changed.sum())

    def run(self, job: Job) -> None:
        """Writes the job's registers, starts it and waits for its end.

        Raises
        ------
        JobRefused, JobFailed, JobTimeout: the job did not end well. The next job can be run.
        """
        self.start(job)
        self.finish(job)

    def start(self, job: Job) -> None:
        """Clears what is left of the last job, writes the registers, gives the order."""
        for name in ("errors", "interrupt_status"):
            self._write(name, **{bit.name: 1 for bit in MAP[name].fields})
        for offset, value in register_writes(job):
            self.port.write(offset, value)
        self._write("control", start=1)

    def abort(self) -> None:
        """Orders the end of the job under way; the interrupt tells when it has ended."""
        self._write("control", abort=1)

    def finish(self, job: Job) -> None:
        """Waits for the end of the job that was started; raises as `run`."""
        if not self.port.wait_for_interrupt(self.timeout):
            phases = MAP["status"]["phase"].values
            phase = phases.get(self._read_fields("status")["phase"], "unknown")
            self.abort()
            self.port.wait_for_interrupt(self.timeout)
            raise JobTimeout(
                f"no interrupt within {self.timeout:,} cycles, phase {phase}; the job was aborted"
            )
        status = self._read_fields("status")
        errors = [name for name, value in self._read_fields("errors").items() if value]
        if "refused" in errors:
            raise self._refusal(job, status["refusal"])
        if errors:
            raise JobFailed(errors)
        if not status["done"]:
            raise DriverError("an interrupt came, but the job has neither ended nor failed")

    def _refusal(self, job: Job, number: int) -> JobRefused:
        reason = MAP["status"]["refusal"].values.get(number, f"number {number}")
        text = f"the accelerator refused the job because of {reason}"
        if hasattr(job, reason):
            text += f", which is {getattr(job, reason)}"
        size = {"sample_bytes": "dimensions"}.get(reason, reason)
        if size in self.parameters:
            text += f"; it was generated for {size} up to {self.parameters[size]}"
        return JobRefused(reason, text)

    def select(
        self, samples: np.ndarray, table: ReduceTable, parameters: Parameters, budget: int
    ) -> np.ndarray:
        """The positions of the chosen samples, int64[budget] ascending; raises as `run`.

        samples: uint8[n, D]. The other arguments as those of golden.desne.run_tile.
        """
        n, dimensions = samples.shape
        content = np.ascontiguousarray(samples, np.uint8).tobytes()
        job = job_for(
            parameters,
            table,
            n,
            dimensions,
            budget,
            sample_address=self.memory,
            result_address=self.memory + -(-len(content) // PAGE) * PAGE,
        )
        self.load(table)
        self.port.write_memory(job.sample_address, content)
        self.run(job)
        result = self.port.read_memory(job.result_address, INDEX_BYTES * budget)
        return np.frombuffer(result, "<u4").astype(np.int64)

    def counters(self) -> dict[str, int]:
        """The counters of the last job, by name without `count_`."""
        prefix = "count_"
        names = [r.name for r in MAP if r.name.startswith(prefix)]
        return {name.removeprefix(prefix): self._read(name) for name in names}

    def _read(self, name: str) -> int:
        return self.port.read(MAP[name].offset)

    def _read_fields(self, name: str) -> dict[str, int]:
        return MAP[name].decode(self._read(name))

    def _write(self, name: str, **values: int) -> None:
        self.port.write(MAP[name].offset, MAP[name].encode(**values))
