# SPDX-License-Identifier: Apache-2.0
"""Random selection jobs and what golden says of them."""

import numpy as np

from golden.arith.lfsr import seed_register
from golden.desne import Parameters, TileResult
from golden.desne.calibrate import calibrate
from golden.desne.distance import distance
from golden.desne.embed import Schedule, embed
from golden.desne.reduce import ReduceTable, make_table, reduce
from golden.desne.sample import RULES, sample
from host.job import job_for, table_words
from hw.config import Configuration
from verif.coverage import observers
from verif.sim.jobs import COMPARED
from verif.sim.top import SimulatedPort
from verif.soak.job import Job, Mismatch

LEAST = {"samples": 2, "sample_bytes": 1, "features": 1, "neighbours": 1, "budget": 1}
REASONS = (
    *(*LEAST, "iterations", "rule", "drop", "spread"),
    *("sample_address", "result_address"),
)


def illegal_value(rng: np.random.Generator, reason: str, config: Configuration, n: int) -> int:
    """What the register of this name must not have; of addresses what is added. Below, one above,
    or with any one bit above."""
    if reason.endswith("_address"):
        return int(rng.integers(1, config.beat_bytes))
    most = {
        "samples": config.samples,
        "sample_bytes": config.dimensions,
        "features": config.features,
        "neighbours": min(config.neighbours, n - 1),
        "iterations": 1023,
        "rule": 2,
        "drop": 2,
        "spread": 256,
        "budget": n,
    }[reason]
    values = [most + 1, 1 << int(rng.integers(most.bit_length(), 32))]
    if reason in LEAST:
        values += [0, LEAST[reason] - 1]
    return int(rng.choice(values))


