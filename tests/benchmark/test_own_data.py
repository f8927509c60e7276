"""Two folders as a task: partners are found or named, label maps read, subjects kept apart, and it trains as typed."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mednca_bench.benchmark.cli import main
from mednca_bench.benchmark.errors import BenchError, UsageProblem
from mednca_bench.benchmark.own_data import OwnData, own_task
from mednca_bench.benchmark.phantom_folder import nifti_bytes
from mednca_bench.benchmark.png import png_bytes
from mednca_bench.benchmark.volume import read_case
from mednca_bench.models import weights

TINY = Path(__file__).with_name("tiny_plugin.py")


def slice_pair(folder: Path, name: str, *, foreground: int = 255) -> None:
    """A bright square on noise, and its mask, as PNG."""
    seed = sum(name.encode())
    image = np.random.default_rng(seed).integers(0, 100, (20, 24), dtype=np.uint8)
    label = np.zeros((20, 24), dtype=np.uint8)
    image[5:12, 6:15], label[5:12, 6:15] = 220, foreground
    for part, values in (("images", image), ("labels", label)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / f"{name}.png").write_bytes(png_bytes(values))


def volume_pair(folder: Path, name: str, *, suffix: str = "", label: np.ndarray | None = None) -> None:
    image = np.random.default_rng(sum(name.encode())).normal(size=(6, 7, 5)).astype(np.float32)
    if label is None:
        label = np.zeros((6, 7, 5), dtype=np.uint8)
        label[1:3, 1:3, 1:3], label[3:5, 3:5, 1:3] = 1, 2
    for part, end, values in (("images", suffix, image), ("labels", "", label)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / f"{name}{end}.nii.gz").write_bytes(nifti_bytes(values, spacing=(1.0, 1.0, 1.0)))


def opened(folder: Path, **options) -> object:
    return own_task(OwnData(images=folder / "images", labels=folder / "labels", **options))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    for number in range(10):
        slice_pair(tmp_path / "mine", f"s{number:02d}")
    return tmp_path / "mine"


def test_slices_become_volumes_of_one_slice(mine):
    task = opened(mine)
    assert (task.name, task.phantom, len(task.cases), task.labels) == ("mine", False, 10, {255: "foreground"})
    case = read_case(task.cases[0], task=task)
    assert case.image.shape == (1, 20, 24, 1) and (case.label > 0).sum() == 7 * 9
    assert [len(task.split.cases(part)) for part in ("train", "val", "test")] == [6, 1, 3]
    assert opened(mine).split == task.split


def test_nnunet_names_and_classes(tmp_path):
    for number in range(3):
        volume_pair(tmp_path / "n", f"case_{number}", suffix="_0000")
    task = opened(tmp_path / "n", name="mine")
    assert task.ids == ("case_0", "case_1", "case_2") and task.labels == {1: "label 1", 2: "label 2"}
    volume_pair(tmp_path / "n", "case_0", suffix="_0001")
    with pytest.raises(BenchError, match=r"case_0_0001.nii.gz: is a further channel \(nnU-Net\)"):
        opened(tmp_path / "n")


def test_missing_partners_are_named(mine):
    for name in ("s01", "s02"):
        (mine / "labels" / f"{name}.png").unlink()
    with pytest.raises(BenchError, match=r"images without a label in .*labels: s01, s02; add the partners"):
        opened(mine)
    for name in ("s01", "s02", "s03"):
        (mine / "images" / f"{name}.png").unlink()
    with pytest.raises(BenchError, match=r"labels without an image in .*images: s03; add"):
        opened(mine)


def test_two_files_of_one_name(mine):
    volume_pair(mine, "s01")
    with pytest.raises(BenchError, match=r"s01\.png: has the name of s01\.nii\.gz but for its ending"):
        opened(mine)


def test_subjects_stay_together(mine, tmp_path):
    table = tmp_path / "subjects.csv"
    table.write_text("case,subject\n" + "".join(f"s{n:02d}.png,p{n // 2}\n" for n in range(10)))
    split = opened(mine, subjects=table).split
    for number in range(5):
        assert split.part_of(f"s{2 * number:02d}") == split.part_of(f"s{2 * number + 1:02d}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("case,subject\ns00,p0\n", r"no subject for s01, s02, s03, s04, s05 and 4 more"),
        ("case,subject\ns00,p0\ns00,p1\n", r"case s00 has two subjects \(p0, p1\)"),
        ("name,person\ns00,p0\n", r"lacks a case or a subject; the columns are case,subject"),
    ],
)
def test_subjects_that_do_not_fit(mine, tmp_path, text, problem):
    (tmp_path / "subjects.csv").write_text(text)
    with pytest.raises(BenchError, match=problem):
        opened(mine, subjects=tmp_path / "subjects.csv")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.arange(40) * 6, r"label values \[18, 24, 30, 36, 42\] are above 16"),
        ([0, 1, 2, 255], "255 beside 1, 2; smoothed masks and pixels to ignore are not supported"),
        ([0, 2, 255], "255 beside 2; smoothed masks"),
        ([0, 64, 128, 255], r"label values \[64, 128\] are above 16"),
        ([0, 1, 2, 3, 252, 253, 254, 255], r"label values \[252, 253, 254\] are above 16"),
        ([0.0, 0.5], r"label values \[0.5\] are not whole numbers"),
        ([0.0, np.nan], "holds values that are no whole numbers"),
        ([0, -1], r"label values \[-1\] are not whole numbers"),
        ([0, 300], r"label values \[300\] are not whole numbers"),
        ([0], "no label holds anything but 0"),
    ],
)
def test_labels_that_are_no_masks(tmp_path, values, problem):
    values = np.asarray(values)
    kind = np.float32 if values.dtype.kind == "f" else np.int16
    volume_pair(tmp_path / "m", "a", label=np.resize(values, (6, 7, 5)).astype(kind))
    with pytest.raises(BenchError, match=problem):
        opened(tmp_path / "m")


def test_a_slice_without_a_label_is_no_further_channel(tmp_path):
    for number in range(3):
        slice_pair(tmp_path / "m", f"slice_000{number}")
    (tmp_path / "m/labels/slice_0002.png").unlink()
    with pytest.raises(BenchError, match=r"images without a label in .*: slice_0002"):
        opened(tmp_path / "m")


def test_axes_that_run_different_ways_are_said(tmp_path, capsys):
    for name, flip in (("a", 1.0), ("b", -1.0)):
        volume_pair(tmp_path / "m", name)
        for folder in ("images", "labels"):
            (file,) = (tmp_path / "m" / folder).glob(f"{name}*")
            image = nib.load(file)
            nib.save(nib.Nifti1Image(np.asarray(image.dataobj), np.diag([flip, 1.0, 1.0, 1.0])), file)
    opened(tmp_path / "m")
    assert "the images' axes run different ways (LAS, RAS)" in capsys.readouterr().err


def test_upper_case_endings_are_read(tmp_path):
    volume_pair(tmp_path / "m", "a")
    for folder in ("images", "labels"):
        (file,) = (tmp_path / "m" / folder).glob("a*")
        file.rename(file.with_name("A.NII.GZ"))
    assert opened(tmp_path / "m").ids == ("A",)


def test_an_msd_task_keeps_its_published_split(mine):
    with pytest.raises(UsageProblem, match="'hippocampus' is a task of the MSD with a published split"):
        opened(mine, name="hippocampus")


@pytest.fixture
def typed(monkeypatch, tmp_path, capsys, registries, one_thread):
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def make(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        return (int(caught.value.code or 0), *capsys.readouterr())

    return make


def test_train_as_typed(typed, mine, tmp_path):
    folders = ("--images", mine / "images", "--labels", mine / "labels")
    model = ("--model", "med-nca", "--recipe", "tiny", "--plugin", TINY, "--out", "w.safetensors")
    code, out, err = typed("train", *folders, *model)
    assert code == 0, err
    assert out == "w.safetensors\n" and "each file is taken for a subject of its own" in err
    _, metadata = weights.load(tmp_path / "w.safetensors")
    assert metadata["task"] == "mine" and len(metadata["train_cases"]) == 6
    assert metadata["label_map"] == {"255": "foreground"}


def test_run_as_typed(typed, mine, monkeypatch):
    from mednca_bench.results import plots

    monkeypatch.setattr(plots, "write", lambda folder, **options: [])
    folders = ("--images", mine / "images", "--labels", mine / "labels", "--name", "squares")
    model = ("--model", "threshold", "--recipe", "tiny", "--plugin", TINY, "--jobs", "1", "--out", "r")
    code, out, err = typed("run", "--suite", "accuracy", *folders, *model)
    assert code == 0, err
    assert "squares" in err and "| threshold | foreground | 3/3 |" in out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--labels", "somewhere"), "names a folder only with --images DIR"),
        (("--images", "here"), "--images needs --labels DIR"),
        (("--images", "here", "--labels", "there", "--task", "hippocampus"), "--images and --task do not go together"),
        (("--subjects", "s.csv"), "--subjects belongs to own data"),
        (("--labels", "merged", "--outputs", "classes"), "contradict each other"),
    ],
)
def test_options_that_do_not_go_together(typed, words, problem):
    code, _, err = typed("train", *words)
    assert code == 2 and problem in err and err.count("\n") == 1


def test_a_folder_that_is_not_there(typed):
    code, _, err = typed("train", "--images", "here", "--labels", "there")
    assert code == 1 and "there: no such folder, given by --labels" in err
