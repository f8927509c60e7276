"""Exports and their scores: the round trip gives our own records, twice the same bytes, and names what is missing."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mednca_bench.benchmark.cli import main
from mednca_bench.benchmark.condition import Condition, conditions
from mednca_bench.benchmark.corrupt import exported, identifier, voxel_sha256
from mednca_bench.benchmark.evaluate import load_model, run_job, segment, show
from mednca_bench.benchmark.preprocess import Preprocess
from mednca_bench.benchmark.suite import find_suite
from mednca_bench.benchmark.task import open_task
from mednca_bench.benchmark.volume import read_case
from mednca_bench.results import load

pytestmark = pytest.mark.usefixtures("one_thread")
FAMILIES = ("noise", "shift", "rotate")


@pytest.fixture
def typed(msd_folder, plugin, monkeypatch, tmp_path, capsys):
    """Type a command; gives exit code and what was said."""
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    root = msd_folder(10).root

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(words)
        said = capsys.readouterr()
        return int(stopped.value.code or 0), said.out, said.err

    def export(out: str, *words: str) -> tuple[int, str, str]:
        chosen = [word for family in FAMILIES for word in ("--perturbation", family)]
        options = ("--model", "threshold", "--recipe", "tiny", "--limit", "1")
        return call("data", "corrupt", "--data", str(root), *chosen, *options, "--out", out, *words)

    call.root = root  # type: ignore[attr-defined]
    call.export = export  # type: ignore[attr-defined]
    return call


def _predict(folder: Path, out: Path, contestant) -> None:
    """What an outside model does with the files alone: preprocess, segment, bring back, write."""
    from mednca_bench.benchmark.resample import resize_map, warp

    out.mkdir(exist_ok=True)
    model = load_model(contestant.path, contestant.weights)
    for entry in json.loads((folder / "manifest.json").read_text())["files"]:
        file = nib.load(folder / entry["image"])
        image = np.asarray(file.dataobj, dtype=np.float32)[None]
        case = type("Given", (), {"sha256": "0" * 64})()
        if entry["condition"]["grid"] == "model":
            logits = segment(model, np.ascontiguousarray(image.transpose(3, 0, 1, 2)), case=case, fire_seed=0)[0]
        else:
            from mednca_bench.benchmark.preprocess import model_input

            slices = model_input(image, contestant.preprocess)
            low = segment(model, slices, case=case, fire_seed=0)[0]
            logits = warp(low, resize_map(low.shape[:2], image.shape[1:3]), image.shape[1:3])
        mask = nib.Nifti1Image((logits > 0).astype(np.uint8), file.affine)
        nib.save(mask, out / f"{entry['id']}.nii.gz")


def test_scores_of_an_export_are_those_of_the_model_itself(typed, plan_of, contestant, tmp_path) -> None:
    code, out, err = typed.export("export")
    assert code == 0, err
    ours = contestant("threshold")
    manifest = json.loads((tmp_path / out.strip()).read_text())
    assert tuple(manifest["preprocess"]["size"]) == tuple(ours.preprocess.size)
    _predict(tmp_path / "export", tmp_path / "answers", ours)
    code, _, err = typed("score", "--predictions", "answers", "--manifest", "export/manifest.json", "--out", "scored")
    assert code == 0, err
    found = load(tmp_path / "scored").set_index(["perturbation", "severity", "grid"]).sort_index()
    task = open_task(typed.root)
    case = next(iter(found["case"]))
    chosen = conditions(find_suite("robustness-v2"), only=FAMILIES)
    jobs = [job for job in plan_of(task, [ours], chosen) if job.units[0].case.files.id == case]
    rows = [row for job in jobs for row in run_job(job).rows]
    assert len(rows) == len(found) == 2 + 5 * len(FAMILIES)
    for row in rows:
        theirs = found.loc[(row["perturbation"], row["severity"], row["grid"])]
        for name in ("tp", "fp", "fn", "voxels", "eq_tp", "eq_fp", "eq_fn", "parameters", "group", "state"):
            assert theirs[name] == row[name], (row["perturbation"], row["severity"], name)
        assert theirs["voxel_mm3"] == pytest.approx(row["voxel_mm3"])
    tables = {path.name for path in (tmp_path / "scored/tables").iterdir()}
    assert {"accuracy.csv", "robustness_by_severity.csv", "equivariance.csv"} <= tables


def test_an_export_done_twice_has_the_same_bytes(typed, tmp_path) -> None:
    assert typed.export("one")[0] == typed.export("two")[0] == 0
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.nii.gz"))
    assert len(files) == 2 * (2 + 5 * len(FAMILIES))
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)
    first, second = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("one", "two"))
    assert first["files"] == second["files"]
    entry = first["files"][5]
    image = np.asarray(nib.load(tmp_path / "one" / entry["image"]).dataobj)
    assert image.dtype == np.float32 and voxel_sha256(image) == entry["image_voxels_sha256"]


def test_an_export_opens_as_a_task_folder_of_msd(typed, tmp_path) -> None:
    assert typed.export("export")[0] == 0
    listing = json.loads((tmp_path / "export/dataset.json").read_text())
    assert listing["labels"] == {"0": "background", "1": "foreground"} and listing["file_ending"] == ".nii.gz"
    for pair in listing["training"]:
        image, label = (nib.load(tmp_path / "export" / pair[kind]) for kind in ("image", "label"))
        assert image.shape == label.shape and np.allclose(image.affine, label.affine)


def test_missing_extra_and_wrong_files_are_named(typed, contestant, tmp_path) -> None:
    typed.export("export")
    answers = tmp_path / "answers"
    _predict(tmp_path / "export", answers, contestant("threshold"))
    names = sorted(path.name for path in answers.iterdir())
    missing, wrong, odd = names[2], names[3], names[4]
    (answers / missing).unlink()
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.uint8), np.eye(4)), answers / wrong)
    file = nib.load(answers / odd)
    nib.save(nib.Nifti1Image(np.full(file.shape, 0.5, np.float32), file.affine), answers / odd)
    (answers / "notes.txt").write_text("mine")
    code, _, err = typed("score", "--predictions", "answers", "--manifest", "export/manifest.json", "--out", "scored")
    assert code == 1
    assert f"1 missing in answers: {missing.removesuffix('.nii.gz')}" in err
    assert "1 extra in answers, not scored: notes.txt" in err
    assert f"{wrong}: shape (3, 3, 3) where its image has" in err and f"{odd}: values [0.5] are not labels" in err
    data = (tmp_path / "scored/tables/data.md").read_text()
    assert "3" in data
    # Put right and scored again, beside another maker's.
    _predict(tmp_path / "export", answers, contestant("threshold"))
    assert typed("score", "--predictions", "answers", "--manifest", "export/manifest.json", "--out", "scored")[0] == 0
    again = ("--name", "other", "--out", "scored")
    assert typed("score", "--predictions", "answers", "--manifest", "export/manifest.json", *again)[0] == 0
    assert load(tmp_path / "scored").groupby("model").size().to_dict() == {"answers": 17, "other": 17}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--predictions", "nowhere", "--manifest", "export/manifest.json"), "nowhere: no such folder"),
        (("--predictions", "export", "--manifest", "export/manifest.json"), "export: holds no prediction, such as"),
        (("--predictions", "export", "--manifest", "export/dataset.json"), "is not a 'mednca-bench manifest 1'"),
        (("--predictions", "export", "--manifest", "nofile.json"), "nofile.json: is no manifest"),
    ],
)
def test_wrong_use_is_answered_in_one_line(typed, words, says) -> None:
    typed.export("export")
    code, _, err = typed("score", *words)
    assert code == 1 and says in err.splitlines()[-1] and err.splitlines()[-1].startswith("error: ")


def test_a_folder_with_something_else_is_not_written_into(typed, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    code, _, err = typed.export("mine")
    assert code == 2 and "holds thesis.txt, which is no export" in err


def test_grid_perturbations_are_written_on_the_models_grid_with_the_label_carried(msd_folder) -> None:
    task = open_task(msd_folder(1).root)
    case = read_case(task.cases[0], task=task)
    recipe = Preprocess(size=(12, 14))
    condition = Condition(perturbation="shift", version=1, kind="grid", severity=1, grid="model")
    made = exported(case, condition, recipe, task.labels)
    view = show(case, condition, recipe)
    np.testing.assert_array_equal(made.image, view.slices[:, 0].transpose(1, 2, 0))
    assert made.label.shape == made.image.shape == (12, 14, 5) and set(np.unique(made.label)) <= {0, 1}
    # 6 x 7 voxels of 1 mm on 12 x 14 pixels: half a millimetre a pixel, the first centre a quarter outside.
    np.testing.assert_allclose(np.diag(made.affine), [0.5, 0.5, 1, 1])
    np.testing.assert_allclose(made.affine[:2, 3], -0.25)
    assert made.spacing == (0.5, 0.5, 1.0)
    assert identifier("case_001", condition) == "case_001__shift_1_0"


def test_classes_keep_their_numbers(msd_folder) -> None:
    task = open_task(msd_folder(1).root)
    case = read_case(task.cases[0], task=task)
    made = exported(case, Condition(grid="native"), Preprocess(size=(8, 8), labels="classes"), task.labels)
    np.testing.assert_array_equal(made.label, case.label)
    np.testing.assert_array_equal(made.image, case.image[0])
