"""`predict` as typed: labels on the image's grid, probabilities, NQM, overlays; bad images are named and skipped."""

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image

from mednca_bench.benchmark.cli import main
from mednca_bench.benchmark.nifti import read_volume
from mednca_bench.benchmark.overlay import shown_slices
from mednca_bench.benchmark.png import png_bytes
from mednca_bench.models.nca_rule import Rule, RuleShape

pytestmark = pytest.mark.usefixtures("one_thread")
PLUGIN = ("--plugin", str(Path(__file__).with_name("tiny_plugin.py")))


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys, registries):
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def make(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["predict", *map(str, words), *PLUGIN])
        return (int(caught.value.code or 0), *capsys.readouterr())

    return make


@pytest.fixture
def scan(tmp_path) -> Path:
    """A bright block in a flipped, sheared frame of 2 x 1 x 3 mm, with codes and a scale of intensities."""
    affine = np.array([[-2.0, 0.1, 0, 5], [0, 1.0, 0, -7], [0, 0, 3.0, 1], [0, 0, 0, 1]])
    values = np.random.default_rng(0).integers(0, 300, (20, 16, 5)).astype(np.int16)
    values[5:14, 4:11, 1:4] = 900
    image = nib.Nifti1Image(values, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header["cal_max"] = 900
    image.header["descrip"] = b"patient"
    image.header.set_slope_inter(2.0, -3.0)
    nib.save(image, tmp_path / "scan_7.nii.gz")
    return tmp_path / "scan_7.nii.gz"


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_label_lies_on_the_image(typed, contestant, scan, tmp_path):
    path = contestant("threshold", size=(20, 16)).path
    code, out, err = typed("--weights", path, scan, "--out", "o", "--probabilities")
    assert code == 0, err
    assert out == "1 of 1 images segmented: o/predictions.csv\n"
    image, label = nib.load(scan), nib.load(tmp_path / "o/scan_7.nii.gz")
    assert label.shape == image.shape and label.get_data_dtype() == np.uint8
    np.testing.assert_allclose(label.affine, image.affine)
    np.testing.assert_allclose(label.header.get_zooms(), image.header.get_zooms())
    for name in ("sform_code", "qform_code", "xyzt_units"):
        assert label.header[name] in (image.header[name], 2), name
    assert label.header["cal_max"] == 0 and label.header["descrip"].item().rstrip(b"\0") == b""
    found = np.asarray(label.dataobj)
    truth = np.zeros_like(found)
    truth[5:14, 4:11, 1:4] = 1
    np.testing.assert_array_equal(found, truth)
    probability = nib.load(tmp_path / "o/scan_7_probability.nii.gz")
    assert probability.get_data_dtype() == np.float32
    np.testing.assert_array_equal(np.asarray(probability.dataobj) > 0.5, found > 0)
    (row,) = rows(tmp_path / "o")
    assert (row["output"], row["voxels"], row["nqm"]) == ("scan_7.nii.gz", "189", "")
    assert float(row["volume_mm3"]) == pytest.approx(189 * np.prod(image.header.get_zooms()), rel=1e-5)
    picture = Image.open(tmp_path / "o/scan_7_overlay.png")
    assert min(picture.size) > 200 and len(picture.convert("RGB").getcolors(10**6)) > 20


def test_passes_give_nqm_and_their_mean(typed, contestant, scan, tmp_path):
    path = contestant("med-nca").path
    for passes, out in ((1, "one"), (3, "three")):
        code, _, err = typed("--weights", path, scan, "--out", out, "--passes", passes, "--probabilities")
        assert code == 0, err
    one, three = rows(tmp_path / "one")[0], rows(tmp_path / "three")[0]
    assert one["nqm"] == "" and float(three["nqm"]) > 0 and three["passes"] == "3"
    maps = [np.asarray(nib.load(tmp_path / out / "scan_7_probability.nii.gz").dataobj) for out in ("one", "three")]
    assert np.abs(maps[0] - maps[1]).max() > 0


def test_png_in_mask_out(typed, contestant, tmp_path):
    values = np.full((24, 20), 30, dtype=np.uint8)
    values[3:9, 10:18] = 250
    (tmp_path / "a.png").write_bytes(png_bytes(values))
    path = contestant("threshold", size=(24, 20)).path
    code, _, err = typed("--weights", path, "a.png", "--out", "o", "--probabilities")
    assert code == 0, err
    np.testing.assert_array_equal(read_volume(tmp_path / "o/a.png").array[..., 0], np.where(values > 100, 255, 0))
    assert read_volume(tmp_path / "o/a_probability.png").array.max() > 255  # 16 bits


def test_bad_images_are_named_and_the_others_go_on(typed, contestant, scan, tmp_path):
    (tmp_path / "text.nii.gz").write_text("no image")
    values = np.full((8, 8, 2), np.nan, dtype=np.float32)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "nan.nii")
    path = contestant("threshold").path
    code, out, err = typed("--weights", path, "text.nii.gz", "nan.nii", "missing.nii", scan, "--out", "o")
    assert code == 1 and out.startswith("1 of 4 images segmented")
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 3 and "Traceback" not in err
    for line, words in zip(
        lines, ("text.nii.gz", "nan.nii: 128 voxels are NaN", "missing.nii: no such file"), strict=True
    ):
        assert words in line
    assert [bool(row["error"]) for row in rows(tmp_path / "o")] == [True, True, True, False]
    assert (tmp_path / "o/scan_7.nii.gz").is_file()


