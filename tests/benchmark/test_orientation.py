"""Turning scans: nibabel's reorientation as oracle, over all 48 orders of axes."""

from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mednca_bench.benchmark.errors import DataProblem
from mednca_bench.benchmark.nifti import read_volume
from mednca_bench.benchmark.orientation import axes_found, stored_axes, turned
from mednca_bench.benchmark.plan import PlannedCase
from mednca_bench.benchmark.planned import tell_axes
from mednca_bench.benchmark.predict import read_scan
from mednca_bench.benchmark.recipe import recipe_for
from mednca_bench.benchmark.task import CaseFiles, open_task
from mednca_bench.benchmark.trained import Training, trained

ORDERS = [
    "".join(pair[flip] for pair, flip in zip(pairs, flips, strict=True))
    for pairs in permutations(("RL", "AP", "SI"))
    for flips in product((0, 1), repeat=3)
]


@pytest.fixture
def image(tmp_path: Path) -> nib.Nifti1Image:
    """A small RAS volume whose voxels are all different, 1 x 2 x 3 mm."""
    values = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[:3, 3] = (-7, 5, 11)
    made = nib.Nifti1Image(values, affine)
    made.set_sform(affine, code=1)
    return made


def reoriented(image: nib.Nifti1Image, axes: str, path: Path) -> Path:
    own = nib.io_orientation(image.affine)
    wanted = nib.orientations.axcodes2ornt(tuple(axes))
    nib.save(image.as_reoriented(nib.orientations.ornt_transform(own, wanted)), path)
    return path


@pytest.mark.parametrize("axes", ORDERS)
def test_every_order_turns_to_the_same_scan_and_back(image, tmp_path, axes):
    nib.save(image, tmp_path / "ras.nii")
    wanted = read_scan(tmp_path / "ras.nii")
    path = reoriented(image, axes, tmp_path / "other.nii")
    assert stored_axes(path) == axes
    scan = read_scan(path)
    turn = turned(scan, stored=axes, axes="RAS")
    np.testing.assert_array_equal(turn.scan.image, wanted.image)
    np.testing.assert_allclose(turn.scan.affine, wanted.affine)
    assert (turn.scan.spacing, turn.scan.sha256) == (wanted.spacing, wanted.sha256)
    np.testing.assert_array_equal(turn.back(turn.scan.image[0]), scan.image[0])
    pair = np.stack([turn.scan.image[0], -turn.scan.image[0]], axis=-1)  # further axes stay where they are
    np.testing.assert_array_equal(turn.back(pair), np.stack([scan.image[0], -scan.image[0]], axis=-1))


def test_what_is_not_known_is_not_turned(image, tmp_path):
    image.set_sform(None, code=0)
    image.set_qform(None, code=0)
    nib.save(image, tmp_path / "no_codes.nii")
    assert stored_axes(tmp_path / "no_codes.nii") == stored_axes(tmp_path / "slice.png") == ""
    scan = read_scan(tmp_path / "no_codes.nii")
    for stored, axes in (("", "RAS"), ("LPS", ""), ("LPS", "LPS")):
        assert turned(scan, stored=stored, axes=axes).scan is scan


def test_the_axes_of_several_files(image, tmp_path):
    files = [reoriented(image, axes, tmp_path / f"{axes}.nii") for axes in ("LPS", "RAS", "LPS")]
    assert axes_found([*files, tmp_path / "slice.png"]) == {"LPS", "RAS"}
    with pytest.raises(DataProblem, match="no such file"):
        stored_axes(tmp_path / "none.nii")


@pytest.mark.parametrize(("unit", "said"), [("micron", "micrometres"), ("meter", "m")])
def test_spacing_in_other_units_is_refused(image, tmp_path, unit, said):
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "other.nii.gz")
    with pytest.raises(DataProblem, match=f"voxel spacing in the header is in {said}; convert it to mm"):
        read_volume(tmp_path / "other.nii.gz")
    image.header.set_xyzt_units("unknown", "sec")
    nib.save(image, tmp_path / "unknown.nii.gz")
    assert read_volume(tmp_path / "unknown.nii.gz").spacing == (1.0, 2.0, 3.0)


def test_a_run_tells_where_images_lie_another_way(image, tmp_path, contestant, capsys):
    file = reoriented(image, "LPS", tmp_path / "a.nii")
    case = PlannedCase(files=CaseFiles("a", file, file), group="a", sha256="0" * 64)
    known, silent = contestant(metadata={"axes": "RAS"}, seed=1), contestant(seed=2)
    tell_axes([known, silent], [case])
    err = capsys.readouterr().err
    assert f"{known.path}: was trained on RAS images, and is scored on LPS as they lie" in err
    assert err.count("\n") == 1
    tell_axes([contestant(metadata={"axes": "LPS"}, seed=3)], [case])
    assert capsys.readouterr().err == ""


def test_trained_weights_know_their_axes(msd_folder, tmp_path, plugin, one_thread):
    task = open_task(msd_folder(6).root)
    recipe = recipe_for("tiny", "med-nca-16")
    made = trained(Training(task=task, channel=None, labels="merged", recipe=recipe, seed=0, cache=tmp_path / "cache"))
    assert {made.axes} == axes_found(case.image for case in task.cases) != {""}


def test_real_volumes_run_as_the_table_of_tasks_says(real_data):
    from mednca_bench.benchmark.msd import find_task

    assert axes_found(sorted(real_data.rglob("imagesTr/*.nii.gz"))) == {find_task("hippocampus").axes}
