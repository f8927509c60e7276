"""One line, an exit code, and the nearest name."""

import pickle
from pathlib import Path

import pytest

from mednca_bench.benchmark.errors import BenchError, DataProblem, UsageProblem, nearest, unknown_name


def test_an_error_is_one_line_whatever_the_reason_was() -> None:
    assert str(BenchError("a.nii: cannot be read (two\nlines); replace it")).count("\n") == 0


def test_exit_codes_tell_failed_work_from_wrong_usage() -> None:
    assert (BenchError("x").exit_code, UsageProblem("x").exit_code) == (1, 2)


def test_data_problem_names_file_problem_and_remedy_and_crosses_processes() -> None:
    error = DataProblem(Path("a.nii"), "not a NIfTI file", "replace the file")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  process pools send errors this way
    assert str(copy) == str(error) == "a.nii: not a NIfTI file; replace the file"
    assert (copy.file, copy.problem, copy.remedy) == (Path("a.nii"), "not a NIfTI file", "replace the file")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("Hipocampus", "hippocampus"), ("PROSTAT", "prostate"), ("xyz", None)],
)
def test_nearest_ignores_case_and_knows_when_nothing_is_close(given: str, expected: str | None) -> None:
    assert nearest(given, ["prostate", "hippocampus"]) == expected


def test_unknown_name_lists_what_is_allowed_in_the_given_order() -> None:
    error = unknown_name("suite", "zzz", ["robustness", "accuracy"])
    assert str(error) == "unknown suite 'zzz'; allowed: robustness, accuracy"
    assert str(unknown_name("suite", "a", [])).endswith("allowed: (none)")


def test_unknown_name_of_very_many_says_how_many_more_there_are() -> None:
    message = str(unknown_name("case", "case_5", [f"case_{number:03d}" for number in range(100)]))
    assert message.endswith("case_039 and 60 more")
    assert message.startswith("unknown case 'case_5'; did you mean 'case_0")
