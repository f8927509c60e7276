"""Motion against the k-space of the mirrored volume, TorchIO's filling of lines, and moves worked out by hand."""

from types import ModuleType

import numpy as np
import pytest
from scipy import ndimage

from mednca_bench.perturbations.base import generator
from mednca_bench.perturbations.motion import CENTRE, Motion, moved, rigid

SHAPE = (1, 12, 10, 3)


def _image(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).random(shape), (0, 1.5, 1.5, 0.5))
    return (1000 * smooth).astype(np.float32)


def _params(axis: str = "x", *, amplitude: float = 2.0) -> dict[str, object]:
    moves = [0.8, 0.5, -0.3, -0.6, 0.2, 0.7]
    times = {"before": 0.2, "after": 0.35}
    return {"amplitude": amplitude, "phase_axis": axis, "moves": moves, "spacing": [1.0, 1.5], **times}


def _positions(image: np.ndarray, params: dict[str, object]) -> list[np.ndarray]:
    """The file's own position and the two others, moved by scipy."""
    found = [image.astype(np.float64)]
    for move in np.reshape(params["moves"], (2, 3)):
        pull_back = rigid(params["amplitude"] * move, spacing=np.array(params["spacing"]), shape=image.shape[1:3])
        planes = [
            ndimage.affine_transform(plane, pull_back.matrix, pull_back.offset, order=1, mode="reflect")
            for plane in np.moveaxis(image[0].astype(np.float64), 2, 0)
        ]
        found.append(np.moveaxis(np.array(planes), 0, 2)[None])
    return found


def _mixed(positions: list[np.ndarray], *, axis: int, before: int, after: int) -> np.ndarray:
    """The complex image of the mirrored field of view with the lines of three positions."""
    length = positions[0].shape[axis]
    still, first, last = (np.fft.fft(np.concatenate([p, np.flip(p, axis)], axis), axis=axis) for p in positions)
    line = np.fft.fftfreq(2 * length, 1 / (2 * length)).reshape([-1 if a == axis else 1 for a in range(4)])
    spectrum = np.where(line < -before, first, np.where(line > after, last, still))
    return np.asarray(np.fft.ifft(spectrum, axis=axis)).take(np.arange(length), axis=axis)


@pytest.mark.parametrize(("axis", "length"), [("x", 12), ("y", 10)])
def test_equals_the_mixed_k_space_of_the_mirrored_volume(axis: str, length: int) -> None:
    image, params = _image(), _params(axis)
    lines = {"before": int(0.2 * length), "after": int(0.35 * length)}
    expected = np.abs(_mixed(_positions(image, params), axis="xy".index(axis) + 1, **lines))
    np.testing.assert_allclose(Motion().apply(image, params=params), expected, rtol=1e-4, atol=0.01)


def test_torchio_fills_the_same_lines_and_keeps_the_real_part(torchio: ModuleType) -> None:
    # On purpose different: TorchIO keeps the real part where a scanner shows the magnitude, takes the field of view as
    # periodic, and always fills along the last axis. Given mirrored volumes with y last, its lines are ours.
    import SimpleITK as sitk  # noqa: N813 (the name its users know)

    image, params = _image(), _params("y")
    positions = _positions(image, params)

    class Given(torchio.Motion):  # type: ignore[name-defined, misc]
        def resample_images(self, *_: object) -> list[object]:
            doubled = [np.concatenate([p, np.flip(p, 2)], 2)[0].transpose(0, 2, 1) for p in positions]
            return [sitk.GetImageFromArray(np.ascontiguousarray(p.transpose())) for p in doubled]

    length, before, after = 10, int(0.2 * 10), int(0.35 * 10)
    times = (np.array([length - before, length + after + 1]) + 0.01) / (2 * length)
    transform = Given(degrees=np.zeros((2, 3)), translation=np.zeros((2, 3)), times=times, image_interpolation="linear")
    theirs = transform.add_artifact(None, [None] * 3, times, "linear").numpy()[:, :, :length].transpose(0, 2, 1)
    complex_image = _mixed(positions, axis=2, before=before, after=after)[0]
    np.testing.assert_allclose(theirs, complex_image.real, rtol=1e-4, atol=0.05)
    ours = Motion().apply(image, params=params)[0]
    assert np.abs(ours - theirs).max() > 0.3 and (ours >= np.abs(theirs) - 0.05).all()


def test_on_purpose_a_single_slice_shows_an_artefact_unlike_torchios(torchio: ModuleType) -> None:
    # TorchIO fills along the last axis: with one slice all lines are of one position, a plainly moved copy.
    image = _image((1, 24, 20, 1))
    times = np.array([0.3])
    transform = torchio.Motion(
        degrees=np.zeros((1, 3)), translation=np.full((1, 3), 3.0), times=times, image_interpolation="linear"
    )
    subject = torchio.Subject(t1=torchio.ScalarImage(tensor=image))
    theirs = transform.apply_transform(subject).t1.data.numpy()[0, :, :, 0]
    copies = [np.roll(image[0, :, :, 0], move, (0, 1)) for move in ((0, 0), (3, 3), (-3, -3), (3, -3), (-3, 3))]
    assert min(np.abs(theirs - copy)[4:-4, 4:-4].max() for copy in copies) < 1e-2
    ours = Motion().apply(image, params=_params("x", amplitude=3.0))[0, :, :, 0]
    assert min(np.abs(ours - copy)[4:-4, 4:-4].max() for copy in copies) > 10


def test_moves_are_rigid_in_mm() -> None:
    pull_back = rigid(np.array([30.0, 2.0, -3.0]), spacing=np.array([0.5, 2.0]), shape=(41, 21))
    steps = np.array([0.5, 2.0])
    corners = np.array([[0.0, 0.0], [40.0, 0.0], [0.0, 20.0]])
    ours, theirs = corners * steps, pull_back(corners) * steps
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(ours[a] - ours[b]) == pytest.approx(np.linalg.norm(theirs[a] - theirs[b]))
    # What lies at the centre moves by (2, -3) mm: 4 and -1.5 voxels.
    np.testing.assert_allclose(pull_back((20 + 4, 10 - 1.5)), (20, 10), atol=1e-9)


def test_a_translation_by_whole_voxels_is_exact_and_mirrored() -> None:
    image = np.arange(5, dtype=np.float32).reshape(1, 5, 1, 1)
    by_two = moved(image, rigid(np.array([0.0, 2.0, 0.0]), spacing=np.ones(2), shape=(5, 1)))
    assert by_two.ravel().tolist() == [1, 0, 0, 1, 2]


def test_the_central_lines_keep_the_label_in_place() -> None:
    image = _image((1, 32, 32, 2))
    out = Motion().apply(image, params=_params("x", amplitude=4.0))
    np.testing.assert_allclose(out.mean(), image.mean(), rtol=0.01)
    for seed in range(50):
        drawn = Motion().draw(3, rng=generator(seed, "case", "motion"), shape=image.shape, spacing=(1.0, 1.0, 1.0))
        assert CENTRE[0] <= drawn["before"] <= CENTRE[1] and CENTRE[0] <= drawn["after"] <= CENTRE[1]
        turn_and_way = np.reshape(drawn["moves"], (2, 3))
        assert (np.abs(turn_and_way[:, 0]) >= 0.5).all() and (np.abs(turn_and_way) <= 1).all()


@pytest.mark.parametrize(("key", "value", "says"), [("phase_axis", "z", "one of x, y"), ("before", 1.5, "outside")])
def test_wrong_parameters_are_refused(key: str, value: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Motion().apply(_image(), params={**_params(), key: value})
