# SPDX-License-Identifier: Apache-2.0
"""Which drop suits the digits, decided without looking at the test part.

    python scripts/measure_drop.py

A quarter of the training part is held out, a selection is made from the rest, a support vector
classifier is trained on it and tested on the held-out quarter; the same with class-balanced random
of the same size. Repeated with new quarters; printed is the paired difference, in percentage
points, with its standard error.
"""

import argparse
import dataclasses
import math

import numpy as np
from sklearn.svm import SVC

from host import datasets
from host.selection import Options, class_members, select

DROPS = (0.0, 0.25, 0.5)


def differences(data: datasets.Dataset, keep: float, rule: str, split: int) -> list[float]:
    """Accuracy of the selection of every drop minus that of random, for one held-out quarter."""
    order = np.random.default_rng([split, 1]).permutation(len(data.x_train))
    held, rest = np.split(order, [len(order) // 4])
    rest = np.sort(rest)
    part = dataclasses.replace(data, x_train=data.x_train[rest], y_train=data.y_train[rest])

    def score(indices: np.ndarray) -> float:
        model = SVC(C=10).fit(_flat(part.x_train[indices]), part.y_train[indices])
        return float(model.score(_flat(data.x_train[held]), data.y_train[held]))

    made = [select(part, Options(keep=keep, rule=rule, drop=drop, seed=split)) for drop in DROPS]
    draw = np.random.default_rng([split, 2])
    random = [
        draw.permutation(members)[: made[0].document["counts"][str(label)]["chosen"]]
        for label, members in class_members(part, None).items()
    ]
    base = score(np.concatenate(random))
    return [score(selection.indices) - base for selection in made]


def _flat(samples: np.ndarray) -> np.ndarray:
    return samples.reshape(len(samples), -1) / 255


def main() -> None:
    """Print the paired difference of every drop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=float, default=0.1)
    parser.add_argument("--rule", default="curve")
    parser.add_argument("--splits", type=int, default=40)
    asked = parser.parse_args()
    data = datasets.load("digits")
    rows = 100 * np.array(
        [differences(data, asked.keep, asked.rule, split) for split in range(1, asked.splits + 1)]
    )
    print(f"digits, {asked.rule}, keep {asked.keep:g}, {asked.splits} held-out quarters")
    for drop, column in zip(DROPS, rows.T, strict=True):
        error = column.std(ddof=1) / math.sqrt(len(column))
        print(f"drop {drop:<5g} {column.mean():+.2f} ± {error:.2f}")


if __name__ == "__main__":
    main()