def test_nothing_is_replaced_unasked(typed, contestant, scan, tmp_path):
    path = contestant("threshold").path
    assert typed("--weights", path, scan, "--out", "o")[0] == 0
    before = (tmp_path / "o/scan_7.nii.gz").stat().st_mtime_ns
    code, _, err = typed("--weights", path, scan, "--out", "o")
    assert code == 1 and "o/scan_7.nii.gz: is there already; give another --out, or --overwrite" in err
    assert (tmp_path / "o/scan_7.nii.gz").stat().st_mtime_ns == before
    assert [row["error"] for row in rows(tmp_path / "o")] == [""]
    assert typed("--weights", path, scan, "--out", "o", "--overwrite")[0] == 0
    code, _, err = typed("--weights", path, scan, "--out", ".", "--overwrite")
    assert code == 1 and "its output would replace it" in err and nib.load(scan).get_data_dtype() == np.int16


def test_two_images_of_one_name(typed, contestant, scan):
    code, _, err = typed("--weights", contestant("threshold").path, scan, scan, "--out", "o")
    assert code == 2 and "several images are called 'scan_7'" in err


def test_weights_that_are_not_there(typed, scan):
    code, _, err = typed("--weights", "none.safetensors", scan, "--out", "o")
    assert code == 2 and "--weights none.safetensors: no such file; give a .safetensors file" in err


def test_an_official_folder(typed, scan, tmp_path):
    shape = RuleShape(channels=6, hidden=8, kernel=3, image=1)
    (tmp_path / "official").mkdir()
    random = torch.Generator().manual_seed(1)
    for name in ("model0.pth", "model1.pth"):
        with torch.random.fork_rng(devices=[]):
            state = Rule(shape).state_dict()
        torch.save(
            {key: 0.3 * torch.randn(value.shape, generator=random) for key, value in state.items()},
            tmp_path / "official" / name,
        )
    words = ("--weights", "official", scan, "--passes", "2")
    code, _, err = typed(*words, "--steps", "3", "--size", "16", "--out", "o")
    assert code == 0, err
    assert "official, 3 steps, 16 x 16; what it was trained on is unknown" in err
    assert rows(tmp_path / "o")[0]["model"] == "med-nca"
    (tmp_path / "official/model1.pth").unlink()
    code, _, err = typed(*words, "--out", "p")
    assert code == 1 and "model1.pth: no such file; an official checkpoint is a folder with" in err


def test_the_slice_with_most_foreground_and_its_neighbours():
    label = np.zeros((4, 4, 5), dtype=np.uint8)
    assert shown_slices(label) == (1, 2, 3)
    label[:2, :2, 4] = 1
    assert shown_slices(label) == (3, 4)
    assert shown_slices(label[..., 4:]) == (0,)
