"""From NIfTI to NIfTI: the label lies on the image's grid and is what scoring the image clean would have found."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from mednca_bench.benchmark.errors import DataProblem, UsageProblem
from mednca_bench.benchmark.predict import label_map, predict, predict_file, read_scan
from mednca_bench.benchmark.preprocess import Preprocess, model_input
from mednca_bench.models.base import Segmenter

PREPARE = Preprocess(size=(16, 16))


class Bright(Segmenter):
    """Label 1 above 0.5, label 2 above 0.8."""

    def __init__(self, in_channels: int = 1, out_channels: int = 1) -> None:
        super().__init__("bright", in_channels=in_channels, out_channels=out_channels, options={})

    def segment(self, image, *, keys):
        limits = torch.tensor([0.5, 0.8])[: self.out_channels, None, None]
        return (image[:, :1] - limits) * torch.tensor([1.0, 3.0])[: self.out_channels, None, None]

    def macs(self, height, width):
        return 0


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A gradient along x in a sheared, flipped frame of 2 x 1 x 3 mm voxels."""
    affine = np.array([[-2.0, 0.1, 0, 5], [0, 1.0, 0, -7], [0, 0, 3.0, 1], [0, 0, 0, 1]])
    values = np.broadcast_to(np.linspace(0, 1000, 20, dtype=np.float32)[:, None, None], (20, 12, 4))
    image = nib.Nifti1Image(values.copy(), affine)
    image.header.set_zooms((2.0, 1.0, 3.0))
    nib.save(image, tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


@pytest.mark.parametrize("name", ["label.nii.gz", "label.nii"])
def test_the_label_lies_on_the_image(scan, tmp_path, name):
    predict_file(Bright(), scan, tmp_path / name, prepare=PREPARE)
    image, label = nib.load(scan), nib.load(tmp_path / name)
    assert label.shape == image.shape and label.get_data_dtype() == np.uint8
    np.testing.assert_allclose(label.affine, image.affine, atol=1e-5)
    np.testing.assert_allclose(label.header.get_zooms(), image.header.get_zooms())
    found = np.asarray(label.dataobj)
    np.testing.assert_array_equal(found[:, 0, 0], [0] * 10 + [1] * 10)  # the upper half of the gradient
    assert (found == found[:, :1, :1]).all()
    assert (tmp_path / name).read_bytes()[:2] == (b"\x1f\x8b" if name.endswith("gz") else b"\x5c\x01")


def test_the_largest_logit_wins_and_values_are_the_task_s(scan):
    label = predict(Bright(out_channels=2), read_scan(scan), prepare=PREPARE, values=(4, 7))
    assert sorted(np.unique(label)) == [0, 4, 7]
    assert (np.diff(label[:, 0, 0].astype(int)) >= 0).all()


def test_all_logits_below_zero_are_background():
    logits = np.full((3, 8, 8, 2), -0.1, dtype=np.float32)
    assert not label_map(logits, (1, 2, 3), native=(5, 6)).any()
    logits[1] = 0.2
    assert (label_map(logits, (1, 2, 3), native=(5, 6)) == 2).all()


def test_the_model_sees_what_it_was_trained_on(scan):
    seen = []
    model = Bright()
    model.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    predict(model, read_scan(scan), prepare=PREPARE)
    np.testing.assert_array_equal(torch.cat(seen), model_input(read_scan(scan).image, PREPARE))


def test_fire_masks_are_keyed_by_the_data(scan, tmp_path):
    one, again = read_scan(scan), read_scan(scan)
    assert one.sha256 == again.sha256
    nib.save(nib.Nifti1Image(np.asarray(one.image[0]) + 1, one.affine), tmp_path / "other.nii")
    assert read_scan(tmp_path / "other.nii").sha256 != one.sha256


def test_channels(tmp_path):
    both = np.stack([np.zeros((8, 8, 2)), np.ones((8, 8, 2))], axis=-1).astype(np.int16)
    nib.save(nib.Nifti1Image(both, np.eye(4)), tmp_path / "both.nii")
    assert read_scan(tmp_path / "both.nii").image.shape == (2, 8, 8, 2)
    assert read_scan(tmp_path / "both.nii", channel=1).image.min() == 1
    with pytest.raises(UsageProblem, match="no channel 2; the file has 2, counted from 0"):
        read_scan(tmp_path / "both.nii", channel=2)
    with pytest.raises(UsageProblem, match="takes 1 channels, the image has 2"):
        predict(Bright(), read_scan(tmp_path / "both.nii"), prepare=PREPARE)
    with pytest.raises(UsageProblem, match="has 1 outputs, but 2 label values"):
        predict(Bright(), read_scan(tmp_path / "both.nii", channel=0), prepare=PREPARE, values=(1, 2))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none(tmp_path, bad):
    values = np.zeros((8, 8, 2), dtype=np.float32)
    values[0, 0, 0] = bad
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "bad.nii")
    with pytest.raises(DataProblem, match="1 voxels are NaN or infinite"):
        read_scan(tmp_path / "bad.nii")
