# SPDX-License-Identifier: Apache-2.0
"""What an accelerator is generated for: sizes, named presets and the widths that follow."""

import dataclasses
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

CODE_WIDTH = 13
"""Bits of the inverse-temperature code c: beta = 2^(c/256 - 28)."""

LIMITS = {
    "samples": (2, 1 << 16),
    "dimensions": (1, 1 << 16),
    "features": (1, 1 << 12),  # distances below 2^28: at the smallest beta no weight is below 1/2
    "rows": (1, 256),
    "lanes": (1, 128),
    "neighbours": (1, (1 << 16) - 1),
    "points": (1, 256),
    "outputs": (0, 128),
    "plane": (8, 1 << 16),  # sums of a plane fit 32 bits
    "kernel": (1, 15),
    "channels": (1, (1 << 16) - 1),
}
"""Smallest and largest value of each size."""

DATA_WIDTHS = (64, 128, 256)
"""Bits of a beat on the memory port."""


def width_for(maximum: int) -> int:
    """Bits of an unsigned number 0..maximum (at least one)."""
    return max(maximum.bit_length(), 1)


def distance_maximum(features: int) -> int:
    """Largest squared distance of two samples with this many unsigned bytes: features * 255^2."""
    return features * 255**2


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The sizes an accelerator is generated with; any illegal value or combination is a ValueError.

    Parameters
    ----------
    name: lower-case letters, digits and underscores, a letter first; names modules and files.
    samples: most samples in a tile, n <= samples; 2..65536.
    dimensions: most bytes of a raw sample, D <= dimensions; 1..65536, a multiple of lanes.
    features: most reduced features of a sample, F <= features; 1..4096, a multiple of lanes.
    rows: samples held by the distance array (R); 1..256, at most samples.
    lanes: bytes a beat (W); 1..128, a power of two.
    neighbours: most neighbours kept for a sample (K); 1..samples - 1.
    points: points held by the embedding (L); 1..256, at most samples.
    data_width: bits of a beat on the memory port; 64, 128 or 256.
    outputs: multipliers of the sparse-gradient unit, each for one output (P_o); 1..128, a power of
        two, or 0 for an accelerator without the unit, whose next three sizes are not used.
    plane: most bytes of one channel's map; 8..65536, a power of two, at least a beat.
    kernel: most taps a side of a convolution; 1..15.
    channels: most input channels of a convolution; 1..65535.
    """

    name: str
    samples: int
    features: int
    rows: int
    lanes: int
    neighbours: int
    dimensions: int = 4096
    points: int = 1
    data_width: int = 64
    outputs: int = 0
    plane: int = 2048
    kernel: int = 7
    channels: int = 2048

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(
                f"name is {self.name!r}: it must start with a lower-case letter and hold only "
                "lower-case letters, digits and underscores"
            )
        for key, (low, high) in LIMITS.items():
            value = getattr(self, key)
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{key} is {value!r}: it must be an integer from {low} to {high}")
            if not low <= value <= high:
                raise ValueError(f"{key} is {value}: it must be from {low} to {high}")
        if not isinstance(self.data_width, int) or self.data_width not in DATA_WIDTHS:
            raise ValueError(f"data_width is {self.data_width!r}: it must be 64, 128 or 256")
        for key in ("lanes", "outputs", "plane"):
            value = getattr(self, key)
            if value & (value - 1):
                raise ValueError(f"{key} is {value}: it must be a power of two")
        if self.plane < self.beat_bytes:
            raise ValueError(
                f"plane is {self.plane}: it must be at least a beat of data_width, which is "
                f"{self.beat_bytes} bytes"
            )
        for key in ("features", "dimensions"):
            value = getattr(self, key)
            if value % self.lanes:
                raise ValueError(
                    f"{key} is {value}: it must be a multiple of lanes, which is {self.lanes}"
                )
        if self.rows > self.samples:
            raise ValueError(
                f"rows is {self.rows}: it must be at most samples, which is {self.samples}"
            )
        if self.points > self.samples:
            raise ValueError(
                f"points is {self.points}: it must be at most samples, which is {self.samples}"
            )
        if self.neighbours >= self.samples:
            raise ValueError(
                f"neighbours is {self.neighbours}: it must be less than samples, "
                f"which is {self.samples}"
            )

    @property
    def beat_bytes(self) -> int:
        """Bytes of a beat on the memory port."""
        return self.data_width // 8

    @property
    def plane_beats(self) -> int:
        """Most beats of the memory port for one channel's map: plane / beat_bytes."""
        return self.plane // self.beat_bytes

    @property
    def sum_width(self) -> int:
        """Bits of a signed sum of `plane` products of two signed bytes: up to plane * 2^14."""
        return 16 + self.plane.bit_length() - 1

    @property
    def beats(self) -> int:
        """Most beats a sample: features / lanes."""
        return self.features // self.lanes

    @property
    def beats_width(self) -> int:
        """Bits of a number of beats, 0..beats."""
        return width_for(self.beats)

    @property
    def raw_lanes(self) -> int:
        """Bytes of a raw sample that are taken in a cycle: at most W, and no more than come."""
        return min(self.lanes, self.beat_bytes)

    @property
    def sample_beats(self) -> int:
        """Most beats of a raw sample: dimensions / raw_lanes."""
        return self.dimensions // self.raw_lanes

    @property
    def sample_beats_width(self) -> int:
        """Bits of a number of beats of a raw sample, 0..sample_beats."""
        return width_for(self.sample_beats)

    @property
    def count_width(self) -> int:
        """Bits of a number of samples, 0..samples."""
        return width_for(self.samples)

    @property
    def index_width(self) -> int:
        """Bits of a sample's position in the tile, 0..samples - 1."""
        return width_for(self.samples - 1)

    @property
    def neighbours_width(self) -> int:
        """Bits of a number of neighbours, 0..neighbours."""
        return width_for(self.neighbours)

    @property
    def distance_width(self) -> int:
        """Bits of a squared distance, 0..features * 255^2."""
        return width_for(distance_maximum(self.features))

    @property
    def code_width(self) -> int:
        """Bits of the inverse-temperature code."""
        return CODE_WIDTH


