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
from mednca_bench.benchmark.predictor import load_predictor
from mednca_bench.benchmark.shipped import weights_file
from mednca_bench.models import weights
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
    for name in ("sform_code", "qform_code"):
        assert label.header[name] == image.header[name] == 1, name
    np.testing.assert_allclose(label.get_qform(), image.get_qform())
    assert label.header.get_xyzt_units()[0] == "mm"
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


def probability(folder: Path, name: str = "scan_7") -> np.ndarray:
    return np.asarray(nib.load(folder / f"{name}_probability.nii.gz").dataobj, dtype=np.float64)


def test_passes_give_nqm_and_their_mean(typed, contestant, scan, tmp_path):
    """On an image of the model's size, where nothing is resampled; NQM by hand from passes of their own."""
    path = contestant("med-nca", size=(20, 16)).path
    for passes, out in ((1, "one"), (3, "three")):
        code, _, err = typed("--weights", path, scan, "--out", out, "--passes", passes, "--probabilities")
        assert code == 0, err
    one, three = rows(tmp_path / "one")[0], rows(tmp_path / "three")[0]
    assert one["nqm"] == "" and three["passes"] == "3"
    alone = []
    for seed in range(3):
        words = ("--out", f"seed{seed}", "--fire-seed", seed, "--probabilities")
        assert typed("--weights", path, scan, *words)[0] == 0
        alone.append(probability(tmp_path / f"seed{seed}"))
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    np.testing.assert_array_equal(probability(tmp_path / "one"), alone[0])
    np.testing.assert_allclose(probability(tmp_path / "three"), np.mean(alone, axis=0), atol=1e-6)
    nqm = np.std(alone, axis=0).sum() / np.mean(alone, axis=0).sum()
    assert float(three["nqm"]) == pytest.approx(nqm, rel=1e-4)


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
    path, other = contestant("threshold").path, contestant("threshold", seed=1).path
    assert typed("--weights", path, scan, "--out", "o")[0] == 0
    before = (tmp_path / "o/scan_7.nii.gz").stat().st_mtime_ns
    code, _, err = typed("--weights", other, scan, "--out", "o")
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


@pytest.mark.parametrize("axes", ["LPS", "PIR", "SAR"])
def test_the_same_anatomy_stored_another_way_has_the_same_answer(typed, contestant, scan, tmp_path, axes):
    path = contestant("med-nca", metadata={"axes": "LAS"}).path
    image = nib.Nifti1Image(np.asarray(nib.load(scan).dataobj, dtype=np.float32), np.diag([-2.0, 1.0, 3.0, 1.0]))
    nib.save(image, scan)
    turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(tuple(axes)))
    (tmp_path / "other").mkdir()
    nib.save(image.as_reoriented(turn), tmp_path / "other/scan_7.nii.gz")
    words = ("--passes", 2, "--probabilities")
    assert typed("--weights", path, scan, "--out", "as_trained", *words)[0] == 0
    assert typed("--weights", path, "other/scan_7.nii.gz", "--out", "turned", *words)[0] == 0
    for name in ("scan_7", "scan_7_probability"):
        wanted = nib.load(tmp_path / f"as_trained/{name}.nii.gz").as_reoriented(turn)
        found = nib.load(tmp_path / f"turned/{name}.nii.gz")
        np.testing.assert_allclose(found.affine, wanted.affine)
        np.testing.assert_array_equal(np.asarray(found.dataobj), np.asarray(wanted.dataobj))
    one, other = rows(tmp_path / "as_trained")[0], rows(tmp_path / "turned")[0]
    assert (one["axes"], other["axes"]) == ("LAS", axes)
    assert [one[name] for name in ("voxels", "volume_mm3", "nqm")] == [
        other[name] for name in ("voxels", "volume_mm3", "nqm")
    ]
    assert int(one["voxels"]) > 0


def test_shipped_weights_know_the_axes_of_their_task():
    assert load_predictor(weights_file("med-nca-quick-hippocampus")).axes == "RAS"


