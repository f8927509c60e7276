"""The figure's slices: which slice, what each condition shows, and where truth and answer move with it."""

from collections.abc import Callable

import numpy as np
import pytest

from mednca_bench.benchmark.condition import Condition
from mednca_bench.benchmark.example_cases import case_arrays
from mednca_bench.benchmark.examples import write_examples
from mednca_bench.benchmark.task import Task, open_task
from mednca_bench.benchmark.volume import Case, read_case
from mednca_bench.results.plot_cases import read_cases
from mednca_bench.results.plot_examples import Examples, read_examples
from mednca_bench.results.record import SCHEMA
from mednca_bench.results.store import Store

pytestmark = pytest.mark.usefixtures("one_thread")
CONDITIONS = [
    Condition(grid="native"),
    Condition(grid="model"),
    *(Condition(perturbation="shift", version=1, kind="grid", severity=s, grid="model") for s in (2, 3)),
    Condition(perturbation="noise", version=1, kind="acquisition", severity=3, grid="native"),
    Condition(perturbation="noise", version=1, kind="acquisition", severity=3, draw=1, grid="native"),
]


@pytest.fixture
def case(msd_folder) -> tuple[Case, Task]:
    """Two labels side by side, most of them in slice 3; the image shows them 1 voxel off along y."""
    folder = msd_folder(0)
    label = np.zeros((16, 16, 5), dtype=np.uint8)
    label[6:8, 6:10, 1], label[6:8, 6:10, 3], label[8:10, 6:10, 3] = 1, 1, 2
    image = np.roll(label > 0, 1, axis=1).astype(np.float32)
    folder.write(1, image=image, label=label)
    folder.describe()
    task = open_task(folder.root)
    return read_case(task.cases[0], task=task), task


@pytest.fixture
def fake_scores(tmp_path) -> Callable[..., None]:
    """Stores clean native records of the given Dice per case, or perturbed ones."""

    def store(contestant, dice: dict[str, float], *, severity: int) -> None:
        rows = []
        for name, score in dice.items():
            row = {field.name: default_of(field) for field in SCHEMA}
            overlap = round(score * 1000)
            words = {"case": name, "grid": "native", "label": "foreground", "key": f"{name}-{severity}"}
            counts = {"tp": overlap, "fp": 1000 - overlap, "fn": 1000 - overlap, "severity": severity}
            rows.append({**row, **words, **counts, "weights": contestant.weights})
        Store(tmp_path).append(rows)

    return store


def default_of(field) -> object:
    """Nothing, of a column's type."""
    kind = str(field.type)
    return [] if "list" in kind else "" if "string" in kind else False if kind == "bool" else 0


@pytest.fixture
def written(case, tmp_path) -> Callable[..., Examples]:
    def make(*contestants) -> Examples:
        write_examples(tmp_path, case[0], contestants, CONDITIONS, task=case[1])
        found = read_examples(tmp_path)
        assert found is not None
        return found

    return make


def box(x: slice, y: slice) -> np.ndarray:
    mask = np.zeros((16, 16), dtype=bool)
    mask[x, y] = True
    return mask


def test_the_slice_with_most_foreground_is_shown_with_truth_and_answer(written, contestant):
    examples = written(contestant())
    assert (examples.case, examples.titles) == ("case_001", ("clean", "shift 3", "noise 3"))
    assert examples.models == ("threshold",)
    np.testing.assert_array_equal(examples.truth[0], box(slice(6, 10), slice(6, 10)))
    np.testing.assert_array_equal(examples.image[0] > 0.5, box(slice(6, 10), slice(7, 11)))
    np.testing.assert_array_equal(examples.prediction[0, 0], box(slice(6, 10), slice(7, 11)))


def test_truth_and_answer_move_with_the_image(written, contestant):
    """Severity 3 of `shift` is 4 pixels in one of four directions."""
    examples = written(contestant())
    (moved,) = np.argwhere(examples.truth[1])[:1] - [6, 6]
    assert sorted(np.abs(moved)) == [0, 4]
    for before, after in ((examples.truth, examples.truth), (examples.prediction[0], examples.prediction[0])):
        np.testing.assert_array_equal(after[1], np.roll(before[0], moved, axis=(0, 1)))


def test_an_acquisition_perturbation_leaves_the_truth(written, contestant):
    examples = written(contestant())
    np.testing.assert_array_equal(examples.truth[2], examples.truth[0])
    assert (examples.image[2] != examples.image[0]).any()


def test_models_of_another_preprocessing_are_left_out_and_twins_are_told_apart(written, contestant):
    one, other = (contestant("med-nca-16", seed=seed) for seed in (0, 1))
    examples = written(one, other, contestant(), contestant("failing", size=(8, 8)))
    assert examples.models == ("med-nca-16 (seed 0)", "med-nca-16 (seed 1)", "threshold")
    assert examples.prediction.shape == (3, 3, 16, 16)


def test_labels_per_class_are_shown_as_one_foreground(written, contestant):
    examples = written(contestant(outputs=2, labels="classes"))
    np.testing.assert_array_equal(examples.truth[0], box(slice(6, 10), slice(6, 10)))


def test_the_worst_the_median_and_the_best_case_are_chosen_by_their_records(case, contestant, fake_scores, tmp_path):
    """Of four cases the lower middle one is the median; records that are no clean native score do not count."""
    one = contestant()
    fake_scores(one, {"a": 0.9, "b": 0.2, "c": 0.5, "d": 0.7, "elsewhere": 0.1}, severity=0)
    fake_scores(one, {"a": 0.0}, severity=1)
    read = []
    arrays = case_arrays(tmp_path, [one], ["a", "b", "c", "d"], lambda name: read.append(name) or case[0], task=case[1])
    assert arrays["case_ids"].tolist() == [["b", "c", "a"]] and read == ["a", "b", "c"]
    np.testing.assert_allclose(arrays["case_dice"], [[0.2, 0.5, 0.9]])
    np.testing.assert_array_equal(arrays["case_truth"][0, 0], box(slice(6, 10), slice(6, 10)))
    np.testing.assert_array_equal(arrays["case_prediction"][0, 2], box(slice(6, 10), slice(7, 11)))
    write_examples(tmp_path, case[0], [one], CONDITIONS, task=case[1], cases=arrays)
    assert read_cases(tmp_path) is not None and read_examples(tmp_path) is not None


def test_without_a_score_of_every_model_there_are_no_cases(case, contestant, fake_scores, tmp_path):
    one = contestant()
    assert case_arrays(tmp_path, [one], ["a"], lambda name: case[0], task=case[1]) == {}
