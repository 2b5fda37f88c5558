# SPDX-License-Identifier: Apache-2.0
"""Rounds of the soak: one or two jobs, a fault or none, and what has to hold after each."""

from collections import Counter

import numpy as np

from hw.bus.register_map import Access
from hw.bus.signature import Response
from hw.config import Configuration
from verif.sim.top import AccessRefused, SimulatedPort
from verif.soak.choice import ChoiceJob
from verif.soak.gradient import PREFIX, GradientJob
from verif.soak.job import Job, Mismatch
from verif.soak.memory import Mirror, base_of, lay_out
from verif.soak.selection import SelectionJob
from verif.soak.tally import FAULTS, Tally

WITHOUT = "none"
MASTER = {"": 0, PREFIX: 1}
ENDED = 300
"""Cycles after the end of a job in which nothing may happen any more."""


class Bench:
    """An accelerator that works off rounds; `seed` and the number of a round decide all of it.

    limit: cycles a job may take where the memory does not stall; the hang of a job is a Mismatch.
    engines: prefixes of the engines that get jobs.
    """

    def __init__(
        self,
        port: SimulatedPort,
        config: Configuration,
        seed: int,
        limit: int = 200_000,
        engines: tuple[str, ...] = ("", PREFIX),
    ) -> None:
        self.port, self.config, self.seed, self.limit = port, config, seed, limit
        self.engines = engines
        self.mirror = Mirror(port, base_of(seed, 0))
        self.tally = Tally()
        self._faulty = False  # the round before
        self._enable()

    def round(self, number: int) -> None:
        """Draws and runs one; Mismatch, SimulationError or AccessRefused if something is wrong."""
        rng = np.random.default_rng([self.seed, number])
        self.mirror.move(base_of(self.seed, number))
        stall = float(rng.choice([0, 0, 0.2, 0.5, rng.uniform(0, 0.8)]))
        latency = int(rng.choice([0, 1, rng.integers(2, 60)]))
        self.port.set_memory(
            latency=latency,
            stall=stall,
            outstanding=int(rng.choice([1, 2, 8])),
            seed=int(rng.integers(1 << 31)),
        )
        self._patience = int((self.limit + 500 * latency) / (1 - stall) ** 2)
        fault = WITHOUT if rng.random() < 0.5 else str(rng.choice(FAULTS))
        self.jobs = self._draw(rng, fault)
        self._place(rng)
        self.tally.rounds += 1
        self.tally.jobs += len(self.jobs)
        self.tally.both += len(self.jobs) == 2
        self._response = Response(int(rng.integers(2, 4)))
        took_effect = self._run(rng, fault)
        if took_effect:
            self.tally.faults[fault] += 1
        self._faulty = took_effect

    # ---- the parts of a round

    def _draw(self, rng: np.random.Generator, fault: str) -> list[Job]:
        engines = self.engines if rng.random() < 0.3 else (str(rng.choice(self.engines)),)
        spoiled = str(rng.choice(engines)) if fault == "illegal" else None
        jobs = []
        for engine in engines:
            kind = SelectionJob
            if engine == PREFIX:
                kind = GradientJob if rng.random() < 0.7 else ChoiceJob
            jobs.append(kind(rng, self.config, engine == spoiled))
        return jobs

    def _place(self, rng: np.random.Generator) -> None:
        sizes = {f"{j.engine}:{name}": size for j in self.jobs for name, size in j.sizes.items()}
        places = lay_out(rng, sizes, self.mirror.base, self.config.beat_bytes)
        for job in self.jobs:
            own = f"{job.engine}:"
            job.place(
                {n.removeprefix(own): a for n, a in places.items() if n.startswith(own)},
                self.mirror,
            )
            job.prepare(self.port)
            for name, word in job.words.items():
                self._write(name, word)

    def _run(self, rng: np.random.Generator, fault: str) -> bool:
        port = self.port
        began = port.activity().cycle
        if fault == "read_error":
            port.fail(beat=int(10 ** rng.uniform(0, 2.6)), response=self._response)
        if fault == "write_error":
            port.fail(burst=int(10 ** rng.uniform(0, 1.2)), response=self._response)
        for job in self.jobs:
            for name in ("control", "errors", "status"):
                port.read(port.map[f"{job.engine}{name}"].offset)
            self._write(f"{job.engine}control", 1)
            if rng.random() < 0.5:
                port.step(int(rng.integers(500)))
        victim = self.jobs[int(rng.integers(len(self.jobs)))]
        after = int(10 ** rng.uniform(0, 4.2))
        told, disturbed = Counter(), 0
        if fault in ("reset", "abort"):
            self._wait_for_phase(victim, 1 + after % 5) if after % 2 else port.step(after)
            for job in self.jobs:  # for coverage: the phase that it ends in
                self._fields(f"{job.engine}status")
        if fault == "reset":
            return self._reset()
        if fault == "abort":
            self._write(f"{victim.engine}control", 2)
        if fault == "disturbed":
            told[victim.engine], disturbed = self._disturb(rng, victim)
        self._wait()
        port.fail()  # what did not strike does not strike later
        ended = [self._outcome(job, fault, told[job.engine]) for job in self.jobs]
        port.step(ENDED if not all(ended) else 10)
        self._compare(dict(zip([j.engine for j in self.jobs], ended, strict=True)))
        for job in self.jobs:
            errors = port.map[f"{job.engine}errors"]
            port.write(errors.offset, 0xFFFF_FFFF)
        self._write("interrupt_status", 0xF)
        self.tally.cycles += port.activity().cycle - began
        return not all(ended) or bool(disturbed)

    def _disturb(self, rng: np.random.Generator, victim: Job) -> tuple[int, int]:
        """Accesses that must change nothing; returns how many starts were refused as busy, and how
        many accesses of either kind a job under way refused."""
        port, starts, refused = self.port, 0, 0
        registers = list(port.map)
        for _ in range(int(rng.integers(1, 6))):
            port.step(int(rng.integers(200)))
            for register in rng.choice(len(registers), 5):
                port.read(registers[register].offset)
            for access in (port.read, lambda offset: port.write(offset, 0xFFFF_FFFF)):
                try:
                    access(int(rng.choice([0x008, 0x180, 0x2F0, 0xFFC])))
                except AccessRefused:
                    continue
                raise Mismatch("an access to an offset without a register went well")
            busy = self._fields(f"{victim.engine}status")["busy"]
            if not busy:
                break
            unit = victim.engine == PREFIX
            locked = [
                r
                for r in registers
                if r.locked
                and r.name.startswith(PREFIX) == unit
                and r.access in (Access.READ_WRITE, Access.WRITE_ONLY)
            ]
            register = locked[int(rng.integers(len(locked)))]
            try:
                port.write(register.offset, int(rng.integers(1 << 32)))
            except AccessRefused:
                refused += 1
            else:
                if self._fields(f"{victim.engine}status")["busy"]:
                    raise Mismatch(f"{register.name} was written while its engine was at work")
                # the job had just ended; following hangs on registers, so what was there comes back
                self._write(register.name, victim.words.get(register.name, 0))
                break
            if self._fields(f"{victim.engine}errors")["refused"]:
                continue
            # only a start that surely finds the job under way: an ended job would begin anew
            if self.port.activity(MASTER[victim.engine]).read_bursts == 0:
                self._write(f"{victim.engine}control", 1)
                port.step(8)
                starts += self._fields(f"{victim.engine}errors")["refused"]
                self._fields(f"{victim.engine}status")
        return starts, refused + starts

    def _wait_for_phase(self, job: Job, phase: int) -> None:
        """Until the job is seen in this phase, or has ended."""
        for _ in range(self._patience):
            status = self._fields(f"{job.engine}status")
            if not status["busy"] or status["phase"] == phase:
                return

    def _wait(self) -> None:
        """Until every job has ended."""
        left = {job.engine for job in self.jobs}
        while left:
            if not self.port.wait_for_interrupt(self._patience):
                phases = [self._fields(f"{e}status")["phase"] for e in sorted(left)]
                raise Mismatch(f"no interrupt in {self._patience} cycles, phases {phases}")
            word = self._read("interrupt_status")
            events = self.port.map["interrupt_status"].decode(word)
            self._write("interrupt_status", word)  # what comes in the meantime stays
            for engine in sorted(left):
                if events[f"{engine}done"] or events[f"{engine}error"]:
                    status = self._fields(f"{engine}status")
                    if not status["busy"] and not self._fields(f"{engine}control")["start"]:
                        left.remove(engine)

    def _outcome(self, job: Job, fault: str, starts: int) -> bool:
        """Whether the job ended well; Mismatch if it may not have ended as it did."""
        errors = {n for n, bit in self._fields(f"{job.engine}errors").items() if bit}
        status = self._fields(f"{job.engine}status")
        activity = self.port.activity(MASTER[job.engine])
        if starts:
            errors -= {"refused"}
        if job.illegal:
            names = self.port.map[f"{job.engine}status"]["refusal"].values
            reason = names.get(status["refusal"])
            if errors != {"refused"} or reason != job.illegal:
                raise Mismatch(f"{errors} because of {reason}: {job.illegal} was expected")
            if activity.read_bursts or activity.write_bursts:
                raise Mismatch("a refused job touched memory")
            self.tally.early += 1
            return False
        allowed = set()
        if job.unlisted:
            allowed = {"channels"}
        elif activity.failed:
            kind = "slave" if self._response is Response.SLVERR else "decode"
            allowed = {f"{fault.removesuffix('_error')}_{kind}"}
        elif fault == "abort":
            allowed = {"aborted"}
        must = job.unlisted or activity.failed
        if errors - allowed or (must and len(errors & allowed) != 1):
            raise Mismatch(f"errors {errors}: one of {allowed} was expected")
        if status["done"] == bool(errors) or status["busy"]:
            raise Mismatch(f"status {status} with errors {errors}")
        if activity.under_way and len(self.jobs) == 1:
            raise Mismatch("the job has ended, and bursts are under way")
        self.tally.early += bool(errors)
        return not errors

    def _compare(self, ended: dict[str, bool]) -> None:
        """All of the memory, and what a good end leaves in registers."""
        window, beyond = self.mirror.content()
        if beyond:
            raise Mismatch(f"memory was written at {beyond[0]:#x}, where no job has anything")
        for job in self.jobs:
            done, total = job.written(self.mirror, window)
            if ended.get(job.engine) and done != total:
                raise Mismatch(f"{job.what}: {total - done} of {total} bytes of the result differ")
        self.tally.memory_bytes += len(window)
        if (wrong := np.flatnonzero(window != self.mirror.window)).size:
            place = int(wrong[0])
            raise Mismatch(
                f"{wrong.size} bytes that no job has to write differ, the first at "
                f"{self.mirror.base + place:#x}"
            )
        for job in self.jobs:
            if not ended.get(job.engine):
                continue
            self.tally.values += job.check(self.port)
            activity = self.port.activity(MASTER[job.engine])
            for name, seen in (
                ("read_bursts", activity.read_bursts),
                ("write_bursts", activity.write_bursts),
                ("bytes_written", activity.written),
            ):
                counted = self._read(f"{job.engine}count_{name}")
                if counted != seen:
                    raise Mismatch(f"{name}: {counted} counted, {seen} seen")
            self.tally.good += 1
            self.tally.next_exact += self._faulty

    def _reset(self) -> bool:
        self.port.reset()
        self.port.step(ENDED)
        before = [self.port.activity(master).written for master in MASTER.values()]
        self.port.step(ENDED)
        if before != [self.port.activity(master).written for master in MASTER.values()]:
            raise Mismatch("memory is written after a reset")
        self._compare({})
        self.tally.early += len(self.jobs)
        self._enable()
        return True

    # ---- registers

    def _enable(self) -> None:
        self._write("interrupt_enable", 0xF)

    def _write(self, name: str, word: int) -> None:
        self.port.write(self.port.map[name].offset, int(word))

    def _read(self, name: str) -> int:
        return self.port.read(self.port.map[name].offset)

    def _fields(self, name: str) -> dict[str, int]:
        return self.port.map[name].decode(self._read(name))