_EDGE = Configuration(
    name="edge",
    samples=1024,
    features=64,
    rows=4,
    lanes=16,
    neighbours=64,
    dimensions=4096,
    points=8,
    data_width=64,
)

PRESETS = {
    preset.name: preset
    for preset in (
        Configuration(
            name="tiny",
            samples=32,
            features=8,
            rows=2,
            lanes=4,
            neighbours=8,
            dimensions=64,
            points=2,
            data_width=64,
            outputs=8,
            plane=64,
            kernel=3,
            channels=16,
        ),
        _EDGE,
        dataclasses.replace(_EDGE, name="train", outputs=16, plane=2048, kernel=7, channels=2048),
        Configuration(
            name="wide",
            samples=2048,
            features=128,
            rows=32,
            lanes=32,
            neighbours=128,
            dimensions=8192,
            points=16,
            data_width=256,
            outputs=64,
            plane=8192,
            kernel=7,
            channels=4096,
        ),
    )
}
"""tiny: tests in seconds. edge: selection alone, a small FPGA or a corner of a chip. train: edge
and the sparse-gradient unit. wide: both, a large FPGA or chip."""


def load(source: str | Path) -> Configuration:
    """The preset of that name, else the configuration in that TOML file.

    The file holds one line for each field of Configuration (those with a default may be left out),
    and nothing else. Raises ValueError,
    naming the file and what is wrong with it.
    """
    if str(source) in PRESETS:
        return PRESETS[str(source)]
    path = Path(source)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise ValueError(
            f"{source} is neither a preset ({', '.join(PRESETS)}) nor a configuration file"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as TOML: {error}") from None
    fields = dataclasses.fields(Configuration)
    keys = [field.name for field in fields]
    needed = [field.name for field in fields if field.default is dataclasses.MISSING]
    if unknown := [key for key in content if key not in keys]:
        raise ValueError(f"{path}: unknown key {unknown[0]!r}; the keys are {', '.join(keys)}")
    if missing := [key for key in needed if key not in content]:
        raise ValueError(f"{path}: key {missing[0]!r} is missing; the keys are {', '.join(keys)}")
    try:
        return Configuration(**content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
