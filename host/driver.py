# SPDX-License-Identifier: Apache-2.0
"""The driver of the selection: what a job writes to the registers, and what comes back."""

import numpy as np

from golden.desne import Parameters
from golden.desne.reduce import ReduceTable
from host.accelerator import MAP, PAGE, TIMEOUT, Accelerator, Port
from host.job import Job, job_for, register_writes, table_words

INDEX_BYTES = 4


class Driver(Accelerator):
    """Runs selection jobs; parameters, attributes and errors are those of Accelerator."""

    def __init__(self, port: Port, memory: int = 0, timeout: int = TIMEOUT) -> None:
        super().__init__(port, memory, timeout)
        self._entries = np.empty(0, np.uint32)
        self._job: Job | None = None

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
        """Writes the job's registers, starts it and waits for its end; raises as finish_order."""
        self.start(job)
        self.finish(job)

    def start(self, job: Job) -> None:
        """Writes the registers and gives the order."""
        for offset, value in register_writes(job):
            self.port.write(offset, value)
        self.start_order()

    def finish(self, job: Job) -> None:
        """Waits for the end of the job that was started; raises as finish_order."""
        self._job = job
        self.finish_order()

    def _explain(self, reason: str) -> str:
        text = f", which is {getattr(self._job, reason)}" if hasattr(self._job, reason) else ""
        size = {"sample_bytes": "dimensions"}.get(reason, reason)
        if size in self.parameters:
            text += f"; it was generated for {size} up to {self.parameters[size]}"
        return text

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
