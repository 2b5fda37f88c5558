# SPDX-License-Identifier: Apache-2.0
"""The driver of the sparse-gradient unit: a job of golden.sgmac.run_job on the accelerator."""

from dataclasses import dataclass

import numpy as np

from golden.arith.lfsr import seed_register
from golden.sgmac import Convolution, JobResult, Update, bands, layout
from host.accelerator import MAP, PAGE, Accelerator, address_words
from rtl_gen.interface import GradientOperation

ARRAYS = ("channels", "input", "error", "result", "weights", "scale", "bias", "ranking")
"""What a job has in memory, in the order of addresses."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one job of the unit does: one band of one image, or the update alone."""

    sizes: Convolution
    selected: int
    accumulate: bool
    update: Update | None = None
    bias: bool = True


class GradientDriver(Accelerator):
    """Runs sparse-gradient jobs; parameters, attributes and errors are those of Accelerator.

    An image is a job of the unit, or a band of its rows where its maps are larger than the unit's
    planes; the later ones add to the first. An update is one more, over a map of a single zero, so
    that gradients and updated weights both come back.
    """

    engine = "gradient_"

    @property
    def beat(self) -> int:
        """Bytes a beat of the memory port."""
        return self.parameters["data_width"] // 8

    def run_job(
        self,
        x: np.ndarray,
        error: np.ndarray,
        channels: np.ndarray,
        convolution: Convolution,
        update: Update | None = None,
    ) -> tuple[JobResult, dict[str, int]]:
        """The result, and the counters summed over the jobs of the unit, by name.

        Arguments as of golden.sgmac.run_job, and legal for it. Raises as finish_order, and
        JobRefused for sizes beyond the generated ones.
        """
        sizes, selected = convolution, len(channels)
        place = channels if sizes.depthwise else slice(None)
        gradients = np.zeros(sizes.gradient_shape(selected), np.int32)
        packed = layout.pack_weights(gradients, self.beat, depthwise=sizes.depthwise)
        parts = [
            (
                band.convolution,
                {
                    "input": layout.pack_maps(x[:, :, band.rows], self.beat),
                    "error": layout.pack_maps(error[:, :, band.error_rows], self.beat),
                },
            )
            for band in bands(sizes, self.parameters["plane"])
        ]
        pieces = {
            name: max((maps[name][0] for _, maps in parts), key=lambda image: image.size)
            for name in ("input", "error")
        } | {
            "channels": layout.pack_channels(channels),
            "result": packed,
            "weights": np.empty(0, np.uint8),
            "scale": np.empty(0, np.uint8),
            "bias": np.empty(sizes.outputs(selected), np.int32),
        }
        if update is not None:
            pieces["weights"] = layout.pack_weights(
                update.weights, self.beat, depthwise=sizes.depthwise
            )
            pieces["scale"] = layout.pack_scale(
                update.multiplier[place], update.shift[place], self.beat, depthwise=sizes.depthwise
            )
        self._place(pieces)
        for name in ("channels", "weights", "scale"):
            self.port.write_memory(self._addresses[name], pieces[name].tobytes())
        total: dict[str, int] = {}
        for number in range(len(x)):
            for band, maps in parts:
                for name, images in maps.items():
                    self.port.write_memory(self._addresses[name], images[number].tobytes())
                self._run(Part(sizes=band, selected=selected, accumulate=bool(total)), total)
        content = np.frombuffer(self._read_array("result", packed.size), np.uint8)
        gradient = layout.unpack_weights(
            content.reshape(packed.shape),
            sizes.outputs(selected),
            sizes.kernel,
            np.int32,
            depthwise=sizes.depthwise,
        )
        bias = np.frombuffer(self._read_array("bias", 4 * len(pieces["bias"])), "<i4")
        weights = None
        if update is not None:
            weights = self._update(sizes, selected, update, pieces["weights"], total)
        result = JobResult(
            weight_gradient=gradient,
            bias_gradient=bias.astype(np.int32),
            weights=weights,
            saturated=total["saturated"],
        )
        return result, total

    def rank(self, weights: np.ndarray, *, depthwise: bool = False) -> np.ndarray:
        """A layer's input channels, most important first: int64 [C_in], as
        golden.sgmac.importance.ranking.

        weights: int8 [C_out, C_in, k, k] or depthwise [C, 1, k, k], legal for
        golden.sgmac.importance. Raises as run_job.
        """
        outputs, inputs, kernel, _ = weights.shape
        channels = outputs if depthwise else inputs
        packed = layout.pack_weights(weights, self.beat, depthwise=depthwise)
        self._place({"weights": packed, "ranking": np.empty(channels, np.uint32)})
        self.port.write_memory(self._addresses["weights"], packed.tobytes())
        self._order(
            in_channels={"value": channels},
            outputs={"value": outputs},
            kernel={"size": kernel},
            mode={"operation": GradientOperation.RANK, "depthwise": depthwise},
        )
        return self._read_words("ranking", channels)

    def schedule(
        self, ranking: np.ndarray, *, window: int, pool: int, place: int
    ) -> tuple[np.ndarray, int]:
        """A window's channels, int64, ascending, and the place of the window behind it: as
        golden.sgmac.schedule.window_channels and following_place.

        Raises as run_job; JobFailed for a ranking that names what is no channel, or one twice.
        """
        words = layout.pack_channels(ranking)
        self._place({"ranking": words, "channels": np.empty(window, np.uint32)})
        self.port.write_memory(self._addresses["ranking"], words.tobytes())
        self._order(
            in_channels={"value": len(ranking)},
            selected={"value": window},
            mode={"operation": GradientOperation.SCHEDULE},
            pool={"value": pool},
            place={"value": place},
        )
        following = self._read(f"{self.engine}following")
        return self._read_words("channels", window), following

    def _update(
        self,
        sizes: Convolution,
        selected: int,
        update: Update,
        packed: np.ndarray,
        total: dict[str, int],
    ) -> np.ndarray:
        """One more job that adds nothing to the gradients in memory and takes the step."""
        single = Convolution(
            out_channels=sizes.out_channels,
            in_channels=sizes.in_channels,
            kernel=sizes.kernel,
            depthwise=sizes.depthwise,
            **dict.fromkeys(("height", "width", "out_height", "out_width"), 1),
        )
        for name, count in (("input", sizes.in_channels), ("error", sizes.out_channels)):
            self.port.write_memory(self._addresses[name], bytes(count * self.beat))
        self._run(
            Part(sizes=single, selected=selected, accumulate=True, update=update, bias=False),
            total,
        )
        content = np.frombuffer(self._read_array("weights", packed.size), np.uint8)
        return layout.unpack_weights(
            content.reshape(packed.shape),
            sizes.out_channels,
            sizes.kernel,
            np.int8,
            depthwise=sizes.depthwise,
        )

    def _place(self, pieces: dict[str, np.ndarray]) -> None:
        """Gives every array pages of its own; maps of one zero fit where any map does."""
        address, self._addresses = self.memory, {}
        for name in ARRAYS:
            self._addresses[name] = address
            if name in pieces:
                address += -(-pieces[name].nbytes // PAGE) * PAGE

    def _run(self, part: Part, total: dict[str, int]) -> None:
        """One job of the unit; its counters are added to `total`."""
        sizes, update = part.sizes, part.update
        self._order(
            input_size={"width": sizes.width, "height": sizes.height},
            error_size={"width": sizes.out_width, "height": sizes.out_height},
            in_channels={"value": sizes.in_channels},
            outputs={"value": sizes.out_channels},
            selected={"value": part.selected},
            kernel={
                "size": sizes.kernel,
                "stride": sizes.stride,
                "padding": sizes.padding,
                "padding_above": sizes.above,
            },
            mode={
                "operation": GradientOperation.GRADIENT,
                "depthwise": sizes.depthwise,
                "accumulate": part.accumulate,
                "update": update is not None,
                "stochastic": update is not None and update.rounding == "stochastic",
                "bias": part.bias,
            },
            seed={"value": 1 if update is None else seed_register(update.seed)},
        )
        for name, value in self.counters().items():
            total[name] = total.get(name, 0) + value

    def _order(self, **words: dict[str, int]) -> None:
        """One job of the unit from these registers and the addresses, to its end."""
        for array, address in self._addresses.items():
            for name, word in address_words(f"{array}_address", address).items():
                words[name] = {"value": word}
        for name, fields in words.items():
            register = MAP[f"{self.engine}{name}"]
            fields = {field: int(value) for field, value in fields.items()}
            self.port.write(register.offset, register.encode(**fields))
        self.start_order()
        self.finish_order()

    def _read_words(self, name: str, count: int) -> np.ndarray:
        return np.frombuffer(self._read_array(name, 4 * count), "<u4").astype(np.int64)

    def _read_array(self, name: str, size: int) -> bytes:
        return self.port.read_memory(self._addresses[name], size)

    def _explain(self, reason: str) -> str:
        size = {
            "absent": "outputs",
            "input_size": "plane",
            "error_size": "plane",
            "in_channels": "channels",
            "selected": "channels",
            "outputs": "channels",
        }.get(reason, reason)
        if size in self.parameters:
            return f"; it was generated with {size} {self.parameters[size]}"
        return ""
