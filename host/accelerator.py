# SPDX-License-Identifier: Apache-2.0
"""An accelerator behind a port: what the drivers of its engines share.

Nothing here knows what is behind the port: a compiled simulation (verif/sim/top.py), or hardware.
"""

from typing import Protocol

from rtl_gen.interface import register_map

MAP = register_map()
"""Names and offsets; they are the same for every configuration."""

PAGE = 4096
WORD = (1 << 32) - 1
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
    """A job ended early. `errors`: names of the bits set in the errors register `register`."""

    def __init__(self, errors: list[str], register: str = "errors") -> None:
        texts = [bit.description for bit in MAP[register].fields if bit.name in errors]
        super().__init__(f"the job ended early: {'; '.join(texts)}")
        self.errors = errors


class JobTimeout(DriverError):
    """No interrupt came in time; the job was aborted."""


def address_words(name: str, address: int) -> dict[str, int]:
    """The words of the two registers that hold an address, by their names."""
    return {f"{name}_low": address & WORD, f"{name}_high": address >> 32}


class Accelerator:
    """One engine of the accelerator behind a port; it runs one job after the other.

    Parameters
    ----------
    port: the way to it.
    memory: address from which on the accelerator's memory is free for this engine.
    timeout: clock cycles a job may take.

    Attributes
    ----------
    engine: what the names of the engine's registers begin with. parameters: the sizes it was
    generated with, by their names in hw/config.py.

    Raises
    ------
    WrongHardware: something else answers, or a version this driver does not know.
    """

    engine = ""

    def __init__(self, port: Port, memory: int = 0, timeout: int = TIMEOUT) -> None:
        self.port = port
        self.memory = memory
        self.timeout = timeout
        self._check()
        interrupts = (f"{self.engine}done", f"{self.engine}error")
        self._write("interrupt_enable", **dict.fromkeys(interrupts, 1))
        self._interrupts = dict.fromkeys(interrupts, 1)

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

    def expect(self, sizes: dict[str, int]) -> None:
        """WrongHardware unless the accelerator was generated with these sizes."""
        for name, value in sizes.items():
            if self.parameters.get(name) != value:
                raise WrongHardware(
                    f"the hardware has {name} {self.parameters.get(name)}, not {value}"
                )

    def start_order(self) -> None:
        """Clears what is left of the last job and gives the order to start."""
        errors = f"{self.engine}errors"
        self._write(errors, **{bit.name: 1 for bit in MAP[errors].fields})
        self._write("interrupt_status", **self._interrupts)
        self._write(f"{self.engine}control", start=1)

    def abort(self) -> None:
        """Orders the end of the job under way; the interrupt tells when it has ended."""
        self._write(f"{self.engine}control", abort=1)

    def finish_order(self) -> None:
        """Waits for the end of the job that was started.

        Raises
        ------
        JobRefused, JobFailed, JobTimeout: the job did not end well. The next job can be run.
        """
        if not self.port.wait_for_interrupt(self.timeout):
            phases = MAP[f"{self.engine}status"]["phase"].values
            phase = phases.get(self._read_fields(f"{self.engine}status")["phase"], "unknown")
            self.abort()
            self.port.wait_for_interrupt(self.timeout)
            raise JobTimeout(
                f"no interrupt within {self.timeout:,} cycles, phase {phase}; the job was aborted"
            )
        register = f"{self.engine}errors"
        status = self._read_fields(f"{self.engine}status")
        errors = [name for name, value in self._read_fields(register).items() if value]
        if "refused" in errors:
            number = status["refusal"]
            names = MAP[f"{self.engine}status"]["refusal"].values
            reason = names.get(number, f"number {number}")
            text = f"the accelerator refused the job because of {reason}"
            raise JobRefused(reason, text + self._explain(reason))
        if errors:
            raise JobFailed(errors, register)
        if not status["done"]:
            raise DriverError("an interrupt came, but the job has neither ended nor failed")

    def _explain(self, reason: str) -> str:
        """What else to say about a refusal."""
        return ""

    def counters(self) -> dict[str, int]:
        """The counters of the last job, by name without `count_`."""
        prefix = f"{self.engine}count_"
        names = [r.name for r in MAP if r.name.startswith(prefix)]
        return {name.removeprefix(prefix): self._read(name) for name in names}

    def _read(self, name: str) -> int:
        return self.port.read(MAP[name].offset)

    def _read_fields(self, name: str) -> dict[str, int]:
        return MAP[name].decode(self._read(name))

    def _write(self, name: str, **values: int) -> None:
        self.port.write(MAP[name].offset, MAP[name].encode(**values))
