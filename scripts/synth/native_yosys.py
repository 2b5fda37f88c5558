# SPDX-License-Identifier: Apache-2.0
"""Yosys of the wheel pyosys, a library without a command, behind the options of the command that
are used here."""

import argparse


def main() -> None:
    """Run Yosys's commands in order; the exit status is 1 at the first error."""
    parser = argparse.ArgumentParser(prog="native_yosys", description=main.__doc__)
    parser.add_argument("-V", "--version", action="store_true", help="print the version alone")
    parser.add_argument("-q", dest="quiet", action="store_true", help="print errors alone")
    parser.add_argument("-p", dest="script", default="", help="commands, with ; between them")
    arguments = parser.parse_args()
    from pyosys import libyosys  # an optional extra

    if arguments.version:
        print(libyosys.yosys_maybe_version())
        return
    design = libyosys.Design()
    for command in filter(None, map(str.strip, arguments.script.split(";"))):
        libyosys.run_pass(f"tee -q {command}" if arguments.quiet else command, design)


if __name__ == "__main__":
    main()
