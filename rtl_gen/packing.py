# SPDX-License-Identifier: Apache-2.0
"""Arrays of numbers to the bytes of a stream's payload and back, following the manifest's shapes.

A beat of width w bits is ceil(w / 8) bytes, lowest bit first; the bits above w are 0.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def beat_bytes(shape: dict[str, Any]) -> int:
    """Bytes of one beat."""
    return (shape["width"] + 7) // 8


def _leaves(
    shape: dict[str, Any], offset: int = 0, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], int, dict[str, Any]]]:
    """(path, lowest bit, shape) of every number in the payload."""
    if "fields" in shape:
        for name, field in shape["fields"].items():
            yield from _leaves(field, offset + field["offset"], (*path, name))
    elif "element" in shape:
        element = shape["element"]
        for index in range(shape["length"]):
            yield from _leaves(element, offset + index * element["width"], (*path, index))
    else:
        yield path, offset, shape


def pack(shape: dict[str, Any], values: Any) -> NDArray[np.uint8]:
    """uint8[beats, bytes] from `values`: per field of a struct a dictionary entry, for an array a
    second axis, and beats always along axis 0.

    Raises
    ------
    ValueError: a value does not fit into its field, a field is missing or unknown, beats differ.
    """
    chosen = [(offset, leaf, _pick(values, path)) for path, offset, leaf in _leaves(shape)]
    _check_names(shape, values)
    counts = {len(column) for _, _, column in chosen}
    if len(counts) > 1:
        raise ValueError(f"fields have different numbers of beats: {sorted(counts)}")
    beats = counts.pop() if counts else 0
    bits = np.zeros((beats, 8 * beat_bytes(shape)), dtype=np.uint8)
    for offset, leaf, column in chosen:
        bits[:, offset : offset + leaf["width"]] = _to_bits(column, leaf)
    return np.packbits(bits, axis=1, bitorder="little")


def unpack(shape: dict[str, Any], beats: ArrayLike) -> Any:
    """The inverse of `pack`: int64 arrays, as a dictionary for a struct, with a second axis for an
    array."""
    bits = np.unpackbits(np.asarray(beats, dtype=np.uint8), axis=1, bitorder="little")
    return _unpack(shape, bits, 0)


def _unpack(shape: dict[str, Any], bits: NDArray[np.uint8], offset: int) -> Any:
    if "fields" in shape:
        return {
            name: _unpack(field, bits, offset + field["offset"])
            for name, field in shape["fields"].items()
        }
    if "element" in shape:
        element = shape["element"]
        if "fields" in element or "element" in element:
            parts = [
                _unpack(element, bits, offset + index * element["width"])
                for index in range(shape["length"])
            ]
            return _stack(parts)
        width = shape["length"] * element["width"]
        block = bits[:, offset : offset + width].reshape(len(bits), shape["length"], -1)
        return _to_numbers(block, element)
    return _to_numbers(bits[:, offset : offset + shape["width"]], shape)


def _stack(parts: list[Any]) -> Any:
    if isinstance(parts[0], dict):
        return {name: _stack([part[name] for part in parts]) for name in parts[0]}
    return np.stack(parts, axis=1)


def _pick(values: Any, path: tuple[str | int, ...]) -> NDArray[np.int64]:
    """The column of one number: string keys choose a dictionary entry, indices the next axis."""
    indices: list[int] = []
    for key in path:
        if isinstance(key, int):
            indices.append(key)
        elif not isinstance(values, dict) or key not in values:
            raise ValueError(f"field {key!r} is missing")
        else:
            values = values[key]
    array = np.asarray(values)
    if array.ndim != 1 + len(indices):
        raise ValueError(
            f"field {'.'.join(map(str, path)) or 'payload'} needs {1 + len(indices)} axes "
            f"(beats first), not {array.ndim}"
        )
    return array[(slice(None), *indices)]


def _check_names(shape: dict[str, Any], values: Any) -> None:
    if "fields" in shape:
        unknown = sorted(set(values) - set(shape["fields"]))
        if unknown:
            raise ValueError(f"unknown fields {unknown}; there are {list(shape['fields'])}")
        for name, field in shape["fields"].items():
            _check_names(field, values[name])


def _to_bits(column: NDArray[Any], leaf: dict[str, Any]) -> NDArray[np.uint8]:
    width = leaf["width"]
    if width > 63 and not leaf["signed"]:
        raise ValueError(f"a field of {width} bits does not fit int64: make it a struct")
    low, high = (-(1 << (width - 1)), 1 << (width - 1)) if leaf["signed"] else (0, 1 << width)
    if len(column) and not (low <= int(column.min()) and int(column.max()) < high):
        raise ValueError(
            f"values {int(column.min())}..{int(column.max())} do not fit "
            f"{'signed' if leaf['signed'] else 'unsigned'} {width} bits"
        )
    data = np.ascontiguousarray(column, dtype="<i8").view(np.uint8).reshape(-1, 8)
    return np.unpackbits(data, axis=1, bitorder="little")[:, :width]


def _to_numbers(bits: NDArray[np.uint8], leaf: dict[str, Any]) -> NDArray[np.int64]:
    """Along the last axis, which has leaf["width"] bits."""
    width = leaf["width"]
    if width > 64 or (width == 64 and not leaf["signed"]):
        raise ValueError(f"a field of {width} bits does not fit int64: make it a struct")
    whole = np.zeros((*bits.shape[:-1], 64), dtype=np.uint8)
    whole[..., :width] = bits
    if leaf["signed"] and width:
        whole[..., width:] = bits[..., -1:]
    return np.packbits(whole, axis=-1, bitorder="little").view("<i8")[..., 0].astype(np.int64)
