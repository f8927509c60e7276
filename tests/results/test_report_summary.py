"""The report's findings and warnings: of what was scored, and of notes as the tables really write them."""

import json
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from mednca_bench.results import atomic, store, tables
from mednca_bench.results.metrics import derive
from mednca_bench.results.report.cautions import SIGNS, warnings
from mednca_bench.results.report.summary import chapters
from mednca_bench.results.table import Table

NOISE = {"perturbation": "noise", "kind": "acquisition", "perturbation_version": 1}


def sentences(built: dict[str, Table]) -> str:
    return " ".join(finding.sentence for chapter in chapters(built) for finding in chapter.findings)


def of(table: Table | None) -> dict[str, Table]:
    assert table is not None
    return {table.name: table}


def unstable(fake: ModuleType) -> Table | None:
    """A reference that loses next to nothing."""
    rows = [fake.record(0.9), *(fake.record(0.8, severity=severity, **NOISE) for severity in (1, 2))]
    frame = derive(pd.DataFrame(rows))
    own = frame.assign(suite="robustness-v1", dice=0.6, weights="c" * 64)
    clean = own.assign(perturbation=own["perturbation"].where(own["severity"] > 0, "noise"), perturbation_version=1)
    return tables.robustness_summary(frame, references={"r": clean})


def seeded(fake: ModuleType) -> Table | None:
    """Trainings enough for an interval over them."""
    rows = [
        fake.record(0.8 + 0.01 * seed, case=case, group=case, train_seed=seed) for seed in range(12) for case in "abc"
    ]
    return tables.training_seeds(derive(pd.DataFrame(rows)))


def unscored(fake: ModuleType) -> Table | None:
    intended = [fake.identity(model=model) for model in ("med-nca", "unet-small")]
    return tables.accuracy(derive(pd.DataFrame([intended[0] | fake.measured(0.9)])), pd.DataFrame(intended))


def throttled(folder: Path, column: str) -> Table | None:
    timing = {"model": "unet", "image_side": 64, "latency_slice_ms_median": 3.0, column: True}
    atomic.write_text(folder / "efficiency" / "unet.json", json.dumps(timing))
    return tables.build(folder).get("efficiency")


def test_every_sign_is_found_in_a_note_as_it_is_written(fake: ModuleType, run_folder: Path, tmp_path: Path) -> None:
    written = {
        "their times are too long": (throttled(tmp_path / "busy", "busy"), throttled(tmp_path / "hot", "throttled")),
        "cannot become significant": (tables.build(run_folder)["pairwise"],),
        "is unstable": (unstable(fake),),
        "too narrow": (seeded(fake),),
        "nothing was scored of": (unscored(fake),),
    }
    assert written.keys() == set(SIGNS)
    for sign, found in written.items():
        for table in found:
            assert [text for text in warnings(of(table)) if sign in text.lower()], sign


def test_a_legend_is_no_warning(run_folder: Path) -> None:
    built = tables.build(run_folder)
    frame = built["data"].frame
    ladder = Table("memory_ladder", "", frame, frame, ("Steps: 64; a larger one was refused, or took too long.",))
    plain = Table("x", "", frame, frame, ("Dice: mean over cases.",))
    assert warnings({"memory_ladder": ladder, "x": plain}) == ()


@pytest.fixture
def begun(fake: ModuleType, tmp_path: Path) -> Path:
    """Of 12 cases intended 2 of one subject were scored by one model, and 4 of two by the other."""
    units = fake.units(cases=12)
    store.write_units(tmp_path, units)
    done = {"med-nca": ("000", "001", "002", "003"), "unet-small": ("000", "001")}
    store.Store(tmp_path).append([fake.score(unit) for unit in units if unit["case"][-3:] in done[unit["model"]]])
    return tmp_path


def test_what_was_scored_is_counted_and_not_what_was_intended(begun: Path) -> None:
    built = tables.build(begun)
    rows = built["data"].frame.set_index("model")
    assert rows["cases"].tolist() == [12, 12] and rows["subjects"].tolist() == [6, 6]
    assert rows["scored_cases"].to_dict() == {"med-nca": 4, "unet-small": 2}
    assert rows["scored_subjects"].to_dict() == {"med-nca": 2, "unet-small": 1}
    text = sentences(built)
    assert "2 to 4 cases of 1 to 2 subjects were scored with 2 models; of 1,152 answers intended 320 have" in text
    assert any(text.startswith("Intervals rest on 2 subjects") for text in warnings(built))
    assert "Not tried: 832 answers; the table Data and exclusions says of what." in warnings(built)


def test_a_model_of_which_nothing_was_scored_is_not_counted(fake: ModuleType) -> None:
    intended = [fake.identity(model=model, case=case) for model in ("med-nca", "unet-small") for case in "ab"]
    none = tables.data(derive(pd.DataFrame([fake.record()])).iloc[:0], pd.DataFrame(intended))
    assert sentences(of(none)) == "Nothing was scored of 4 answers intended."
    assert not any("Intervals" in text for text in warnings(of(none)))
    one = tables.data(derive(pd.DataFrame([intended[0] | fake.measured(0.9)])), pd.DataFrame(intended))
    assert sentences(of(one)) == (
        "1 case of 1 subject was scored with 1 of 2 models; of 4 answers intended 1 has a score."
    )


def test_one_model_alone_is_compared_with_none(fake: ModuleType) -> None:
    rows = [fake.record(0.9)]
    rows += [fake.record(0.7, severity=1, **{**NOISE, "perturbation": family}) for family in ("noise", "ghosting")]
    frame = derive(pd.DataFrame(rows))
    text = sentences(of(tables.robustness_summary(frame)) | of(tables.accuracy(frame)))
    assert "med-nca has ΔDice -0.200 over all acquisition families; no other model has a value." in text
    assert "loses least" not in text and "highest" not in text
    assert "med-nca has a mean Dice of 0.900 on clean images." in text
