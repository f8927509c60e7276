"""One real hippocampus from file to the model's grid and back."""

import numpy as np
import pytest

from mednca_bench.benchmark.preprocess import Preprocess, label_masks, model_input, model_target
from mednca_bench.benchmark.resample import resize_map, warp
from mednca_bench.benchmark.task import Task, open_task
from mednca_bench.benchmark.volume import read_case


@pytest.fixture(scope="module")
def task(real_data) -> Task:
    return open_task(real_data / "Task04_Hippocampus")


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


@pytest.mark.parametrize("labels", ["merged", "classes"])
def test_a_label_survives_the_way_to_the_model_grid_and_back(task, labels):
    files = next(case for case in task.cases if task.split.part_of(case.id) == "val")
    case, recipe = read_case(files, task=task), Preprocess(size=(64, 64), labels=labels)
    native = (case.image.shape[1], case.image.shape[2])
    masks = label_masks(case.label, task.labels, recipe)
    target = model_target(masks, recipe)
    assert target.shape == (case.image.shape[3], len(masks), 64, 64)
    logits = target.astype(np.float32).transpose(1, 2, 3, 0) - 0.5
    for mask, channel in zip(masks, logits, strict=True):
        assert mask.any()
        assert dice(warp(channel, resize_map((64, 64), native), native) > 0, mask) > 0.9


def test_intensities_fill_the_unit_interval(task):
    files = next(case for case in task.cases if task.split.part_of(case.id) == "train")
    case = read_case(files, task=task)
    slices = model_input(case.image, Preprocess(size=(64, 64)))
    assert slices.shape == (case.image.shape[3], 1, 64, 64)
    assert slices.min() == 0 and slices.max() == pytest.approx(1, abs=0.05) and 0.1 < slices.mean() < 0.9
