# SPDX-License-Identifier: Apache-2.0
"""What a training step holds in memory.

Five lines, in bytes:

- updated weights and biases: those of the selected input channels, the biases where they are
  trained, and the whole classifier. Weights that stay as they are can lie in flash: not counted.
- optimiser state: none, for gradient descent without momentum.
- saved inputs: of every trained layer the selected channels of its input, and what the classifier
  reads.
- masks: one bit for every value behind a clip (ReLU, ReLU6) that an error passes on its way back.
- peak buffers: the most that is held beside the above at one moment of the forward and backward
  pass of the trained part: a layer's input and output (maps, or errors), the input or error that a
  shortcut waits with, and the gradient of the layer's selected weights, which step at once.

The frozen front saves nothing. Its blocks are taken to run row by row, so that of a map inside a
block only as many rows exist as the next kernel is high (the first convolution and the first block
are one). Dense training, for comparison, saves the whole input of every convolution of the network.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from host.trainer.network import Layer, Network


@dataclass(frozen=True, kw_only=True)
class Widths:
    """Bytes of a value. The defaults are those of an int8 accelerator; feature: of what the
    classifier reads."""

    weight: int = 1
    bias: int = 4
    saved: int = 1
    feature: int = 4
    map: int = 1
    gradient: int = 4


INT8 = Widths()


@dataclass(frozen=True)
class _Place:
    """A layer where it stands: sides of its input and output maps, and whether it is the first or
    last of a block of the tail."""

    layer: Layer
    block: int
    side: int
    out_side: int

    @property
    def inputs(self) -> int:
        return self.layer.inputs * self.side**2

    @property
    def outputs(self) -> int:
        return self.layer.outputs * self.out_side**2


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A network, where its trained part begins, and how much of every layer is updated a step.

    start: the first trained block, len(network.blocks) for the classifier alone. channels: input
    channels updated a step of every layer from there on. batch: images a step. All sums in bytes.
    """

    network: Network
    side: int
    classes: int
    start: int
    channels: dict[str, int]
    biases: bool
    batch: int = 1
    widths: Widths = INT8

    @cached_property
    def places(self) -> tuple[_Place, ...]:
        """All layers of the network with the sizes of their maps."""
        found = []
        for number, (block, side) in enumerate(
            zip(self.network.blocks, self.network.sides(self.side), strict=False)
        ):
            inner = side
            for layer in block.layers:
                found.append(_Place(layer, number, inner, inner := -(-inner // layer.stride)))
            for layer in block.all_layers[len(block.layers) :]:
                found.append(_Place(layer, number, side, inner))
        return tuple(found)

    @property
    def tail(self) -> tuple[_Place, ...]:
        """The layers of the trained part."""
        return tuple(place for place in self.places if place.block >= self.start)

    @property
    def updated(self) -> int:
        """Convolution weights updated a step."""
        return sum(p.layer.window_weights(self.channels[p.layer.name]) for p in self.tail)

    @property
    def ratio(self) -> float:
        """Share of the convolution weights of the whole network updated a step."""
        return self.updated / self.network.weights

    @property
    def parameters_bytes(self) -> int:
        """Updated weights and biases, the classifier's included."""
        weights = self.updated + self.network.features * self.classes
        biases = sum(p.layer.outputs for p in self.tail) if self.biases else 0
        return weights * self.widths.weight + (biases + self.classes) * self.widths.bias

    @property
    def optimiser_bytes(self) -> int:
        """Gradient descent without momentum has no state."""
        return 0

    @property
    def inputs_bytes(self) -> int:
        """Saved inputs of the selected channels, and of the classifier."""
        maps = sum(self.channels[p.layer.name] * p.side**2 for p in self.tail)
        return self.batch * (maps * self.widths.saved + self.network.features * self.widths.feature)

    @property
    def masks_bytes(self) -> int:
        """One bit for every value behind a clip of the trained part, whole bytes a map."""
        sizes = [p.outputs for p in self.tail if p.layer.ceiling is not None]
        for number in range(self.start, len(self.network.blocks)):
            if self.network.blocks[number].ceiling is not None:
                sizes.append(self._outputs(number))
        return sum(math.ceil(self.batch * size / 8) for size in sizes)

    @property
    def features_bytes(self) -> int:
        """Feature memory: what is saved from forward to backward of the convolutions."""
        classifier = self.batch * self.network.features * self.widths.feature
        return self.inputs_bytes - classifier + self.masks_bytes

    @property
    def dense_features_bytes(self) -> int:
        """Feature memory of dense training of the whole network."""
        return self.batch * self.widths.saved * sum(p.inputs for p in self.places)

    @property
    def saved_share(self) -> float:
        """Feature memory saved against dense training of the whole network."""
        return 1 - self.features_bytes / self.dense_features_bytes

    @property
    def peak_bytes(self) -> int:
        """Peak buffers of the trained part."""
        classifier = self.network.features * self.classes * self.widths.gradient
        last = self.batch * self._outputs(len(self.network.blocks) - 1) * self.widths.map
        return max(
            classifier + self.batch * self.network.features * self.widths.map,
            last if self.start < len(self.network.blocks) else 0,
            *self._buffers(),
        )

    @property
    def front_bytes(self) -> int:
        """Peak buffers of the frozen front, row by row; the trained part's input is still whole."""
        return max((size for size in self._front()), default=0) * self.batch * self.widths.map

    @property
    def total_bytes(self) -> int:
        """The five lines together."""
        return (
            self.parameters_bytes
            + self.optimiser_bytes
            + self.inputs_bytes
            + self.masks_bytes
            + self.peak_bytes
        )

    @property
    def needed_bytes(self) -> int:
        """What must fit: the five lines, or the front where that is more."""
        return max(self.total_bytes, self.parameters_bytes + self.front_bytes)

    def figures(self) -> dict[str, Any]:
        """All of the above by name, as documents hold it."""
        return {
            "batch": self.batch,
            "updated_weights": self.updated,
            "updated_share": self.ratio,
            "weights_and_biases_bytes": self.parameters_bytes,
            "optimiser_state_bytes": self.optimiser_bytes,
            "saved_inputs_bytes": self.inputs_bytes,
            "masks_bytes": self.masks_bytes,
            "peak_buffers_bytes": self.peak_bytes,
            "total_bytes": self.total_bytes,
            "front_bytes": self.front_bytes,
            "feature_memory_bytes": self.features_bytes,
            "dense_feature_memory_bytes": self.dense_features_bytes,
            "feature_memory_saved": self.saved_share,
        }

    def _outputs(self, block: int) -> int:
        side = self.network.sides(self.side)[block + 1]
        return self.network.blocks[block].outputs * side**2

    def _buffers(self) -> Iterator[int]:
        """Bytes at every layer of the trained part, forward and backward."""
        scale = self.batch * self.widths.map
        for number in range(self.start, len(self.network.blocks)):
            block = self.network.blocks[number]
            places = [p for p in self.places if p.block == number]
            main = places[: len(block.layers)]
            shortcut = bool(block.shortcut)
            entering, leaving = main[0].inputs, main[-1].outputs
            for p in main:
                first, last = p is main[0], p is main[-1]
                gradient = p.layer.window_weights(self.channels[p.layer.name])
                of_input = 0 if first and number == self.start else p.inputs
                forward = p.inputs + p.outputs + (entering if shortcut and not first else 0)
                backward = p.outputs + of_input + (leaving if shortcut and not last else 0)
                yield forward * scale
                yield backward * scale + gradient * self.widths.gradient
            for p in places[len(block.layers) :]:
                gradient = p.layer.window_weights(self.channels[p.layer.name])
                yield (leaving + p.inputs + p.outputs) * scale
                yield (entering + p.inputs + p.outputs) * scale + gradient * self.widths.gradient

    def _front(self) -> Iterator[int]:
        """Values held in every frozen block (the first two as one)."""
        together = 2 if len(self.network.blocks[0].layers) == 1 else 1
        groups = [range(min(together, self.start))]
        groups += [range(number, number + 1) for number in range(together, self.start)]
        for group in groups:
            places = [p for p in self.places if p.block in group]
            if not places:
                continue
            rings = sum(
                reader.layer.kernel * maker.out_side * maker.layer.outputs
                for maker, reader in pairwise(places)
            )
            yield places[0].inputs + places[-1].outputs + rings
