"""Phantoms: the same seed gives the same bytes, the format is MSD's, and the task is neither trivial nor lopsided."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mednca_bench.benchmark import phantom, phantom_folder, phantom_hippocampus, phantom_prostate, phantom_tissue
from mednca_bench.benchmark.errors import BenchError, UsageProblem
from mednca_bench.benchmark.task import open_task
from mednca_bench.benchmark.verify import verify
from mednca_bench.benchmark.volume import read_case

SMALL = (40, 40, 8)  # a prostate volume for tests
Volumes = list[tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]]


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def hippocampi() -> Volumes:
    """Ten volumes, intensities scaled to [0, 1] by percentiles 0.5 and 99.5, and the merged label."""
    volumes = []
    for subject in range(1, 6):
        for side in (0, 1):
            image, label = phantom_hippocampus.volume(0, subject=subject, side=side)
            low, high = np.percentile(image, (0.5, 99.5))
            volumes.append((np.clip((image - low) / (high - low), 0.0, 1.0), label > 0))
    return volumes


def test_the_hippocampus_folder_is_an_msd_task_with_its_split(tmp_path: Path) -> None:
    folder = phantom.make(tmp_path, kind="hippocampus", subjects=4)
    assert folder == tmp_path / "Phantom04_Hippocampus"
    assert verify(folder) == []
    task = open_task(folder)
    assert (task.name, task.phantom, task.split.origin) == ("Phantom04_Hippocampus", True, "folder")
    assert task.ids == tuple(f"phantom_{k:03d}" for k in range(1, 9))
    assert (task.labels, task.modalities) == ({1: "Anterior", 2: "Posterior"}, {0: "MRI"})
    assert [len(task.split.cases(part)) for part in ("train", "val", "test")] == [4, 2, 2]
    assert task.split.group["phantom_003"] == task.split.group["phantom_004"] == "2"
    case = read_case(task.cases[0], task=task)
    assert case.spacing == (1.0, 1.0, 2.0)
    assert set(np.unique(case.label)) == {0, 1, 2}


def test_the_default_phantom_has_the_agreed_split() -> None:
    settings = phantom_folder.Settings("hippocampus", phantom.VERSION, 0, phantom.DEFAULT_SUBJECTS["hippocampus"], None)
    split = phantom_folder._split(settings)
    assert [len(split.cases(part)) for part in ("train", "val", "test")] == [36, 4, 8]
    assert split.train[-1] == "phantom_036"


def test_the_prostate_folder_has_task05s_form(tmp_path: Path) -> None:
    folder = phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL)
    assert verify(folder) == []
    task = open_task(folder)
    assert task.modalities == {0: "T2", 1: "ADC"}
    assert task.labels == {1: "PZ", 2: "TZ"}
    case = read_case(task.cases[1], task=task)
    assert case.image.shape == (2, *SMALL)
    assert case.spacing == pytest.approx((4.8, 4.8, 10.0))  # the field of view of 192 x 192 x 80 mm is kept
    t2 = read_case(task.cases[1], task=task, channel="t2")
    np.testing.assert_array_equal(t2.image[0], case.image[0])


def test_the_full_prostate_volume_has_task05s_grid() -> None:
    assert phantom_prostate.SHAPE == (320, 320, 20)
    assert phantom_prostate.spacing(phantom_prostate.SHAPE) == (0.6, 0.6, 4.0)


def test_prostate_zones_lie_as_in_a_body() -> None:
    """The peripheral zone is behind the transition zone (smaller y), both near the middle, and T2 tells them apart."""
    for subject in range(1, 6):
        image, label = phantom_prostate.volume(3, subject=subject, shape=(96, 96, 12))
        outer, inner = np.argwhere(label == 1), np.argwhere(label == 2)
        assert outer[:, 1].mean() < inner[:, 1].mean()
        assert np.abs((np.argwhere(label > 0).mean(axis=0) + 0.5) / label.shape - 0.5).max() < 0.12
        assert image[..., 0][label == 1].mean() > 1.2 * image[..., 0][label == 2].mean()


@pytest.mark.parametrize(("kind", "shape"), [("hippocampus", None), ("prostate", SMALL)])
def test_the_same_seed_gives_the_same_bytes_in_any_process(
    tmp_path: Path, kind: str, shape: tuple[int, int, int] | None
) -> None:
    here = phantom.make(tmp_path / "here", kind=kind, subjects=3, seed=7, shape=shape)
    code = (
        "from pathlib import Path; from mednca_bench.benchmark.phantom import make;"
        f"make(Path({str(tmp_path / 'there')!r}), kind={kind!r}, subjects=3, seed=7, shape={shape!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert digests(here) == digests(tmp_path / "there" / here.name)


def test_another_seed_gives_other_volumes_and_more_subjects_the_same_first_ones(tmp_path: Path) -> None:
    few = digests(phantom.make(tmp_path / "few", kind="prostate", subjects=3, shape=SMALL))
    more = digests(phantom.make(tmp_path / "more", kind="prostate", subjects=4, shape=SMALL))
    other = digests(phantom.make(tmp_path / "other", kind="prostate", subjects=3, shape=SMALL, seed=1))
    images = [name for name in few if name.endswith(".nii.gz")]
    assert len(images) == 6
    assert all(few[name] == more[name] for name in images)
    assert all(few[name] != other[name] for name in images)


def test_sides_are_alike_and_not_equal(hippocampi: Volumes) -> None:
    """Two sides of a subject overlap more than sides of different subjects, centred on the body."""

    def centred(mask: npt.NDArray[np.bool_]) -> set[tuple[int, ...]]:
        points = np.argwhere(mask)
        return set(map(tuple, points - np.rint(points.mean(axis=0)).astype(int)))

    bodies = [centred(mask) for _, mask in hippocampi]

    def dice(i: int, j: int) -> float:
        return 2 * len(bodies[i] & bodies[j]) / (len(bodies[i]) + len(bodies[j]))

    within = [dice(i, i + 1) for i in range(0, 10, 2)]
    across = [dice(i, j) for i in range(10) for j in range(i + 1, 10) if i // 2 != j // 2]
    assert np.mean(within) > np.mean(across) + 0.05
    assert max(within) < 0.99


def test_hippocampus_volumes_have_the_real_tasks_ranges(hippocampi: Volumes) -> None:
    for image, mask in hippocampi:
        mm = np.multiply(image.shape, phantom_hippocampus.SPACING)
        for length, low, high in zip(mm, (31, 40, 24), (43, 59, 47), strict=True):
            assert low - 1 <= length <= high + 1  # in whole slices of 2 mm
        assert 0.015 < mask.mean() < 0.08
    assert 0.03 < np.mean([mask.mean() for _, mask in hippocampi]) < 0.05


def test_the_body_is_in_one_piece(hippocampi: Volumes) -> None:
    from scipy import ndimage

    for _, mask in hippocampi:
        pieces, count = ndimage.label(mask)
        sizes = np.bincount(pieces.ravel())[1:]
        assert sizes.max() > 0.98 * sizes.sum(), count


def test_no_band_of_intensity_finds_the_body(hippocampi: Volumes) -> None:
    """The best interval [a, b] of intensity, chosen on these very volumes, stays far below what a network reaches."""
    edges = np.linspace(0.0, 1.0, 51)
    everything = np.array([np.histogram(image, edges)[0] for image, _ in hippocampi])
    inside = np.array([np.histogram(image[mask], edges)[0] for image, mask in hippocampi])
    best = 0.0
    for a in range(50):
        for b in range(a + 1, 51):
            found, hit = everything[:, a:b].sum(axis=1), inside[:, a:b].sum(axis=1)
            best = max(best, float(np.mean(2 * hit / (found + inside.sum(axis=1)))))
    assert 0.1 < best <= 0.45


def test_no_fixed_place_finds_the_body(hippocampi: Volumes) -> None:
    """The best region of a mean label, all volumes resampled to one grid, leaves a network something to do."""
    from scipy import ndimage

    grid = (36, 50, 18)
    masks = [
        ndimage.zoom(mask.astype(float), np.divide(grid, mask.shape), order=1, mode="nearest", grid_mode=True) > 0.5
        for _, mask in hippocampi
    ]
    mean = np.mean(masks, axis=0)
    scores = [
        np.mean([2 * (m & (mean > t)).sum() / (m.sum() + (mean > t).sum()) for m in masks]) for t in (0.3, 0.4, 0.5)
    ]
    assert 0.4 < max(scores) < 0.8


def test_intensity_scales_and_types_vary_as_in_the_real_task() -> None:
    rng = np.random.default_rng(0)
    stored = [phantom_hippocampus._stored(np.linspace(0.0, 1.0, 50).reshape(5, 5, 2), rng=rng) for _ in range(200)]
    kinds = [str(array.dtype) for array in stored]
    assert 20 < kinds.count("uint8") < 60
    assert kinds.count("float32") == 200 - kinds.count("uint8")
    maxima = [float(array.max()) for array in stored]
    assert min(maxima) < 255 < 5e5 < max(maxima) < 1.7e6
    assert all(np.array_equal(array, np.rint(array)) for array in stored)


def test_a_complete_phantom_is_used_again_and_another_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    with pytest.raises(BenchError, match=r"already there, generated with seed 0 instead of 5; delete it or choose"):
        phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL, seed=5)
    monkeypatch.setattr(phantom, "VERSION", phantom.VERSION + 1)
    with pytest.raises(BenchError, match=r"generated with version \d+ instead of \d+; delete it"):
        phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL)


def test_a_phantom_finished_by_another_process_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def beaten(source: Path, target: Path) -> None:
        other = source.with_name("other")
        shutil.copytree(source, other)
        rename(other, target)
        rename(source, target)  # fails: the folder is there and not empty

    monkeypatch.setattr(phantom.os, "rename", beaten)
    assert verify(phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL)) == []
    assert [path.name for path in tmp_path.iterdir()] == ["Phantom05_Prostate"]


def test_a_folder_that_is_no_phantom_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "Phantom05_Prostate").mkdir()
    (tmp_path / "Phantom05_Prostate" / "dataset.json").write_text('{"name": "mine"}')
    with pytest.raises(BenchError, match="already there, and not a phantom"):
        phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL)


def test_a_phantom_that_lost_a_file_is_made_again(tmp_path: Path) -> None:
    folder = phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL)
    before = digests(folder)
    (folder / "imagesTr" / "phantom_002.nii.gz").unlink()
    phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL)
    assert digests(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_the_default_phantom_is_kept_under_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(phantom.DEFAULT_SUBJECTS, "hippocampus", 3)
    folder = phantom.default_phantom(tmp_path)
    assert folder.is_relative_to(tmp_path / "phantoms")
    assert phantom.default_phantom(tmp_path) == folder
    assert len(open_task(folder).cases) == 6


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_generation_is_not_taken_for_a_phantom(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from mednca_bench.benchmark.phantom import make;"
        f"make(Path({str(tmp_path)!r}), kind='prostate', subjects=500, shape={SMALL!r})"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".new-*/fresh/imagesTr/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert list(tmp_path.glob(".new-*/fresh/imagesTr/*"))
    assert not (tmp_path / "Phantom05_Prostate").exists()
    assert verify(phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL)) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(phantom, "write", full)
    with pytest.raises(BenchError, match=r"cannot write the phantom \(No space left on device\); free some space"):
        phantom.make(tmp_path / "out", kind="prostate", subjects=3, shape=SMALL)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "hipocampus"}, r"unknown phantom kind 'hipocampus'; did you mean 'hippocampus'\?"),
        ({"subjects": 2}, "at least 3 subjects; given 0, 2"),
        ({"seed": -1}, "a seed from 0"),
        ({"kind": "hippocampus", "shape": SMALL}, "for the prostate phantom only"),
        ({"shape": (40, 40, 1)}, r"shape \(40, 40, 1\) does not fit"),
    ],
)
def test_wrong_settings_are_usage_problems(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageProblem, match=message):
        phantom.make(tmp_path, **({"kind": "prostate"} | changes))  # type: ignore[arg-type]


def test_nifti_bytes_carry_no_time_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    first = phantom_folder.nifti_bytes(array, spacing=(1.0, 2.0, 3.0))
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    assert phantom_folder.nifti_bytes(array, spacing=(1.0, 2.0, 3.0)) == first


def test_dataset_json_says_phantom(tmp_path: Path) -> None:
    folder = phantom.make(tmp_path, kind="prostate", subjects=3, shape=SMALL)
    content = json.loads((folder / "dataset.json").read_text())
    assert content["phantom"] is True
    assert content["generator"]["version"] == phantom.VERSION
    assert content["name"] == "Phantom05_Prostate"


def test_smooth_fields_are_standardised_and_as_smooth_as_asked() -> None:
    for width in (2.0, 5.0):
        rng = np.random.default_rng(1)
        field = phantom_tissue.smooth_field((48, 48, 48), width=(width, width, width), rng=rng)
        assert abs(float(field.mean())) < 1e-9
        assert float(field.std()) == pytest.approx(1.0)
        # bumps of sd w on a dense grid correlate as exp(-d^2 / 4w^2) at distance d
        measured = float(np.mean(field[:-4] * field[4:]))
        assert measured == pytest.approx(np.exp(-16 / (4 * width**2)), abs=0.12)


def test_a_straight_tube_has_the_distance_of_a_cylinder() -> None:
    where = phantom_tissue.coordinates((21, 21, 21), (1.0, 1.0, 1.0))
    line = np.linspace((0.0, 0.0, -10.0), (0.0, 0.0, 10.0), 401)
    distance, along = phantom_tissue.tube(where, line, np.full(401, 3.0))
    expected = np.hypot(where[..., 0], where[..., 1]) - 3.0
    near = expected < 5.0
    np.testing.assert_allclose(distance[near], expected[near], atol=1e-3)
    assert (distance[~near] > 4.9).all()
    np.testing.assert_allclose(along[10, 10, :], np.linspace(0, 1, 21), atol=0.003)


def test_rician_noise_has_a_rayleigh_floor_and_a_gaussian_top() -> None:
    rng = np.random.default_rng(0)
    floor = phantom_tissue.rician(np.zeros((40, 40, 40)), sigma=0.1, rng=rng)
    assert float(floor.mean()) == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.01)
    top = phantom_tissue.rician(np.full((40, 40, 40), 5.0), sigma=0.1, rng=rng)
    assert float(top.std()) == pytest.approx(0.1, rel=0.02)
