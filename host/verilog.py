# SPDX-License-Identifier: Apache-2.0
"""`nms verilog`: the hardware of a preset or a configuration file as Verilog, with a manifest."""

from pathlib import Path
from typing import Annotated

import typer

from host.errors import UserError, one_sentence


def verilog(
    preset: Annotated[
        str | None, typer.Option(help="Named configuration: tiny, edge or wide.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration file (TOML), instead of a preset.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder; files go to OUT/<name>: <block>.v, manifest.json, nms_registers.h."
        ),
    ] = Path("build/rtl"),
    block: Annotated[
        list[str] | None, typer.Option(help="Only this block (may be given several times).")
    ] = None,
) -> None:
    """Write the Verilog of every hardware block, a manifest, and the registers as a C header.

    The manifest (JSON) tells ports, how structs are packed into them, tool versions and hashes.
    The same configuration gives the same bytes every time; a file that is right already is left
    alone.

    Example: nms verilog --preset edge --out build/rtl
    """
    with one_sentence():
        if (preset is None) == (config is None):
            raise UserError("give either --preset NAME or --config FILE.toml")
        if out.exists() and not out.is_dir():
            raise UserError(f"--out {out} is a file: give a folder")
        if config is not None and not config.is_file():
            raise UserError(f"--config {config} does not exist")
        from host.console import work_progress
        from hw.config import load
        from rtl_gen.blocks import BLOCKS, names_for
        from rtl_gen.registers import write_header
        from rtl_gen.verilog import GenerationError, write_blocks

        unknown = sorted(set(block or ()) - set(BLOCKS))
        if unknown:
            raise UserError(f"unknown block {unknown[0]!r}: there are {', '.join(BLOCKS)}")
        try:
            configuration = load(str(config or preset))
            names = block or names_for(configuration)
            with work_progress("Blocks to Verilog") as (on_start, on_block):
                on_start(len(names))
                written = write_blocks(configuration, BLOCKS, out, names, on_block)
            if not block or "registers" in block:
                written.append(write_header(configuration, out))
        except (ValueError, GenerationError) as error:
            raise UserError(str(error)) from error
        except OSError as error:
            raise UserError(f"{out} cannot be written: {error.strerror or error}") from error
    for file in written:
        typer.echo(f"{file.sha256[:12]} {'written' if file.changed else 'same':7} {file.path}")
