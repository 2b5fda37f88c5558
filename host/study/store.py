# SPDX-License-Identifier: Apache-2.0
"""The folder of a study: a file for every selection and every run, written whole as each ends.

    study.json                                      what all results have in common
    selections/SELECTOR/keep0.01-seed1.json         indices, their SHA-256, how made, seconds
    runs/MODEL/SELECTOR/keep0.01-seed1.json         accuracy and which indices it was trained on
    runs.csv, summary.csv, summary.md, *.png        made from those

A folder holds the results of one foundation (data and recipe) and one version of the code; asking
it for anything else is an error, but selectors, shares, seeds and models may be added.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from host.datasets import Dataset
from host.errors import UserError
from host.files import as_json, read_json, write_whole
from host.selection_file import SelectionFile, read_selection
from host.study import FORMAT, FORMAT_VERSION, Choice, Run, Study, foundation
from host.study.code import CODE, code_hash

RUN_FORMAT = "near-memory-sampling study run"


def indices_sha256(indices: np.ndarray) -> str:
    """Of the indices as little-endian int64."""
    return hashlib.sha256(np.ascontiguousarray(indices, "<i8").data).hexdigest()


class Store:
    """Reads and writes the folder `root` of `study`.

    Raises UserError where the folder belongs to another study, or holds files of another one.
    """

    def __init__(self, root: Path, dataset: Dataset, study: Study) -> None:
        self.root, self._dataset, self._study = root, dataset, study
        self._foundation = foundation(dataset, study)
        text = json.dumps(self._foundation, sort_keys=True)
        self.key = hashlib.sha256(text.encode()).hexdigest()

    @property
    def _head(self) -> Path:
        return self.root / "study.json"

    def open(self) -> None:
        """Checks the folder, makes it where there is none, and notes what is asked for now."""
        if self.root.exists() and not self.root.is_dir():
            raise UserError(f"{self.root} is a file: give --out the name of a folder")
        made: dict[str, Any] = dict.fromkeys(CODE)
        if self._head.exists():
            made = self._check()
        elif self.root.exists() and any(self.root.iterdir()):
            raise UserError(
                f"{self.root} holds other files and no study: give --out a new or empty folder"
            )
        study = self._study
        document = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "key": self.key,
            "data": {"source": self._dataset.source, "name": self._dataset.name},
            "foundation": self._foundation,
            "code": {kind: made[kind] or code_hash(kind) for kind in made},
            "selectors": [selector.name for selector in study.selectors],
            "keep": list(study.keep),
            "seeds": study.seeds,
            "models": list(study.models),
            "all_data": study.all_data,
        }
        write_whole(self._head, as_json(document))

    def _check(self) -> dict[str, Any]:
        document = read_json(self._head, "the study")
        if document.get("format") != FORMAT or document.get("version") != FORMAT_VERSION:
            raise UserError(f"{self._head} is not a study of version {FORMAT_VERSION}")
        theirs = document.get("foundation", {})
        for name, value in self._foundation.items():
            if theirs.get(name) != value:
                raise UserError(
                    f"{self.root} holds a study with other {name} ({_short(theirs.get(name))}, "
                    f"now {_short(value)}): repeat its options or give another --out"
                )
        made = document["code"]
        missing = {
            "selecting": any(self.selection(choice) is None for choice in self._study.choices),
            "training": any(self.run(run) is None for run in self._study.runs),
        }
        for kind, something in missing.items():
            if something and made[kind] != code_hash(kind):
                raise UserError(
                    f"{self.root} was begun with other code for {kind}, and results of two "
                    "versions are not mixed: go back to that version or give another --out"
                )
        return made

    def _place(self, choice: Choice) -> Path:
        slug = re.sub(r"[^\w.=-]+", "_", choice.selector.name)
        return Path(slug) / f"keep{choice.keep:g}-seed{choice.seed}.json"

    def selection(self, choice: Choice) -> SelectionFile | None:
        """The selection, if it was made."""
        path = self.root / "selections" / self._place(choice)
        if not path.exists():
            return None
        found = read_selection(path, self._dataset)
        self._belongs(path, found.document, self._marks(choice))
        if found.document.get("sha256") != indices_sha256(found.indices):
            raise UserError(f"{path} was changed after it was written: remove it, and run again")
        return found

    def write_selection(self, choice: Choice, made: SelectionFile) -> None:
        """Keeps a selection."""
        sha256 = indices_sha256(made.indices)
        document = {**made.document, "sha256": sha256, "study": self._marks(choice)}
        document["indices"] = document.pop("indices")  # last, since it is long
        SelectionFile(made.indices, document).write(self.root / "selections" / self._place(choice))

    def run(self, run: Run) -> dict[str, Any] | None:
        """The result of a run, if it ended."""
        path = self.root / "runs" / run.model / self._place(run.choice)
        if not path.exists():
            return None
        document = read_json(path, "the run")
        self._belongs(path, document, {**self._marks(run.choice), "model": run.model})
        return document

    def write_run(self, run: Run, indices: np.ndarray, result: dict[str, Any]) -> None:
        """Keeps the result of a run."""
        document = {
            "format": RUN_FORMAT,
            "study": {**self._marks(run.choice), "model": run.model},
            "samples": len(indices),
            "sha256": indices_sha256(indices),
            **result,
        }
        write_whole(self.root / "runs" / run.model / self._place(run.choice), as_json(document))

    def _marks(self, choice: Choice) -> dict[str, Any]:
        return {
            "key": self.key,
            "selector": choice.selector.name,
            "keep": choice.keep,
            "seed": choice.seed,
        }

    @staticmethod
    def _belongs(path: Path, document: dict[str, Any], marks: dict[str, Any]) -> None:
        if document.get("study") != marks:
            raise UserError(f"{path} is not of this study: remove it, and run again")


def _short(value: Any) -> str:
    return f"{value[:12]}..." if isinstance(value, str) else str(value)
