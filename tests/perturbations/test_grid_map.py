"""Affine maps of the pixel grid against coordinates worked out by hand and against matrix algebra."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mednca_bench.perturbations.base import GridMap

FACTORS = st.floats(0.3, 3.0)
OFFSETS = st.floats(-20, 20)


@st.composite
def maps(draw: st.DrawFn) -> GridMap:
    """A rotation, two zooms and a shift: any well-conditioned map."""
    angle = draw(st.floats(-math.pi, math.pi))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return GridMap(turn @ np.diag([draw(FACTORS), draw(FACTORS)]), np.array([draw(OFFSETS), draw(OFFSETS)]))


POINTS = st.lists(st.tuples(OFFSETS, OFFSETS), min_size=1, max_size=5).map(np.array)


def test_zoom_by_hand() -> None:
    # Six pixels have their centre at 2.5. Twice as large, the output's border -0.5 shows the input at 2.5 - 3 / 2.
    zoom = GridMap.zoom((2.0, 0.5), shape=(6, 4))
    np.testing.assert_allclose(zoom([[-0.5, 1.5], [2.5, -0.5], [5.5, 3.5]]), [[1.0, 1.5], [2.5, -2.5], [4.0, 5.5]])
    assert zoom.local_scale == (2.0, 0.5)


def test_translation_by_hand() -> None:
    moved = GridMap.translation((3, -2))
    np.testing.assert_array_equal(moved([10, 10]), [7, 12])
    assert moved.local_scale == (1.0, 1.0)


def test_rotation_keeps_distances() -> None:
    turn = GridMap(np.array([[0.6, -0.8], [0.8, 0.6]]), np.zeros(2))
    np.testing.assert_allclose(turn.local_scale, (1.0, 1.0))


@given(POINTS)
def test_identity(points: np.ndarray) -> None:
    np.testing.assert_array_equal(GridMap.identity()(points), points)
    assert GridMap.identity().local_scale == (1.0, 1.0)


@given(maps(), POINTS)
def test_points_go_through_the_matrix(some: GridMap, points: np.ndarray) -> None:
    np.testing.assert_allclose(some(points), points @ some.matrix.T + some.offset, atol=1e-9)


@given(maps(), maps(), POINTS)
def test_after_composes(last: GridMap, first: GridMap, points: np.ndarray) -> None:
    np.testing.assert_allclose(last.after(first)(points), last(first(points)), atol=1e-7)


@given(maps(), maps(), maps(), POINTS)
def test_after_is_associative(a: GridMap, b: GridMap, c: GridMap, points: np.ndarray) -> None:
    np.testing.assert_allclose(a.after(b).after(c)(points), a.after(b.after(c))(points), atol=1e-6)


@given(FACTORS, st.integers(1, 300), st.integers(1, 300))
def test_zooming_back_is_the_identity(factor: float, height: int, width: int) -> None:
    there, back = (GridMap.zoom((f, 1.0), shape=(height, width)) for f in (factor, 1 / factor))
    both = there.after(back)
    np.testing.assert_allclose(both.matrix, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(both.offset, 0, atol=1e-9)


def test_a_map_owns_its_numbers() -> None:
    matrix = np.eye(2)
    held = GridMap(matrix, np.zeros(2))
    matrix[0, 0] = 7
    assert held.matrix[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        held.matrix[0, 0] = 7


@pytest.mark.parametrize(
    ("matrix", "offset", "says"),
    [
        (np.eye(3), np.zeros(2), "matrix of a grid map must be finite and of shape"),
        (np.eye(2), np.zeros(3), "offset of a grid map"),
        (np.array([[np.nan, 0], [0, 1]]), np.zeros(2), "matrix of a grid map"),
        (np.eye(2), np.array([np.inf, 0]), "offset of a grid map"),
        (np.array([[1.0, 2.0], [2.0, 4.0]]), np.zeros(2), "must be invertible"),
    ],
)
def test_bad_maps_are_refused(matrix: np.ndarray, offset: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        GridMap(matrix, offset)