class SelectionJob(Job):
    """A tile with every number that the registers hold drawn."""

    def __init__(self, rng: np.random.Generator, config: Configuration, illegal: bool) -> None:
        n = int(rng.choice([2, 3, config.samples, int(rng.integers(2, config.samples + 1))]))
        dimensions = int(rng.choice([config.dimensions, rng.integers(1, config.dimensions + 1)]))
        self.samples = _samples(rng, n, dimensions)
        self.table = _table(rng, dimensions, config.features)
        neighbours = int(rng.integers(1, config.neighbours + 1))
        most = min(neighbours, n - 1)
        self.parameters = Parameters(
            perplexity=float(rng.choice([1, most, rng.uniform(1, most)], p=[0.1, 0.2, 0.7])),
            neighbours=neighbours,
            iterations=int(rng.choice([0, 1, rng.integers(2, 20)])),
            rule=str(rng.choice(RULES)),
            drop=float(rng.choice([0.0, 0.25, 0.5])),
            spread=int(rng.choice([0, 256, rng.integers(0, 257)])),
            seed=int(rng.integers(1 << 32)),
        )
        self.budget = int(rng.choice([1, n, rng.integers(1, n + 1)]))
        self.schedule = Schedule(iterations=self.parameters.iterations)
        if rng.random() < 0.5:
            self.schedule = Schedule(
                iterations=self.parameters.iterations,
                rate=int(rng.integers(0, 256)),
                exaggeration=int(rng.integers(0, 16)),
                early_momentum=int(rng.integers(0, 16)),
                momentum=int(rng.integers(0, 16)),
            )
        elif rng.random() < 0.1:  # as far as coordinates go
            self.schedule = Schedule(
                iterations=int(rng.integers(10, 40)),
                rate=255,
                exaggeration=0,
                early_momentum=15,
                momentum=15,
            )
        super().__init__(
            engine="",
            sizes={"sample": n * dimensions, "result": 4 * self.budget},
            words={},
            what=f"selection n={n} D={dimensions} F={self.table.features} budget={self.budget} "
            f"{self.parameters} {self.schedule}",
        )
        if illegal:
            self.illegal = str(rng.choice(REASONS))
            self.wrong = illegal_value(rng, self.illegal, config, n)
            self.what += f" with {self.illegal} {self.wrong}"

    def place(self, addresses, mirror) -> None:
        n, dimensions = self.samples.shape
        job = job_for(
            self.parameters,
            self.table,
            n,
            dimensions,
            self.budget,
            sample_address=0,
            result_address=0,
            schedule=self.schedule,
        )
        map = mirror.port.map
        for name in ("reduce", "schedule"):
            parts = {part.name: getattr(job, part.name) for part in map[name].fields}
            self.words[name] = map[name].encode(**parts)
        names = {register.name for register in map}
        self.words |= {k: v for k, v in vars(job).items() if k in names and k not in self.words}
        super().place(addresses, mirror)
        if self.illegal.endswith("_address"):
            self.words[f"{self.illegal}_low"] += self.wrong
        elif self.illegal:
            self.words[self.illegal] = self.wrong
        else:
            self.golden = self._golden()
            content = self.golden.chosen.astype("<u4").view(np.uint8)
            self.expected = [("result", content, np.ones(len(content), bool))]

    def contents(self) -> dict[str, bytes]:
        return {"sample": self.samples.tobytes()}

    def prepare(self, port: SimulatedPort) -> None:
        offset = port.map["table_entry"].offset
        for word in table_words(self.table):
            port.write(offset, int(word))

    def check(self, port: SimulatedPort) -> int:
        trace, values = port.trace(), 0
        observers.tile(self.golden, self.table.kind)
        for name in COMPARED:
            got, wanted = getattr(trace, name), getattr(self.golden, name)
            if got.shape != wanted.shape or (wrong := int((got != wanted).sum())):
                raise Mismatch(f"{name}: {wrong} of {wanted.size} values differ")
            values += wanted.size
        return values

    def _golden(self) -> TileResult:
        """As golden.desne.run_tile, with any schedule of the descent."""
        register = seed_register(self.parameters.seed)
        features = reduce(self.samples, self.table)
        known = calibrate(
            distance(features), self.parameters.perplexity, self.parameters.neighbours
        )
        coordinates = embed(features, known.neighbours, known.weights, register, self.schedule)
        chosen = sample(
            coordinates,
            known.neighbours,
            features,
            self.budget,
            rule=self.parameters.rule,
            drop_quarters=round(4 * self.parameters.drop),
            spread=self.parameters.spread,
            phase=register & 0xFFFF,
        )
        return TileResult(
            chosen=chosen,
            features=features,
            coordinates=coordinates,
            **{name: getattr(known, name) for name in COMPARED if name != "coordinates"},
        )


def _samples(rng: np.random.Generator, n: int, dimensions: int) -> np.ndarray:
    """Any bytes, small ones, ones of a few kinds, or all the same."""
    kind = rng.integers(6)
    shape = n, dimensions
    if kind == 0:
        return np.full(shape, rng.integers(256), np.uint8)
    if kind == 1:
        return rng.choice(np.array([0, 255], np.uint8), shape)
    if kind == 2:
        few = rng.integers(0, 256, (int(rng.integers(1, 5)), dimensions), np.uint8)
        return few[rng.integers(0, len(few), n)]
    if kind == 3:
        return rng.integers(0, 9, shape, np.uint8)
    return rng.integers(0, 256, shape, np.uint8)


def _table(rng: np.random.Generator, dimensions: int, most: int) -> ReduceTable:
    """One that software makes, or any."""
    if rng.random() < 0.5:
        return make_table((dimensions,), most, int(rng.integers(100)))
    features = int(rng.integers(1, most + 1))
    return ReduceTable(
        kind="any",
        bucket=rng.integers(0, features, dimensions).astype(np.int32),
        sign=rng.choice(np.array([1, -1], np.int8), dimensions),
        shift=int(rng.integers(0, 8)),
        offset=int(rng.integers(0, 256)),
        features=features,
    )
