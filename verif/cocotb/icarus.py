# SPDX-License-Identifier: Apache-2.0
"""Generated Verilog for a simulator driven by events, read as SystemVerilog."""

import re

FIRST = re.compile(r"^ *reg (\\\$auto\$verilog_backend\S+ ) = 0;$", re.MULTILINE)
"""The register whose first value is to wake the blocks that name it."""
ALONE = re.compile(r"^( *always @\*)\n *(\S.* = .*;)$", re.MULTILINE)
"""A block of one assignment, which names no such register."""
HEAD = re.compile(r"^module [^;]*;$", re.MULTILINE)
REGISTER = re.compile(r"^( *reg (?:\[\S+\] )?(?:\\\S+ |\w+)) = \d+'[bdh][0-9a-f]+;$", re.MULTILINE)
CONTENT = re.compile(
    r"^  initial begin\n    (\\\S+ |\w+)\[0\] = .*\n(?:    .*\n)*  end\n", re.MULTILINE
)
"""What a memory holds at first."""
AWAKE = "woken_at_time_0"


def woken(verilog: str) -> str:
    """The same Verilog with every `always @*` evaluated at time 0.

    Yosys lets the first value of a register wake them. In SystemVerilog, which cocotb asks Icarus
    for, that is no event: a block whose inputs never change would leave X behind. (Verilator has
    no events, and Verilog-2005 knows no `assert`.)
    """
    modules = []
    for module in re.split(r"(?<=\nendmodule\n)", verilog):
        module = FIRST.sub(r"\g<0> initial \1<= 1;", module)
        module, alone = ALONE.subn(rf"\1 begin if ({AWAKE}) begin end \2 end", module)
        if alone:
            declared = rf"\g<0>\n  reg {AWAKE} = 0; initial {AWAKE} <= 1;"
            module = HEAD.sub(declared, module, count=1)
        modules.append(module)
    return "".join(modules)


def without_first_values(verilog: str) -> str:
    """The same Verilog as a chip knows it: registers and memories begin undefined, ROMs do not."""
    modules = []
    for module in re.split(r"(?<=\nendmodule\n)", REGISTER.sub(r"\1;", verilog)):

        def emptied(content: re.Match[str], module: str = module) -> str:
            written = re.search(rf"^ *{re.escape(content[1])}\[.*<= ", module, re.MULTILINE)
            return "" if written else content[0]

        modules.append(CONTENT.sub(emptied, module))
    return "".join(modules)
