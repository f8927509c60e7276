"""The table of the ten MSD tasks."""

import json
from pathlib import Path

import pytest

from mednca_bench.benchmark.errors import UsageProblem
from mednca_bench.benchmark.msd import TASKS, find_task, known_task


def test_there_are_ten_tasks_numbered_in_order() -> None:
    assert [task.name[:7] for task in TASKS] == [f"Task{number:02d}_" for number in range(1, 11)]
    assert len({task.alias for task in TASKS}) == 10


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.alias)
def test_every_spelling_finds_its_task(task: object) -> None:
    name, alias = task.name, task.alias  # type: ignore[attr-defined]
    number, organ = name.split("_")
    digits = number.removeprefix("Task")
    spellings = [name, alias, name.lower(), alias.upper(), organ, number, f" {alias} ", digits, str(int(digits))]
    for spelling in spellings:
        assert find_task(spelling).name == name


def test_an_unknown_task_offers_the_nearest() -> None:
    with pytest.raises(UsageProblem, match=r"unknown task 'hipocampus'; did you mean 'hippocampus'\? allowed: .*colon"):
        find_task("hipocampus")
    assert known_task("Phantom04_Hippocampus") is None


def test_the_table_agrees_with_the_real_hippocampus_task(real_data: Path) -> None:
    content = json.loads((real_data / "Task04_Hippocampus" / "dataset.json").read_text())
    task = find_task("hippocampus")
    assert list(content["modality"].values()) == list(task.modalities)
    assert list(content["labels"].values()) == ["background", *task.labels]


def test_monai_names_the_same_tasks() -> None:
    from mednca_bench.benchmark.fetch import source

    for task in TASKS:
        url, md5 = source(task.name)
        assert url.endswith(f"/{task.name}.tar")
        assert len(md5) == 32
