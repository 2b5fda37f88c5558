# SPDX-License-Identifier: Apache-2.0
"""Write docs/registers.md anew from the table in hw/registers.py."""

from pathlib import Path

from hw.registers import register_map
from rtl_gen.registers import markdown
from rtl_gen.verilog import write_whole

PAGE = Path(__file__).resolve().parents[1] / "docs" / "registers.md"

if __name__ == "__main__":
    written = write_whole(PAGE, markdown(register_map()))
    print(f"{'written' if written.changed else 'same'} {PAGE.name}")
