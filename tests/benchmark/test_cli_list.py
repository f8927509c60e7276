"""`list`: what there is, as JSON for machines and unclipped tables for people."""

import json

import pytest

from mednca_bench import models, perturbations
from mednca_bench.benchmark.cli import main
from mednca_bench.benchmark.suite import SUITES

WHAT = ("models", "perturbations", "suites", "tasks", "recipes", "weights")


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as caught:
        main(["list", *words])
    out, err = capsys.readouterr()
    assert caught.value.code == 0 and err == ""
    return out


def rows(capsys: pytest.CaptureFixture[str], what: str) -> list[dict]:
    return json.loads(printed(capsys, what, "--json"))


def test_models_with_the_papers_parameter_counts(capsys):
    found = {row["name"]: row for row in rows(capsys, "models")}
    assert tuple(found) == models.names()
    assert found["med-nca"]["parameters"] == 70_016 and found["med-nca-16"]["parameters"] == 25_920
    assert found["unet"]["parameters"] == 36_950_273
    assert 400_000 < found["unet-small"]["parameters"] < 600_000
    for row in found.values():
        assert row["bytes"] == 4 * row["parameters"] and row["source"] and row["summary"]
    assert [name for name, row in found.items() if row["stochastic"]] == ["med-nca", "med-nca-16"]


def test_perturbations_with_what_their_severities_mean(capsys):
    found = {row["name"]: row for row in rows(capsys, "perturbations")}
    assert tuple(found) == perturbations.names()
    for name, row in found.items():
        assert row["severities"] == json.loads(json.dumps(perturbations.get(name).severities))
        assert (
            len(row["severities"]) == 5 and row["unit"] and row["parameter"] and row["kind"] in ("grid", "acquisition")
        )


def test_suites_with_their_perturbations(capsys):
    found = {row["name"]: row["perturbations"] for row in rows(capsys, "suites")}
    assert list(found) == [suite.name for suite in SUITES]
    assert len(found["robustness-v1"]) == 8 and found["accuracy-v1"] == []


def test_the_ten_tasks(capsys):
    found = rows(capsys, "tasks")
    assert len(found) == 10
    assert {
        "name": "prostate",
        "folder": "Task05_Prostate",
        "modalities": ["T2", "ADC"],
        "labels": ["PZ", "TZ"],
    } in found


def test_recipes_with_everything_they_set(capsys):
    found = {(row["name"], row["model"]): row for row in rows(capsys, "recipes")}
    assert found["quick", "med-nca"]["options"] == {"steps": 16}
    assert found["paper-prostate", "unet"]["size"] == [256, 256]
    assert ("paper-prostate", "segresnet") not in found and ("quick", "segresnet") in found


def test_recipes_say_their_version_their_decay_and_what_each_is_for(capsys):
    text = printed(capsys, "recipes")
    first = {line.split()[0]: line for line in text.splitlines() if "x" in line.split()}
    assert "version 3" in first["stable-64"] and "version 2" in first["official-tutorial"]
    assert "version" not in first["quick"]
    assert "decay" in text and "decay 1" not in text
    assert "quick: ours: minutes on a laptop" in text


@pytest.mark.parametrize("what", WHAT)
def test_tables_hold_every_name_unclipped(capsys, what):
    names = [row["name"] for row in rows(capsys, what)]
    text = printed(capsys, what)
    assert all(name in text for name in names)
    assert "…" not in text and max(map(len, text.splitlines())) <= 160


def test_a_table_prints_numbers_and_flags_for_people(capsys):
    text = printed(capsys, "models")
    assert "36,950,273" in text and "yes" in text and "True" not in text
