"""Reading a case: what comes out is what was written, and nothing doubtful comes out."""

import gzip
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mednca_bench.benchmark.errors import BenchError, UsageProblem
from mednca_bench.benchmark.nifti import read_volume
from mednca_bench.benchmark.phantom_folder import nifti_bytes
from mednca_bench.benchmark.task import CaseFiles, Task, open_task
from mednca_bench.benchmark.volume import Case, channel_index, content_sha256, read_case

Folder = Callable[..., Any]


def read(folder: Any, number: int = 1, channel: str | int | None = None) -> Case:
    task = open_task(folder.root)
    return read_case(task.cases[number - 1], task=task, channel=channel)


def test_a_case_has_the_agreed_types_and_axis_order(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    image = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    folder.write(1, image=image, spacing=(0.5, 0.75, 3.0))
    case = read(folder)
    assert (case.image.shape, case.image.dtype) == ((1, 4, 5, 6), np.float32)
    assert (case.label.shape, case.label.dtype) == ((4, 5, 6), np.uint8)
    np.testing.assert_array_equal(case.image[0], image)
    assert case.spacing == (0.5, 0.75, 3.0)
    np.testing.assert_array_equal(case.affine, np.diag([0.5, 0.75, 3.0, 1.0]))
    assert (case.id, case.group) == ("case_001", "case_001")


@settings(max_examples=25)
@given(
    image=arrays.arrays(
        st.sampled_from([np.float32, np.uint8, np.int16]), arrays.array_shapes(min_dims=3, max_dims=3, max_side=5)
    ).filter(lambda array: bool(np.isfinite(array).all())),
    spacing=st.tuples(*[st.floats(0.125, 8.0, width=32)] * 3),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, image: np.ndarray[Any, Any], spacing: tuple[float, float, float]
) -> None:
    path = tmp_path_factory.mktemp("volume") / "v.nii.gz"
    path.write_bytes(nifti_bytes(image, spacing=spacing))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, image)
    assert volume.spacing == spacing


def test_channels_are_chosen_by_name_in_any_case_or_number(msd_folder: Folder) -> None:
    folder = msd_folder(0, modality={"0": "T2", "1": "ADC"}, training=[])
    image = np.random.default_rng(0).random((4, 4, 3, 2)).astype(np.float32)
    folder.write(1, image=image)
    folder.describe(modality={"0": "T2", "1": "ADC"})
    both = read(folder)
    np.testing.assert_array_equal(both.image, np.moveaxis(image, 3, 0))
    for channel in ("adc", "ADC", 1, "1"):
        one = read(folder, channel=channel)
        np.testing.assert_array_equal(one.image, both.image[1:])
        assert one.image.flags.c_contiguous
        assert one.sha256 != both.sha256
    with pytest.raises(UsageProblem, match=r"no channel 'ACD'; did you mean 'ADC'\? allowed: 0 T2, 1 ADC"):
        read(folder, channel="ACD")
    with pytest.raises(UsageProblem, match=r"no channel '2'.*allowed: 0 T2, 1 ADC"):
        channel_index(2, task=open_task(folder.root))


