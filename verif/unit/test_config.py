# SPDX-License-Identifier: Apache-2.0
"""hw.config: presets, derived widths, and one test for each message."""

import dataclasses
import re

import pytest

from hw.config import PRESETS, Configuration, load

LEGAL = dict(name="some", samples=100, features=24, rows=5, lanes=8, neighbours=9)
KEYS = (
    "name, samples, features, rows, lanes, neighbours, dimensions, points, data_width, "
    "outputs, plane, kernel, channels"
)
NAME = "it must start with a lower-case letter and hold only lower-case letters, digits and"

ILLEGAL = [
    ({"name": "Edge"}, f"name is 'Edge': {NAME} underscores"),
    ({"name": ""}, f"name is '': {NAME} underscores"),
    ({"name": 3}, f"name is 3: {NAME} underscores"),
    ({"samples": 1}, "samples is 1: it must be from 2 to 65536"),
    ({"samples": 65537}, "samples is 65537: it must be from 2 to 65536"),
    ({"samples": "9"}, "samples is '9': it must be an integer from 2 to 65536"),
    ({"samples": 9.0}, "samples is 9.0: it must be an integer from 2 to 65536"),
    ({"features": 0}, "features is 0: it must be from 1 to 4096"),
    ({"features": 4104}, "features is 4104: it must be from 1 to 4096"),
    ({"features": 20}, "features is 20: it must be a multiple of lanes, which is 8"),
    ({"dimensions": 0}, "dimensions is 0: it must be from 1 to 65536"),
    ({"dimensions": 65544}, "dimensions is 65544: it must be from 1 to 65536"),
    ({"dimensions": 20}, "dimensions is 20: it must be a multiple of lanes, which is 8"),
    ({"rows": 0}, "rows is 0: it must be from 1 to 256"),
    ({"rows": 257}, "rows is 257: it must be from 1 to 256"),
    ({"rows": True}, "rows is True: it must be an integer from 1 to 256"),
    ({"rows": 101}, "rows is 101: it must be at most samples, which is 100"),
    ({"lanes": 0}, "lanes is 0: it must be from 1 to 128"),
    ({"lanes": 256}, "lanes is 256: it must be from 1 to 128"),
    ({"lanes": 12}, "lanes is 12: it must be a power of two"),
    ({"points": 0}, "points is 0: it must be from 1 to 256"),
    ({"points": 257}, "points is 257: it must be from 1 to 256"),
    ({"points": 101}, "points is 101: it must be at most samples, which is 100"),
    ({"data_width": 32}, "data_width is 32: it must be 64, 128 or 256"),
    ({"data_width": "64"}, "data_width is '64': it must be 64, 128 or 256"),
    ({"data_width": 64.0}, "data_width is 64.0: it must be 64, 128 or 256"),
    ({"outputs": -1}, "outputs is -1: it must be from 0 to 128"),
    ({"outputs": 256}, "outputs is 256: it must be from 0 to 128"),
    ({"outputs": 12}, "outputs is 12: it must be a power of two"),
    ({"plane": 4}, "plane is 4: it must be from 8 to 65536"),
    ({"plane": 1 << 17}, "plane is 131072: it must be from 8 to 65536"),
    ({"plane": 96}, "plane is 96: it must be a power of two"),
    (
        {"plane": 16, "data_width": 256},
        "plane is 16: it must be at least a beat of data_width, which is 32 bytes",
    ),
    ({"kernel": 0}, "kernel is 0: it must be from 1 to 15"),
    ({"kernel": 16}, "kernel is 16: it must be from 1 to 15"),
    ({"channels": 0}, "channels is 0: it must be from 1 to 65535"),
    ({"channels": 65536}, "channels is 65536: it must be from 1 to 65535"),
    ({"channels": "all"}, "channels is 'all': it must be an integer from 1 to 65535"),
    ({"neighbours": 0}, "neighbours is 0: it must be from 1 to 65535"),
    ({"neighbours": 100}, "neighbours is 100: it must be less than samples, which is 100"),
]


