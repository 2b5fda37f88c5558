# SPDX-License-Identifier: Apache-2.0
"""What turns register accesses, bursts and results into hits of the coverage model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from golden.desne import TileResult
from golden.desne.calibrate import Status
from golden.desne.distance import distance
from hw.bus.register_map import RegisterMap
from hw.bus.signature import PAGE
from hw.config import Configuration
from hw.registers import Phase, Refusal, Rule
from hw.sgmac.registers import GradientOperation, GradientPhase, GradientRefusal
from verif.coverage import enabled
from verif.coverage.functional import sample

ERRORS = ("read_slave", "read_decode", "write_slave", "write_decode")
SMALL = 64
"""Samples of a tile up to which ties are looked for."""
COORDINATE_LIMIT = 1 << 14


class Registers:
    """Follows the accesses to both engines' registers.

    A job counts when its status is read as done; an abort or reset counts for the phase that was
    read last, since the job was started.
    """

    def __init__(self, config: Configuration, table: RegisterMap) -> None:
        self.config, self.table = config, table
        self.on = enabled("functional") and config.name == "tiny"
        self.reset_values()

    def reset_values(self) -> None:
        self.words = {register.name: register.reset for register in self.table}
        self.started = {"": False, "gradient_": False}
        self.phase = {"": 0, "gradient_": 0}

    def _field(self, register: str, field: str = "value") -> int:
        return self.table[register].decode(self.words[register])[field]

    def wrote(self, name: str, word: int) -> None:
        """An accepted write."""
        if not self.on:
            return
        self.words[name] = word
        for prefix in self.started:
            if name == f"{prefix}control":
                fields = self.table[name].decode(word)
                if fields["start"] and not self.started[prefix]:
                    self.started[prefix], self.phase[prefix] = True, 0
                if fields["abort"]:
                    self._ended(prefix, "abort")

    def reset(self) -> None:
        """The reset of the accelerator."""
        if self.on:
            for prefix in self.started:
                self._ended(prefix, "reset")
            self.reset_values()

    def _ended(self, prefix: str, how: str) -> None:
        if self.started[prefix] and self.phase[prefix]:
            kind = GradientPhase if prefix else Phase
            engine = "gradient" if prefix else "selection"
            sample(f"{engine}.{how} in", kind(self.phase[prefix]).name)
        self.started[prefix] = False

    def read(self, name: str, word: int) -> None:
        """A read that was answered."""
        if not self.on:
            return
        for prefix in self.started:
            if name == f"{prefix}status":
                self._status(prefix, self.table[name].decode(word))
            elif name == f"{prefix}errors":
                self._errors(prefix, self.table[name].decode(word))

    def _status(self, prefix: str, status: Mapping[str, int]) -> None:
        self.phase[prefix] = status["phase"]
        if status["refusal"]:
            reasons = GradientRefusal if prefix else Refusal
            engine = "gradient" if prefix else "selection"
            sample(f"{engine}.refusal", reasons(status["refusal"]).name)
        if self.started[prefix] and status["done"] and not status["busy"]:
            self.started[prefix] = False
            if not status["refusal"]:
                (self._unit_job if prefix else self._selection)()

    def _errors(self, prefix: str, errors: Mapping[str, int]) -> None:
        found = [name for name in ERRORS if errors[name]]
        if prefix and (found or errors["channels"]):
            operation = GradientOperation(self._field("gradient_mode", "operation")).name
            sample("gradient.error", *(f"{operation}, {name}" for name in found))
            if errors["channels"]:
                sample("gradient.illegal list", operation)
        elif not prefix:
            sample("selection.error", *found)
        if any(errors.values()):
            self.started[prefix] = False

    def _selection(self) -> None:
        n, size, budget = (self._field(name) for name in ("samples", "sample_bytes", "budget"))
        config, beat = self.config, self.config.beat_bytes
        names = [str(n)] if n in (2, 3, 32) else []
        sample("selection.samples", *names, "odd" if n % 2 else "even")
        names = ["1"] if size == 1 else []
        names += ["below a beat"] if size < beat else []
        names += ["whole beats" if size % beat == 0 else "ragged"]
        sample("selection.bytes", *names, *(["most"] if size == config.dimensions else []))
        names = ["1"] if budget == 1 else []
        names += ["all"] if budget == n else []
        sample("selection.budget", *(names or ["some"]))
        rule = Rule(self._field("rule")).name.lower()
        sample("selection.rule and drop", f"{rule}, {self._field('drop') / 4}")
        if rule == "medoid":
            spread = self._field("spread")
            sample("selection.spread", {0: "0", 256: "256"}.get(spread, "between"))
        count = self._field("iterations")
        sample(
            "selection.iterations", "10 and more" if count >= 10 else count if count < 2 else "some"
        )
        k = self._field("neighbours")
        sample("selection.neighbours", "all others" if k == n - 1 else "the nearest of more")

    def _unit_job(self) -> None:
        if self.started[""] and self.phase[""]:
            sample("both.gradients end during", Phase(self.phase[""]).name)
        mode = self.table["gradient_mode"].decode(self.words["gradient_mode"])
        operation = GradientOperation(mode["operation"])
        if operation is GradientOperation.RANK:
            sample("choice.rank", "depthwise" if mode["depthwise"] else "dense")
        elif operation is GradientOperation.SCHEDULE:
            window, pool, place = (
                self._field(f"gradient_{name}") for name in ("selected", "pool", "place")
            )
            names = ["wraps"] if place + window > pool else []
            names += ["the pool"] if window == pool else []
            names += ["one channel"] if window == 1 else []
            sample("choice.window", *(names or ["some"]))
        else:
            self._gradient(mode)

    def _gradient(self, mode: Mapping[str, int]) -> None:
        kernel = self.table["gradient_kernel"].decode(self.words["gradient_kernel"])
        maps = self.table["gradient_input_size"].decode(self.words["gradient_input_size"])
        outputs, lanes = self._field("gradient_outputs"), self.config.outputs
        sample("gradient.kernel", kernel["size"])
        sample("gradient.stride", kernel["stride"] if kernel["stride"] < 3 else "3 and more")
        above, side = kernel["padding_above"], kernel["padding"]
        sample("gradient.padding", "uneven" if above != side else "even" if above else "none")
        sample("gradient.kind", "depthwise" if mode["depthwise"] else "dense")
        block = "below a block" if outputs < lanes else "ragged blocks"
        sample("gradient.outputs", block if outputs % lanes else "whole blocks")
        size = maps["width"] * maps["height"]
        whole = size == self.config.plane
        sample("gradient.map", "one value" if size == 1 else "a whole plane" if whole else "some")
        sample("gradient.sums", "accumulated" if mode["accumulate"] else "new")
        sample("gradient.bias", "yes" if mode["bias"] else "no")
        rounding = "stochastic" if mode["stochastic"] else "nearest"
        sample("gradient.update", rounding if mode["update"] else "none")


def tile(result: TileResult, kind: str) -> None:
    """What a whole job computed; kind of its reduce table."""
    if not enabled("functional"):
        return
    sample("selection.reduce", kind)
    features = result.features
    sample("selection.feature", *(str(v) for v in (0, 255) if (features == v).any()))
    sample("selection.feature", *(["between"] if ((features > 0) & (features < 255)).any() else []))
    sample("selection.status", *(Status(value).name for value in result.status.tolist()))
    at_limit = np.isin(result.coordinates, (-COORDINATE_LIMIT, COORDINATE_LIMIT - 1)).any()
    sample("selection.coordinates", "at the limit" if at_limit else "inside")
    k = result.neighbours.shape[1]
    if k + 1 < len(features) <= SMALL:
        d = np.sort(distance(features) + (np.eye(len(features), dtype=np.int64) << 40), axis=1)
        sample("selection.tie at the cut", "yes" if (d[:, k - 1] == d[:, k]).any() else "no")


def channels(listed: Sequence[int], of: int) -> None:
    """The channel list of a gradient job of a layer of so many channels."""
    listed = list(listed)
    names = ["odd" if len(listed) % 2 else "even"]
    names += ["one"] if len(listed) == 1 else []
    names += ["all"] if len(listed) == of else []
    names += ["neither first nor last"] if listed[0] > 0 and listed[-1] < of - 1 else []
    names += ["with gaps"] if listed[-1] - listed[0] >= len(listed) else []
    sample("gradient.channels", *names)


def update(result: Any, job: Any) -> None:
    """Steps of an update: what run_job gave for a job with channels, sizes and an update."""
    if not enabled("functional"):
        return
    scale = np.stack([job.update.multiplier, job.update.shift]).astype(np.int64)
    if job.sizes.depthwise:
        scale = scale[:, list(job.channels)]
    gradient = np.asarray(result.weight_gradient, np.int64)
    product = gradient.reshape(len(gradient), -1) * scale[0][:, None]
    one = np.left_shift(1, scale[1])[:, None]
    rest = product % one
    for name, hit in (
        ("no fraction", rest == 0),
        ("tie", 2 * rest == one),
        ("down", (rest > 0) & (2 * rest < one)),
        ("up", 2 * rest > one),
    ):
        if hit.any():
            sample("gradient.rounding", name)
    sample("gradient.saturated", "yes" if result.saturated else "no")


class Port:
    """Bursts and stalls of one side ("read" or "write") of the memory port, from its rules.

    Ports of other names are those of single blocks, and do not count.
    """

    def __init__(self, side: str, rules: Any, member: str) -> None:
        self.side, self.rules, self._bursts = side, rules, 0
        self.on = enabled("functional") and member == "memory"

    def step(self, values: Mapping[str, int]) -> None:
        """Behind each step of the rules."""
        if not self.on:
            return
        prefixes = ("ar",) if self.side == "read" else ("aw", "w")
        for name in prefixes:
            if values[f"{name}valid"] and not values[f"{name}ready"]:
                sample("port.stalled channel", name)
        answers = "r" if self.side == "read" else "b"
        if self.rules.under_way and not values[f"{answers}valid"]:
            sample("port.stalled channel", answers)
        for _, address, beats in self.rules.offered[self._bursts :]:
            self._bursts += 1
            end = address + beats * self.rules.beat
            sample(f"port.{self.side}.beats of a burst", beats if beats in (1, 64) else "some")
            names = ["ends with it"] if end % PAGE == 0 else []
            names += ["begins with it"] if address % PAGE == 0 else []
            sample(f"port.{self.side}.page of 4 KiB", *(names or ["inside"]))
            count = self.rules.under_way
            sample(f"port.{self.side}.bursts under way", count if count < 4 else "4 and more")
