"""Train / val / test splits by subject, as JSON files with their rule.

A case belongs to a group, the subject. Groups, never cases, are dealt to the three parts, since two volumes of one
person are near copies of each other. The published rule:

    numpy.random.default_rng(2302).permutation over the N sorted subjects that have labelled volumes:
    first 60 % train, next 10 % val, last 30 % test (both counts rounded to the nearest integer, half to even)

Subjects are sorted with the numbers in their names taken as numbers ("spleen_9" before "spleen_10"). numpy's stability
policy keeps the stream of a seeded PCG64 fixed but not that of `Generator` methods, so what is published is the file;
a test holds the rule to it.

Files of splits: see `split_file`.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from .errors import BenchError

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
SEED = 2302
_TRAIN, _VAL = 0.6, 0.1


class Used(NamedTuple):
    """How many cases of a part are on disk, of how many the split names; prints as "47 of 79"."""

    on_disk: int
    named: int

    def __str__(self) -> str:
        return f"{self.on_disk} of {self.named}"


@dataclass(frozen=True)
class Split:
    """Which case belongs to which part, and to which subject.

    Attributes:
        task: the task's name.
        version: changes when the assignment changes.
        rule: how the parts were made, in words.
        group_rule: how a case's group was found, in words.
        train: case ids, sorted.
        val: case ids, sorted.
        test: case ids, sorted.
        group: case id -> group (the subject), for every case of the three parts.
        origin: "published" with this package, a "folder"'s own `split.json`, or "made" by the rule.
    """

    task: str
    version: int
    rule: str
    group_rule: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    group: dict[str, str] = field(hash=False)
    origin: Literal["published", "folder", "made"] = "folder"

    def __post_init__(self) -> None:
        _check(self)

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the assignment: parts and groups, not the wording of the rule."""
        assignment = [self.train, self.val, self.test, sorted(self.group.items())]
        return hashlib.sha256(json.dumps(assignment).encode()).hexdigest()

    def cases(self, part: Part) -> tuple[str, ...]:
        """The case ids of one part, on disk or not."""
        return {"train": self.train, "val": self.val, "test": self.test}[part]

    def part_of(self, case: str) -> Part | None:
        """The part a case is in, or None if the split does not name it."""
        return next((part for part in PARTS if case in self.cases(part)), None)

    def used(self, ids_on_disk: Iterable[str]) -> dict[Part, Used]:
        """For each part, how many of its cases are among `ids_on_disk`."""
        here = set(ids_on_disk)
        return {part: Used(len(here.intersection(self.cases(part))), len(self.cases(part))) for part in PARTS}

    def unassigned(self, ids_on_disk: Iterable[str]) -> tuple[str, ...]:
        """The cases on disk that no part names, sorted."""
        return tuple(sorted(set(ids_on_disk) - set(self.train) - set(self.val) - set(self.test)))

    def to_json(self) -> str:
        """The split as the text of a split file; `split_file.load` reads it back."""
        keys = ("task", "version", "group_rule", "rule", "train", "val", "test", "group")
        return json.dumps({key: getattr(self, key) for key in keys}, indent=1) + "\n"


def _check(split: Split) -> None:
    """No case twice, a group for every case, no group in two parts."""
    part_of: dict[str, Part] = {}
    for part in PARTS:
        for case in split.cases(part):
            if case in part_of:
                raise BenchError(
                    f"split of {split.task}: case {case} is named twice ({part_of[case]} and {part}); keep one"
                )
            part_of[case] = part
    missing = sorted(set(part_of) - set(split.group))
    if missing:
        raise BenchError(f"split of {split.task}: case {missing[0]} has no group; add its subject under 'group'")
    members: dict[str, list[str]] = {}
    for case in sorted(part_of):
        members.setdefault(split.group[case], []).append(case)
    for group, cases in members.items():
        if len({part_of[case] for case in cases}) > 1:
            where = ", ".join(f"{case} in {part_of[case]}" for case in cases)
            raise BenchError(
                f"split of {split.task}: group {group} crosses parts ({where}); move its cases into one part"
            )


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that takes runs of digits as numbers."""
    pieces = re.split(r"(\d+)", name)
    return [(0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in pieces if piece]


def make(ids: Iterable[str], group_of: Callable[[str], str] | Mapping[str, str], *, task: str = "") -> Split:
    """Deal cases to train, val and test by subject, with the published rule.

    Args:
        ids: case ids, in any order.
        group_of: the subject of a case, as a function or a mapping.
        task: the task's name, for the file.

    Returns:
        A split over exactly these cases. Few subjects can leave parts empty: under three there is no val part.
    """
    group = {case: group_of[case] if isinstance(group_of, Mapping) else group_of(case) for case in sorted(set(ids))}
    subjects = sorted(set(group.values()), key=_natural)
    order = np.random.default_rng(SEED).permutation(len(subjects))
    n_train, n_val = round(_TRAIN * len(subjects)), round(_VAL * len(subjects))
    part = {subjects[k]: 0 if i < n_train else 1 if i < n_train + n_val else 2 for i, k in enumerate(order)}
    train, val, test = (tuple(case for case in group if part[group[case]] == p) for p in range(3))
    rule = (
        f"numpy.random.default_rng({SEED}).permutation over the {len(subjects)} sorted subjects that have labelled "
        f"volumes: first {n_train} train, next {n_val} val, last {len(subjects) - n_train - n_val} test"
    )
    crowded = len(subjects) < len(group)
    group_rule = "several cases share a subject" if crowded else "one case = one subject"
    return Split(task, 1, rule, group_rule, train, val, test, group, "made")