@pytest.mark.parametrize(("change", "message"), ILLEGAL, ids=[str(c) for c, _ in ILLEGAL])
def test_illegal_value(change, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Configuration(**{**LEGAL, **change})


def test_widest_distance():
    """At the smallest inverse temperature, 2^-28, the exponent of every weight is below one."""
    assert Configuration(**{**LEGAL, "features": 4096}).distance_width == 28


def test_derived_widths():
    widths = {
        "tiny": (2, 2, 6, 5, 4, 19),
        "edge": (4, 3, 11, 10, 7, 22),
        "wide": (4, 3, 12, 11, 8, 23),
    }
    for name, expected in widths.items():
        c = PRESETS[name]
        assert (
            c.beats,
            c.beats_width,
            c.count_width,
            c.index_width,
            c.neighbours_width,
            c.distance_width,
        ) == expected
        assert c.code_width == 13


def test_raw_sample_widths():
    c = PRESETS["edge"]
    assert (c.lanes, c.raw_lanes) == (16, 8)  # the memory port brings no more
    assert (c.sample_beats, c.sample_beats_width) == (512, 10)


def test_sparse_gradient_sizes_of_the_presets():
    sizes = {
        name: (c.outputs, c.plane, c.kernel, c.channels, c.plane_beats, c.sum_width)
        for name, c in PRESETS.items()
    }
    assert sizes == {
        "tiny": (8, 64, 3, 16, 8, 22),
        "edge": (0, 2048, 7, 2048, 256, 27),
        "train": (16, 2048, 7, 2048, 256, 27),
        "wide": (64, 8192, 7, 4096, 256, 29),
    }


def test_sum_width_is_tight():
    for bits in range(3, 17):
        width = Configuration(**{**LEGAL, "plane": 1 << bits}).sum_width
        assert -(2 ** (width - 1)) <= -16256 << bits
        assert 2 ** (width - 2) <= 16384 << bits < 2 ** (width - 1)


def test_points_of_the_presets():
    assert {name: preset.points for name, preset in PRESETS.items()} == {
        "tiny": 2,
        "edge": 8,
        "train": 8,
        "wide": 16,
    }


def test_distance_width_is_tight():
    for features in range(8, 4097, 8):
        width = Configuration(**{**LEGAL, "features": features}).distance_width
        assert 2 ** (width - 1) <= features * 255 * 255 < 2**width


def test_frozen_and_keyword_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS["tiny"].rows = 3
    with pytest.raises(TypeError):
        Configuration("some", 100, 24, 5, 8, 9)


def test_load_preset():
    for name, preset in PRESETS.items():
        assert load(name) is preset


def write(path, **content):
    path.write_text("\n".join(f"{key} = {value!r}" for key, value in content.items()))
    return path


def test_load_file(tmp_path):
    path = write(tmp_path / "some.toml", **LEGAL)
    assert load(path) == load(str(path)) == Configuration(**LEGAL)


def raises_on_load(path, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        load(path)


def test_load_missing_file():
    message = "absent.toml is neither a preset (tiny, edge, train, wide) nor a configuration file"
    raises_on_load("absent.toml", message)


def test_load_unknown_key(tmp_path):
    path = write(tmp_path / "c.toml", **LEGAL, row=5)
    raises_on_load(path, f"{path}: unknown key 'row'; the keys are {KEYS}")


def test_load_missing_key(tmp_path):
    path = write(tmp_path / "c.toml", **{k: v for k, v in LEGAL.items() if k != "lanes"})
    raises_on_load(path, f"{path}: key 'lanes' is missing; the keys are {KEYS}")


def test_load_wrong_type(tmp_path):
    path = write(tmp_path / "c.toml", **{**LEGAL, "samples": "many"})
    message = f"{path}: samples is 'many': it must be an integer from 2 to 65536"
    raises_on_load(path, message)


def test_load_illegal_combination(tmp_path):
    path = write(tmp_path / "c.toml", **{**LEGAL, "rows": 101})
    raises_on_load(path, f"{path}: rows is 101: it must be at most samples, which is 100")


def test_load_not_toml(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("samples: 3")
    raises_on_load(path, f"{path}: cannot be read as TOML: ")


def test_load_not_text(tmp_path):
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xff\xfe")
    raises_on_load(path, f"{path}: cannot be read as TOML: ")
