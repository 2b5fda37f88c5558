# SPDX-License-Identifier: Apache-2.0
"""A job as the registers of the accelerator hold it."""

from dataclasses import dataclass, fields

import numpy as np

from golden.arith.lfsr import seed_register
from golden.desne import Parameters
from golden.desne.calibrate import entropy_target
from golden.desne.embed import Schedule
from golden.desne.reduce import ReduceTable
from host.accelerator import MAP, address_words


@dataclass(frozen=True, kw_only=True)
class Job:
    """The numbers of a job as the registers hold them; docs/registers.md has their meanings.

    Nothing is checked here: the hardware refuses what it cannot do.
    """

    sample_address: int
    result_address: int
    samples: int
    sample_bytes: int
    features: int
    neighbours: int
    target: int
    iterations: int
    seed: int
    budget: int
    rule: int
    drop: int
    spread: int
    shift: int
    offset: int
    rate: int
    exaggeration: int
    early_momentum: int
    momentum: int


def job_for(
    parameters: Parameters,
    table: ReduceTable,
    n: int,
    dimensions: int,
    budget: int,
    *,
    sample_address: int,
    result_address: int,
    schedule: Schedule | None = None,
) -> Job:
    """The job that does what golden.desne.run_tile does with the same arguments.

    n samples of `dimensions` bytes each are expected at sample_address; the chosen positions go to
    result_address. Both are multiples of the bytes a beat of the memory port.
    """
    schedule = schedule or Schedule(iterations=parameters.iterations)
    rules = {name: value for value, name in MAP["rule"]["value"].values.items()}
    return Job(
        sample_address=sample_address,
        result_address=result_address,
        samples=n,
        sample_bytes=dimensions,
        features=table.features,
        neighbours=min(parameters.neighbours, n - 1),
        target=entropy_target(parameters.perplexity),
        iterations=schedule.iterations,
        seed=seed_register(parameters.seed),
        budget=budget,
        rule=rules[parameters.rule],
        drop=round(4 * parameters.drop),
        spread=parameters.spread,
        shift=table.shift,
        offset=table.offset,
        rate=schedule.rate,
        exaggeration=schedule.exaggeration,
        early_momentum=schedule.early_momentum,
        momentum=schedule.momentum,
    )


def register_writes(job: Job) -> list[tuple[int, int]]:
    """(offset, value) of every job register, all but the entries of the reduction table."""
    words = {}
    for name in ("sample_address", "result_address"):
        words |= address_words(name, getattr(job, name))
    for name in ("reduce", "schedule"):
        parts = {part.name: getattr(job, part.name) for part in MAP[name].fields}
        words[name] = MAP[name].encode(**parts)
    for field in fields(Job):
        if any(field.name == register.name for register in MAP):
            words[field.name] = MAP[field.name].encode(value=getattr(job, field.name))
    return [(MAP[name].offset, word) for name, word in words.items()]


def table_words(table: ReduceTable) -> np.ndarray:
    """uint32[D], what is written to the register table_entry for each byte of a sample.

    Raises ValueError when an entry does not fit into the register.
    """
    register = MAP["table_entry"]
    position, bucket, sign = (register[name] for name in ("position", "bucket", "sign"))
    count = len(table.bucket)
    for part, largest in ((position, count - 1), (bucket, int(table.bucket.max()))):
        if largest >> part.width:
            raise ValueError(f"{part.name} {largest} does not fit a reduction table entry")
    words = np.arange(count, dtype=np.uint32) << position.low
    words |= table.bucket.astype(np.uint32) << bucket.low
    return words | (table.sign < 0).astype(np.uint32) << sign.low
