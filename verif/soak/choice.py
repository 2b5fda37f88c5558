# SPDX-License-Identifier: Apache-2.0
"""Random jobs that rank or choose channels, and what golden says of them."""

import numpy as np

from hw.config import Configuration
from hw.sgmac.registers import GradientOperation
from verif.sim.top import SimulatedPort
from verif.soak.gradient import PREFIX, UnitJob
from verif.soak.job import Mismatch
from verif.vectors.choice_memory import RankJob, ScheduleJob


class ChoiceJob(UnitJob):
    """rank or schedule."""

    def __init__(self, rng: np.random.Generator, config: Configuration, illegal: bool) -> None:
        count, unlisted = int(rng.integers(1, config.channels + 1)), False
        cases: list[tuple[str, str, str, list[int]]]
        if rng.random() < 0.5:
            kernel, depthwise = int(rng.integers(1, config.kernel + 1)), bool(rng.integers(2))
            shape = (count, 1) if depthwise else (int(rng.integers(1, 40)), count)
            few = rng.random() < 0.5  # many ties
            low, high = (-1, 2) if few else (-128, 128)
            weights = rng.integers(low, high, (*shape, kernel, kernel), np.int8)
            self.choice = RankJob(weights=weights, depthwise=depthwise, addresses={})
            self.used = ("weights", "ranking")
            what = f"rank {weights.shape} depthwise={depthwise}"
            cases = [
                ("kernel", "kernel", "size", [0, config.kernel + 1]),
                ("in_channels", "in_channels", "value", [0, config.channels + 1]),
                ("outputs", "outputs", "value", [0, 1 << 16]),
            ]
            if not depthwise and kernel == 3:  # more weights to a channel than can be added up
                cases += 3 * [("layer", "outputs", "value", [0xFFFF])]
        else:
            pool = int(rng.integers(1, count + 1))
            window, place = int(rng.integers(1, pool + 1)), int(rng.integers(pool))
            order = rng.permutation(count)
            unlisted = illegal and bool(rng.random() < 0.4)
            if unlisted:  # a word that is no channel, or one twice in the window
                spoilt, *others = (place + rng.permutation(window)[:2]) % pool
                order[spoilt] = int(rng.choice([count, 1 << 31, *order[others]]))
            self.choice = ScheduleJob(
                ranking=order, window=window, pool=pool, place=place, addresses={}
            )
            self.used = ("channels", "ranking")
            what = f"schedule C={count} K={window} pool={pool} place={place}"
            cases = [
                ("in_channels", "in_channels", "value", [0, config.channels + 1]),
                ("selected", "selected", "value", [0, count + 1]),
                ("pool", "pool", "value", [window - 1, count + 1]),
                ("place", "place", "value", [pool, 1 << 31]),
            ]
        beat = config.beat_bytes
        content = {name: len(piece) for name, piece in self.choice.contents(beat).items()}
        result = self.choice.window if isinstance(self.choice, ScheduleJob) else count
        super().__init__(what, config, content | {self.choice.result: 4 * result})
        numbers = self.choice.numbers()
        for name in ("in_channels", "outputs", "selected", "pool", "place"):
            self.fields[name] = {"value": numbers.get(name, int(rng.integers(1 << 32)))}
        self.fields["kernel"] = {"size": numbers.get("kernel", 99)}
        self.fields["mode"] = {
            "operation": int(numbers["operation"]),
            "depthwise": numbers.get("depthwise", int(rng.integers(2))),
        } | {name: int(rng.integers(2)) for name in ("accumulate", "update", "stochastic", "bias")}
        if unlisted:
            self.unlisted = True
            self.what += f" with the ranking {self.choice.contents(beat)}"
        elif illegal:
            self.spoil(rng, cases)

    def _result(self) -> np.ndarray:
        return self.choice.expected()

    def contents(self) -> dict[str, bytes]:
        return self.choice.contents(self.config.beat_bytes)

    def place(self, addresses, mirror) -> None:
        super().place(addresses, mirror)
        if not self.illegal and not self.unlisted:
            content = self._result().astype("<u4").view(np.uint8)
            self.expected = [(self.choice.result, content, np.ones(len(content), bool))]

    def check(self, port: SimulatedPort) -> int:
        if self.fields["mode"]["operation"] != GradientOperation.SCHEDULE:
            return 0
        got = port.read(port.map[f"{PREFIX}following"].offset)
        if got != self.choice.following:
            raise Mismatch(f"following is {got}, golden says {self.choice.following}")
        return 1
