# SPDX-License-Identifier: Apache-2.0
"""What a simulation compared: one JSON line a run, gathered into the table that ends a test run."""

import json
import os
from pathlib import Path
from typing import Any

VARIABLE = "NMS_RECORDS"
"""Names the folder of the running test session; every process appends to a file of its own."""

FIELDS = ("test", "seed", "vectors", "mismatches", "cycles")


def record(test: str, *, seed: int, vectors: int, mismatches: int, cycles: int) -> None:
    """Note one finished comparison: `vectors` output beats compared, `cycles` clock cycles run."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return
    line = {
        "test": test,
        "seed": seed,
        "vectors": vectors,
        "mismatches": mismatches,
        "cycles": cycles,
    }
    with Path(folder, f"{os.getpid()}.jsonl").open("a") as stream:
        stream.write(json.dumps(line) + "\n")


def read(folder: Path) -> list[dict[str, Any]]:
    """All records of a session, by test and seed."""
    lines = [
        json.loads(line)
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return sorted(lines, key=lambda line: (line["test"], line["seed"]))


def table(records: list[dict[str, Any]]) -> list[str]:
    """The lines of the table, with a total."""
    total = {"test": f"total of {len(records)}", "seed": ""} | {
        field: sum(record[field] for record in records) for field in FIELDS[2:]
    }
    rows = [
        FIELDS,
        *(
            [f"{r[f]:,}" if f in FIELDS[2:] else str(r[f]) for f in FIELDS]
            for r in [*records, total]
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(FIELDS))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