def test_the_table_is_written_after_each_image(typed, contestant, scan, tmp_path, monkeypatch):
    """Stopped in the second image, the first one's label has its row."""
    from mednca_bench.benchmark import predictor as module

    (tmp_path / "b.nii.gz").write_bytes(scan.read_bytes())
    real = module.read_scan

    def stopped(path, **options):
        if path.name == "b.nii.gz":
            raise KeyboardInterrupt
        return real(path, **options)

    monkeypatch.setattr(module, "read_scan", stopped)
    code, _, err = typed("--weights", contestant("threshold").path, scan, "b.nii.gz", "--out", "o")
    assert code == 1 and "interrupted" in err
    assert [row["output"] for row in rows(tmp_path / "o")] == ["scan_7.nii.gz"]


def test_an_answer_that_is_there_is_kept(typed, contestant, scan, tmp_path, monkeypatch):
    from mednca_bench.benchmark import predictor as module

    (tmp_path / "b.nii.gz").write_bytes(scan.read_bytes())
    path, seen, real = contestant("med-nca-16").path, [], module.read_scan
    monkeypatch.setattr(module, "read_scan", lambda path, **options: seen.append(path.name) or real(path, **options))
    assert typed("--weights", path, scan, "--out", "o")[0] == 0
    code, out, err = typed("--weights", path, scan, "b.nii.gz", "--out", "o")
    assert code == 0 and out.startswith("2 of 2 images segmented") and seen == ["scan_7.nii.gz", "b.nii.gz"]
    assert "1 of 2 images had this answer already, and it is kept" in err
    assert [row["output"] for row in rows(tmp_path / "o")] == ["scan_7.nii.gz", "b.nii.gz"]
    assert len({row["key"] for row in rows(tmp_path / "o")}) == 1  # the same bytes
    assert typed("--weights", path, scan, "--out", "o", "--overwrite")[0] == 0 and seen[2:] == ["scan_7.nii.gz"]
    more = typed("--weights", path, scan, "--out", "o", "--probabilities")
    assert more[0] == 0 and (tmp_path / "o/scan_7_probability.nii.gz").is_file(), "what is missing of it is added"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("stopped", range(3))  # at the label, the probability, the overlay
