"""Splits: by subject, by the published rule, and refused when a subject crosses."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.benchmark import split_file
from mednca_bench.benchmark.errors import BenchError
from mednca_bench.benchmark.split import PARTS, Split, make


def published_hippocampus() -> Split:
    split = split_file.published("Task04_Hippocampus")
    assert split is not None
    return split


def test_the_published_hippocampus_split_has_its_known_sizes() -> None:
    split = published_hippocampus()
    assert [len(split.cases(part)) for part in PARTS] == [158, 23, 79]
    assert [len({split.group[case] for case in split.cases(part)}) for part in PARTS] == [102, 17, 51]
    assert split.origin == "published"


def test_the_rule_makes_the_published_split_again() -> None:
    published = published_hippocampus()
    made = make(published.group, published.group, task="Task04_Hippocampus")
    assert (made.train, made.val, made.test) == (published.train, published.val, published.test)
    assert made.sha256 == published.sha256
    assert made.rule == published.rule


def test_published_groups_follow_the_published_group_rule() -> None:
    split = published_hippocampus()
    for case, group in split.group.items():
        assert int(group) == (int(case.removeprefix("hippocampus_")) + 1) // 2


def test_a_task_without_published_split_has_none() -> None:
    assert split_file.published("Task02_Heart") is None


@given(
    groups=st.dictionaries(st.text("abc0123456789", min_size=1, max_size=6), st.integers(0, 30), max_size=60),
    shuffle=st.randoms(use_true_random=False),
)
def test_a_made_split_deals_every_case_once_and_no_subject_twice(
    groups: dict[str, int], shuffle: random.Random
) -> None:
    group = {case: str(subject) for case, subject in groups.items()}
    split = make(group, group)
    assert sorted([*split.train, *split.val, *split.test]) == sorted(group)
    part_of_group: dict[str, set[str]] = {}
    for part in PARTS:
        for case in split.cases(part):
            part_of_group.setdefault(group[case], set()).add(part)
    assert all(len(parts) == 1 for parts in part_of_group.values())
    subjects = len(part_of_group)
    in_train = [subject for subject, parts in part_of_group.items() if parts == {"train"}]
    assert len(in_train) == round(0.6 * subjects)
    order = list(group)
    shuffle.shuffle(order)
    assert make(order, group.__getitem__).sha256 == split.sha256


def test_subjects_are_sorted_by_their_numbers() -> None:
    padded = make([f"s_{k:02d}" for k in range(20)], lambda case: case)
    bare = make([f"s_{k}" for k in range(20)], lambda case: case)
    assert {int(case[2:]) for case in bare.train} == {int(case[2:]) for case in padded.train}


def example(**changes: object) -> dict[str, object]:
    content: dict[str, object] = {
        "task": "T",
        "version": 1,
        "group_rule": "",
        "rule": "",
        "train": ["a1", "a2"],
        "val": [],
        "test": ["b1"],
        "group": {"a1": 1, "a2": 1, "b1": 2},
    }
    return content | changes


def test_a_split_file_is_read_back_as_written(tmp_path: Path) -> None:
    split = make(["a", "b", "c", "d", "e"], lambda case: case, task="T")
    (tmp_path / "split.json").write_text(split.to_json())
    again = split_file.load(tmp_path / "split.json")
    assert again.to_json() == split.to_json()
    assert again.sha256 == split.sha256
    assert len({again, split_file.load(tmp_path / "split.json")}) == 1  # hashable, although it holds a dict


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": ["b1", "a2"], "train": ["a1"]}, r"group 1 crosses parts \(a1 in train, a2 in test\)"),
        ({"val": ["a1"]}, r"case a1 is named twice \(train and val\)"),
        ({"train": ["a1", "a1"]}, "case a1 is named twice"),
        ({"group": {"a1": 1, "a2": 1}}, "case b1 has no group"),
        ({"group": None}, "'group' is missing"),
        ({"val": None}, "'val' is not a list of case ids"),
        ({"val": [3]}, "'val' is not a list of case ids"),
        ({"version": "one"}, "'version' is 'one'; it must be an integer"),
    ],
)
def test_a_wrong_split_is_refused_in_one_line(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    (tmp_path / "split.json").write_text(json.dumps(example(**changes)))
    with pytest.raises(BenchError, match=message):
        split_file.load(tmp_path / "split.json")


@pytest.mark.parametrize("text", ["", '{"train": [', "[1, 2]", "\xff"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "split.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BenchError, match=r"split\.json: .*restore the file"):
        split_file.load(tmp_path / "split.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"none\.json: cannot read the split"):
        split_file.load(tmp_path / "none.json")


def test_used_and_unassigned_compare_with_the_disk(tmp_path: Path) -> None:
    (tmp_path / "split.json").write_text(json.dumps(example()))
    split = split_file.load(tmp_path / "split.json")
    used = split.used(["a1", "b1", "c9"])
    assert {part: str(count) for part, count in used.items()} == {"train": "1 of 2", "val": "0 of 0", "test": "1 of 1"}
    assert split.unassigned(["c9", "a1", "b7"]) == ("b7", "c9")
    assert (split.part_of("a2"), split.part_of("c9")) == ("train", None)


def test_the_digest_sees_the_assignment_and_not_the_wording(tmp_path: Path) -> None:
    def digest(**changes: object) -> str:
        (tmp_path / "split.json").write_text(json.dumps(example(**changes)))
        return split_file.load(tmp_path / "split.json").sha256

    assert digest() == digest(rule="other words", version=2)
    assert len({digest(), digest(test=[], val=["b1"]), digest(group={"a1": 1, "a2": 3, "b1": 2})}) == 3