def test_a_float_label_is_cast_and_a_fraction_refused(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    label = np.zeros((6, 7, 5))
    label[2:4, 2:4, 2:4] = 2.0
    folder.write(1, label=label)
    assert np.unique(read(folder).label).tolist() == [0, 2]
    label[0, 0, 0] = 1.5
    folder.write(1, label=label)
    with pytest.raises(BenchError, match=r"label values \[1\.5\] are not in the label map \[0, 1, 2\]"):
        read(folder)


@pytest.mark.parametrize("value", [3, -1, 256])
def test_a_label_outside_the_map_is_refused(msd_folder: Folder, value: int) -> None:
    folder = msd_folder(1)
    label = np.zeros((6, 7, 5), dtype=np.int16)
    label[0, 0, 0] = value
    folder.write(1, label=label)
    with pytest.raises(BenchError, match=rf"label values \[{value}\] are not in the label map"):
        read(folder)


def test_a_label_with_a_fourth_axis_of_one_is_accepted_and_of_two_refused(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    folder.write(1, label=np.ones((6, 7, 5, 1), dtype=np.uint8))
    assert read(folder).label.shape == (6, 7, 5)
    folder.write(1, label=np.ones((6, 7, 5, 2), dtype=np.uint8))
    with pytest.raises(BenchError, match=r"shape \(6, 7, 5, 2\), type uint8 where a label has 3 axes"):
        read(folder)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite_are_counted_and_refused(msd_folder: Folder, bad: float) -> None:
    folder = msd_folder(1)
    image = np.ones((6, 7, 5), dtype=np.float32)
    image[0, :2, 0] = bad
    folder.write(1, image=image)
    with pytest.raises(BenchError, match=r"imagesTr/case_001\.nii\.gz: 2 voxels are NaN or infinite.*replace the file"):
        read(folder)


def test_a_double_too_large_for_float32_is_refused_without_a_warning(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    image = np.ones((6, 7, 5))
    image[0, 0, 0] = 1e300
    folder.write(1, image=image)
    with pytest.raises(BenchError, match="1 voxels are NaN or infinite"):
        read(folder)


def test_complex_voxels_are_refused(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    folder.write(1, image=np.ones((6, 7, 5), dtype=np.complex64))
    with pytest.raises(BenchError, match="voxels of type complex64 are not plain numbers"):
        read(folder)


def test_a_channel_too_many_is_refused(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    folder.write(1, image=np.ones((6, 7, 5, 2), dtype=np.float32))
    with pytest.raises(BenchError, match=r"2 channels where the task has 1 \(MRI\)"):
        read(folder)


@pytest.mark.parametrize("shape", [(6, 7), (6, 7, 5, 1, 3)])
def test_other_than_three_or_four_axes_are_refused(msd_folder: Folder, shape: tuple[int, ...]) -> None:
    folder = msd_folder(1)
    image = nib.Nifti1Image(np.zeros(shape, dtype=np.float32), np.eye(4))
    folder.image(1).write_bytes(gzip.compress(image.to_bytes()))
    with pytest.raises(BenchError, match="where 3 axes, or 4 with channels last, are needed"):
        read(folder)


def test_shapes_and_affines_must_agree(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    folder.label(1).write_bytes(nifti_bytes(np.zeros((6, 7, 4), dtype=np.uint8), spacing=(1.0, 1.0, 1.0)))
    with pytest.raises(BenchError, match=r"labelsTr.*shape \(6, 7, 4\) differs from its image's \(6, 7, 5\)"):
        read(folder)
    label = np.zeros((6, 7, 5), dtype=np.uint8)
    folder.label(1).write_bytes(nifti_bytes(label, spacing=(1.0, 1.0, 1.01)))
    with pytest.raises(BenchError, match=r"labelsTr.*affine differs from its image's by up to 0\.01"):
        read(folder)
    folder.label(1).write_bytes(nifti_bytes(label, spacing=(1.0, 1.0, 1.0005)))
    assert read(folder).label.shape == (6, 7, 5)


def with_pixdim(path: Path, value: float) -> None:
    """Change the third voxel size in a gzipped NIfTI-1 header (pixdim[3], byte 88) and nothing else."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[88:92] = np.float32(value).tobytes()
    path.write_bytes(gzip.compress(bytes(content)))


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_a_spacing_not_above_zero_is_refused_although_nibabel_would_repair_it(
    msd_folder: Folder, value: float, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = msd_folder(1)
    with_pixdim(folder.image(1), value)
    with pytest.raises(BenchError, match=r"case_001\.nii\.gz: voxel spacing in the header is .*correct pixdim"):
        read(folder)
    assert capfd.readouterr() == ("", "")


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "truncated inside":
        path.write_bytes(gzip.compress(gzip.decompress(content)[:-20]))
    elif how == "text":
        path.write_bytes(gzip.compress(b"patient,age\n1,30\n" * 50))
    elif how == "not gzip":
        path.write_bytes(gzip.decompress(content))
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "bit flips":
        path.write_bytes(content[:60] + bytes(255 - b for b in content[60:80]) + content[80:])
    elif how == "huge":
        raw = bytearray(gzip.decompress(content))
        raw[40:48] = np.array([3, 32000, 32000, 32000], dtype=np.int16).tobytes()
        path.write_bytes(gzip.compress(bytes(raw)))
    elif how == "gone":
        path.unlink()


@pytest.mark.parametrize(
    "how", ["truncated", "truncated inside", "text", "not gzip", "empty", "bit flips", "huge", "gone"]
)
@pytest.mark.parametrize("kind", ["image", "label"])
def test_a_damaged_file_is_named_in_one_line(
    msd_folder: Folder, how: str, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = msd_folder(1)
    task = open_task(folder.root)
    path = getattr(folder, kind)(1)
    damage(path, how)
    with warnings.catch_warnings(), pytest.raises(BenchError) as caught:
        warnings.simplefilter("error")
        read_case(task.cases[0], task=task)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert message.endswith("the case")
    assert capfd.readouterr() == ("", "")  # nibabel's log lines included


def test_an_uncompressed_nifti_is_read(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    task = open_task(folder.root)
    plain = folder.root / "plain.nii"
    plain.write_bytes(gzip.decompress(folder.image(1).read_bytes()))
    files = CaseFiles("plain", plain, folder.label(1))
    assert read_case(files, task=task).sha256 == read_case(task.cases[0], task=task).sha256
    plain.write_bytes(plain.read_bytes()[:-100])
    with pytest.raises(BenchError, match=r"plain\.nii: cannot be read, truncated or not NIfTI"):
        read_case(files, task=task)


def test_nifti_scaling_is_applied(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    image = nib.Nifti1Image(np.full((6, 7, 5), 3, dtype=np.int16), np.eye(4))
    image.header.set_slope_inter(0.5, 10.0)
    folder.image(1).write_bytes(gzip.compress(image.to_bytes()))
    assert read(folder).image.flat[0] == nib.load(folder.image(1)).get_fdata().flat[0]


def test_constant_images_and_empty_labels_load(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    folder.write(1, image=np.full((6, 7, 5), 7.0), label=np.zeros((6, 7, 5), dtype=np.uint8))
    case = read(folder)
    assert (case.image.min(), case.image.max(), case.label.max()) == (7.0, 7.0, 0)


def test_the_digest_follows_the_data_and_not_the_file(msd_folder: Folder) -> None:
    folder = msd_folder(1)
    task = open_task(folder.root)

    def digest() -> str:
        return read_case(task.cases[0], task=task).sha256

    before = digest()
    folder.image(1).write_bytes(gzip.compress(gzip.decompress(folder.image(1).read_bytes()), compresslevel=1))
    assert digest() == before
    case = read_case(task.cases[0], task=task)
    changed = case.label.copy()
    changed[0, 0, 0] = 1
    assert (
        len(
            {
                before,
                content_sha256(case.image + np.float32(1), case.label, case.spacing),
                content_sha256(case.image, changed, case.spacing),
                content_sha256(case.image, case.label, (1.0, 1.0, 2.0)),
                content_sha256(case.image.reshape(1, 7, 6, 5), case.label.reshape(7, 6, 5), case.spacing),
            }
        )
        == 5
    )
    assert content_sha256(np.asfortranarray(case.image), case.label, case.spacing) == before


def test_the_group_comes_from_the_split(real_data: Path) -> None:
    task: Task = open_task(real_data / "Task04_Hippocampus")
    by_id = {files.id: files for files in task.cases}
    groups = {read_case(by_id[case], task=task).group for case in ("hippocampus_003", "hippocampus_004")}
    assert groups == {"2"}