@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_the_same_call_goes_on_after_a_stop(typed, contestant, scan, tmp_path, monkeypatch, stopped, overwrite, kind):
    """Stopped or out of space before any of its files, with an answer by other weights there or not."""
    from mednca_bench.benchmark import predict_files as module

    path, other, real = contestant("threshold").path, contestant("med-nca-16").path, module.write_bytes
    call = ("--out", "o", "--probabilities", *["--overwrite"] * overwrite)
    assert typed("--weights", path, scan, "--out", "clean", "--probabilities")[0] == 0
    if overwrite:
        assert typed("--weights", other, scan, *call)[0] == 0
    written = []

    def failing(path, data):
        written.append(path)
        if len(written) > stopped:
            raise kind
        return real(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_bytes", failing)
        assert typed("--weights", path, scan, *call)[0] == 1
    if overwrite:
        code, _, err = typed("--weights", other, scan, "--out", "o", "--probabilities")
        assert "is kept" not in err, "nothing is vouched for as an answer that it is not"
        if code == 0:
            return  # the first answer was untouched, and is whole again
    code, _, err = typed("--weights", path, scan, *call)
    assert code == 0, err
    for name in ("scan_7.nii.gz", "scan_7_probability.nii.gz", "scan_7_overlay.png"):
        assert (tmp_path / "o" / name).read_bytes() == (tmp_path / "clean" / name).read_bytes()
    assert [row["error"] for row in rows(tmp_path / "o")] == [""]


@pytest.mark.parametrize("change", ["--fire-seed 1", "--passes 2", "--channel 0", "bytes", "edited"])
def test_another_answer_is_not_the_one_that_is_there(typed, contestant, scan, tmp_path, change):
    """Other seeds, passes, channel or bytes, or a label that somebody has edited since: nothing is replaced or kept."""
    path, label = contestant("med-nca-16").path, tmp_path / "o/scan_7.nii.gz"
    assert typed("--weights", path, scan, "--out", "o")[0] == 0
    if change == "bytes":
        nib.save(nib.Nifti1Image(np.zeros((20, 16, 5), dtype=np.int16), np.eye(4)), scan)
    if change == "edited":
        label.write_bytes(label.read_bytes() + b"edited")
    before = label.read_bytes()
    code, _, err = typed("--weights", path, scan, "--out", "o", *(change.split() if change.startswith("--") else ()))
    assert code == 1 and "is there already; give another --out, or --overwrite" in err
    assert label.read_bytes() == before


def test_an_image_that_cannot_be_read_any_more_does_not_stop_the_others(typed, contestant, scan, tmp_path, monkeypatch):
    from mednca_bench.benchmark import predict_files as module

    (tmp_path / "b.nii.gz").write_bytes(scan.read_bytes())
    path, real = contestant("threshold").path, module.sha256_of
    assert typed("--weights", path, scan, "--out", "o")[0] == 0

    def locked(file):
        if file == scan:
            raise PermissionError(13, "Permission denied", str(file))
        return real(file)

    monkeypatch.setattr(module, "sha256_of", locked)
    code, out, err = typed("--weights", path, scan, "b.nii.gz", "--out", "o")
    assert code == 1 and out.startswith("1 of 2") and "Permission denied" in err
    assert [bool(row["error"]) for row in rows(tmp_path / "o")] == [False, False]


def test_whatever_goes_wrong_with_an_image_the_others_go_on(typed, contestant, scan, tmp_path, monkeypatch):
    from mednca_bench.benchmark import predictor as module

    (tmp_path / "b.nii.gz").write_bytes(scan.read_bytes())
    real = module.read_scan

    def failing(path, **options):
        if path.name == "b.nii.gz":
            raise MemoryError("cannot allocate")
        return real(path, **options)

    monkeypatch.setattr(module, "read_scan", failing)
    code, out, err = typed("--weights", contestant("threshold").path, "b.nii.gz", scan, "--out", "o")
    assert code == 1 and out.startswith("1 of 2") and "error: b.nii.gz: MemoryError: cannot allocate" in err
    assert [bool(row["error"]) for row in rows(tmp_path / "o")] == [True, False]


def test_a_nifti_2_has_a_nifti_2_label(typed, contestant, scan, tmp_path):
    image = nib.load(scan)
    nib.save(nib.Nifti2Image(np.asarray(image.dataobj), image.affine), tmp_path / "two.nii")
    code, _, err = typed("--weights", contestant("threshold").path, "two.nii", "--out", "o")
    assert code == 0, err
    assert isinstance(nib.load(tmp_path / "o/two.nii.gz"), nib.Nifti2Image)


@pytest.mark.parametrize("content", [b"case,dice\na,0.9\n", b"\xff\xfe\x00"])
def test_another_file_by_the_name_of_the_table_stays(typed, contestant, scan, tmp_path, content):
    (tmp_path / "o").mkdir()
    (tmp_path / "o/predictions.csv").write_bytes(content)
    path = contestant("threshold").path
    code, _, err = typed("--weights", path, scan, "--out", "o")
    assert code == 1 and "o/predictions.csv: is not a table of this version; move it away" in err
    assert (tmp_path / "o/predictions.csv").read_bytes() == content and len(list((tmp_path / "o").iterdir())) == 1
    assert typed("--weights", path, scan, "--out", "o", "--overwrite")[0] == 0
    assert [row["output"] for row in rows(tmp_path / "o")] == ["scan_7.nii.gz"]


def test_a_label_has_one_row_whatever_image_it_was_made_from(typed, contestant, scan, tmp_path):
    path = contestant("threshold").path
    (tmp_path / "other").mkdir()
    (tmp_path / "other/scan_7.nii.gz").write_bytes(scan.read_bytes())
    assert typed("--weights", path, scan, "--out", "o", "--probabilities")[0] == 0
    assert typed("--weights", path, "other/scan_7.nii.gz", "--out", "o", "--overwrite", "--no-overlay")[0] == 0
    assert [row["image"] for row in rows(tmp_path / "o")] == ["other/scan_7.nii.gz"]
    names = sorted(file.name for file in (tmp_path / "o").iterdir())
    assert names == ["predictions.csv", "scan_7.nii.gz"], "nothing is left of the answer that was replaced"


def test_only_what_this_command_made_is_ever_taken_away(typed, contestant, scan, tmp_path):
    """A file by the name of an overlay that is somebody's, or an image that was given, stays."""
    path = contestant("threshold").path
    mask = png_bytes(np.zeros((8, 8), dtype=np.uint8))
    (tmp_path / "o").mkdir()
    (tmp_path / "o/scan_7_overlay.png").write_bytes(mask)
    words = ("--weights", path, scan, "--out", "o", "--no-overlay")
    assert typed(*words)[0] == 0 and (tmp_path / "o/scan_7_overlay.png").read_bytes() == mask
    assert typed(*words, "o/scan_7_overlay.png", "--overwrite")[0] == 1  # the mask's output would replace it
    assert (tmp_path / "o/scan_7_overlay.png").read_bytes() == mask


def test_outputs_that_would_replace_each_other_are_refused(typed, contestant, scan, tmp_path):
    (tmp_path / "scan_7_overlay.png").write_bytes(png_bytes(np.zeros((8, 8), dtype=np.uint8)))
    code, _, err = typed("--weights", contestant("threshold").path, scan, "scan_7_overlay.png", "--out", "o")
    assert code == 2 and "scan_7_overlay.png would be an output of" in err and not (tmp_path / "o").exists()


def test_a_png_holds_one_probability_and_that_is_said_before_the_work(typed, contestant, tmp_path):
    (tmp_path / "a.png").write_bytes(png_bytes(np.zeros((8, 8), dtype=np.uint8)))
    path = contestant("threshold", outputs=2, labels="classes").path
    code, _, err = typed("--weights", path, "a.png", "--out", "o", "--probabilities")
    assert code == 1 and "a PNG holds the probability of one output, the model has 2" in err
    assert [file.name for file in (tmp_path / "o").iterdir()] == ["predictions.csv"]


def test_a_folder_that_cannot_be_written_is_said_before_the_work(typed, contestant, scan, tmp_path, monkeypatch):
    from mednca_bench.benchmark import predictor as module

    monkeypatch.setattr(module, "segment", None)
    code, _, err = typed("--weights", contestant("threshold").path, scan, "--out", "/proc/none")
    assert code == 1 and "/proc/none" in err and "Traceback" not in err


def test_steps_do_not_go_with_our_own_weights_in_a_folder(typed, contestant, scan, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/weights.safetensors").write_bytes(contestant("threshold").path.read_bytes())
    code, _, err = typed("--weights", "own", scan, "--out", "o", "--steps", 3)
    assert code == 2 and "--steps and --size go with an official checkpoint" in err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metadata": {"label_map": [1, 2]}}, "its label map is no table"),
        ({"metadata": {"seed": None}}, "holds no recipe"),
        ({"metadata": {"train_cases": None}}, "holds no recipe"),
        ({"intensity": "foo"}, "intensity is 'foo'; it must be"),
    ],
)
def test_altered_weights_are_refused_in_one_line(typed, contestant, scan, tmp_path, changes, said):
    good = contestant("threshold").path
    model, metadata = weights.load(good)
    altered = metadata | changes.get("metadata", {})
    altered["recipe"] = metadata["recipe"] | {name: value for name, value in changes.items() if name != "metadata"}
    (tmp_path / "altered.safetensors").write_bytes(weights.to_bytes(model, metadata=altered))
    code, _, err = typed("--weights", "altered.safetensors", scan, "--out", "o")
    assert code in (1, 2) and said in err and "bug" not in err


def test_the_contour_lies_around_the_label():
    """Its corners are half a pixel outside of the block, on each panel that shows it."""
    from mednca_bench.benchmark import overlay

    label = np.zeros((20, 16, 5), dtype=np.uint8)
    label[5:14, 4:11, 1:4] = 1
    seen = []
    real = overlay.contour

    def watched(ax, mask, **options):
        seen.append(mask)
        real(ax, mask, **options)
        if not mask.any():
            return
        spots = np.concatenate([path.vertices for each in ax.collections for path in each.get_paths()])
        spots = spots[np.isfinite(spots).all(axis=1)]
        assert spots[:, 0].min() == pytest.approx(4.5) and spots[:, 0].max() == pytest.approx(13.5)
        assert spots[:, 1].min() == pytest.approx(3.5) and spots[:, 1].max() == pytest.approx(10.5)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlay, "contour", watched)
        image = np.random.default_rng(0).random((20, 16, 5)).astype(np.float32)
        overlay.overlay_png(image, label, names={1: "x"}, spacing=(1.0, 1.0, 1.0), title="t")
    assert [int(mask.sum()) for mask in seen] == [0, 9 * 7, 9 * 7]  # the first largest slice and its neighbours
