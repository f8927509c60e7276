"""Motion: the head moves twice during the scan, so the lines of k-space are those of three positions.

    corrupted = floor + |inverse transform of the mixed lines|,    s = image - floor

Lines along the phase-encode axis are acquired one after the other, from the lowest frequency to the highest. Until line
-before the head is in one position, around the centre in that of the file, and after line +after in another, so the
label, which follows the central lines, stays right. Both moves are rigid, in plane, about the image centre: a rotation
and a translation in drawn directions. All slices and channels move together.

The file's field of view is mirrored beyond its borders (half-sample): its opposite borders need not belong together.
The Fourier transform of the mirrored volume along the axis is the cosine transform C of the volume, and a sum over half
of the lines has an even and an odd part, which are inverse cosine and sine transforms:

    s + 1/2 IDCT(C_before + C_after) + i/2 IDST(C_after - C_before),    C of (moved - s), masked

so that four real transforms of the volume's own length do (tested against the FFT of the mirrored volume).

Parameter: the amplitude, the largest rotation in degrees and the largest translation in mm. Source: M. Zaitsev, J.
Maclaren, M. Herbst, Motion artifacts in MRI, J. Magn. Reson. Imaging 42 (2015) 887-901; R. Shaw et al., MRI k-space
motion artefact augmentation, MIDL 2019. TorchIO 1.2 `Motion` fills k-space along the last axis, also when that is the
slice axis, and moves in 3-D.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

from .base import AcquisitionPerturbation, GridMap, Magnitude, Params
from .family import Image
from .params import choice, number, numbers
from .signal import floor

CENTRE = (0.04, 0.16)
"""Where the moves happen, as a fraction of the highest frequency: the central lines are of one position."""


@dataclass(frozen=True, kw_only=True)
class Motion(AcquisitionPerturbation):
    """Blurred and repeated edges along one axis, from a head that moved twice."""

    name = "motion"
    version = 1
    summary = "k-space lines of a moved volume along an in-plane phase-encode axis"
    source = "Zaitsev et al. 2015, J. Magn. Reson. Imaging 42:887-901; compare TorchIO 1.2 Motion"
    parameter = "amplitude"
    unit = "degrees and mm"
    neutral = 0.0
    drawn = ("phase_axis", "before", "after", "moves", "spacing")

    severities: tuple[Magnitude, ...] = (0.46, 0.98, 1.6, 2.4, 3.7)

    def directions(self, rng: np.random.Generator, *, shape: tuple[int, ...], spacing: tuple[float, ...]) -> Params:
        """Draw the axis, the two times, and two moves (turn, along x, along y) relative to the amplitude."""
        axis = "xy"[int(rng.integers(2))]
        before, after = (float(time) for time in rng.uniform(*CENTRE, size=2))
        size, sign, angle = rng.uniform(0.5, 1.0, (2, 2)), rng.choice((-1.0, 1.0), 2), rng.uniform(0, 2 * math.pi, 2)
        turns, ways = size[:, 0] * sign, size[:, 1]
        moves = np.stack([turns, ways * np.cos(angle), ways * np.sin(angle)], axis=1)
        return {
            "phase_axis": axis,
            "before": before,
            "after": after,
            "moves": [float(part) for part in moves.ravel()],
            "spacing": [float(step) for step in spacing[:2]],
        }

    def corrupt(self, image: Image, params: Mapping[str, Any]) -> Image:
        """Mix the lines of the three positions."""
        amplitude = number(params, "amplitude", low=0.0)
        axis = 1 if choice(params, "phase_axis", allowed=("x", "y")) == "x" else 2
        times = [number(params, key, low=0.0, high=1.0) for key in ("before", "after")]
        moves = amplitude * np.reshape(numbers(params, "moves", count=6), (2, 3))
        steps = np.array(numbers(params, "spacing", count=2))
        base = floor(image)
        signal: Image = image - base
        lines = []
        for move, time in zip(moves, times, strict=True):
            gap = moved(signal, rigid(move, spacing=steps, shape=image.shape[1:3]))
            gap -= signal
            spectrum = fft.dct(gap, axis=axis, overwrite_x=True, workers=1)
            central = slice(0, math.floor(time * image.shape[axis]) + 1)
            spectrum[(slice(None),) * axis + (central,)] = 0
            lines.append(spectrum)
        signal, odd = _even(lines, axis=axis), _odd(lines, axis=axis)
        signal += image - base
        np.hypot(signal, odd, out=signal)
        signal += base
        return signal


def rigid(move: NDArray[np.float64], *, spacing: NDArray[np.float64], shape: tuple[int, ...]) -> GridMap:
    """The pull-back of a move (degrees, mm along x, mm along y) about the centre of a slice of `shape` (X, Y)."""
    turn = math.radians(move[0])
    back = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    matrix = back * spacing / spacing[:, None]
    centre = (np.asarray(shape, dtype=np.float64) - 1) / 2
    return GridMap(matrix, centre - (matrix * (centre + move[1:] / spacing)).sum(axis=1))


def moved(signal: Image, pull_back: GridMap) -> Image:
    """The volume (C, X, Y, Z) with every slice moved, interpolated linearly, mirrored beyond its borders.

    One sparse matrix of four weights a pixel moves all slices at once.
    """
    rows, columns = signal.shape[1:3]
    at = pull_back(np.moveaxis(np.indices((rows, columns), dtype=np.float64), 0, -1)).reshape(-1, 2)
    corner = np.floor(at).astype(np.intp)
    part = at - corner
    pixels, weights = [], []
    for down in (0, 1):
        for across in (0, 1):
            x, y = _mirrored(corner[:, 0] + down, rows), _mirrored(corner[:, 1] + across, columns)
            pixels.append(x * columns + y)
            weights.append(np.abs(1 - down - part[:, 0]) * np.abs(1 - across - part[:, 1]))
    starts = 4 * np.arange(rows * columns + 1)
    table = (np.stack(weights, axis=1).astype(np.float32).ravel(), np.stack(pixels, axis=1).ravel(), starts)
    operator = sparse.csr_array(table, shape=(rows * columns, rows * columns))
    stacked = signal.reshape(signal.shape[0], rows * columns, -1)
    out: Image = np.stack([operator @ channel for channel in stacked]).reshape(signal.shape)
    return out


def _mirrored(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    around = index % (2 * length)
    return np.minimum(around, 2 * length - 1 - around)


def _even(lines: list[Image], *, axis: int) -> Image:
    out: Image = fft.idct(lines[0] + lines[1], axis=axis, overwrite_x=True, workers=1)
    out *= np.float32(0.5)
    return out


def _odd(lines: list[Image], *, axis: int) -> Image:
    """The sine transform counts from frequency 1, where the cosine transform counts from 0."""
    shifted = np.zeros_like(lines[0])
    later, earlier = (slice(None),) * axis + (slice(1, None),), (slice(None),) * axis + (slice(None, -1),)
    np.subtract(lines[1][later], lines[0][later], out=shifted[earlier])
    out: Image = fft.idst(shifted, axis=axis, overwrite_x=True, workers=1)
    out *= np.float32(0.5)
    return out
