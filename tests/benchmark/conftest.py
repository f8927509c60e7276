"""A small MSD task folder to write, damage and open."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mednca_bench.benchmark.phantom_folder import nifti_bytes

SHAPE = (6, 7, 5)


@dataclass(frozen=True)
class MsdFolder:
    """A task folder; the ids of its cases are 'case_001', 'case_002', ..."""

    root: Path

    def image(self, number: int) -> Path:
        return self.root / "imagesTr" / f"case_{number:03d}.nii.gz"

    def label(self, number: int) -> Path:
        return self.root / "labelsTr" / f"case_{number:03d}.nii.gz"

    def write(
        self,
        number: int,
        *,
        image: npt.NDArray[Any] | None = None,
        label: npt.NDArray[Any] | None = None,
        spacing: tuple[float, ...] = (1.0, 1.0, 1.0),
    ) -> None:
        """Write one pair; by default a random image and a label with both classes."""
        if image is None:
            image = np.random.default_rng(number).normal(100.0, 20.0, SHAPE).astype(np.float32)
        if label is None:
            label = np.zeros(image.shape[:3], dtype=np.uint8)
            label[1:3, 1:3, 1:3], label[3:5, 3:5, 1:3] = 1, 2
        self.image(number).write_bytes(nifti_bytes(image, spacing=spacing))
        self.label(number).write_bytes(nifti_bytes(label, spacing=spacing))

    def describe(self, **changes: Any) -> None:
        """Write `dataset.json` for the cases on disk, with some keys changed (None: left out)."""
        ids = sorted(path.name for path in (self.root / "imagesTr").iterdir() if not path.name.startswith("."))
        content = {
            "name": "Test",
            "modality": {"0": "MRI"},
            "labels": {"0": "background", "1": "Anterior", "2": "Posterior"},
            "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in ids],
        } | changes
        text = json.dumps({key: value for key, value in content.items() if value is not None})
        (self.root / "dataset.json").write_text(text, encoding="utf-8")


@pytest.fixture
def msd_folder(tmp_path: Path) -> Callable[..., MsdFolder]:
    """Make a valid task folder with some cases: msd_folder(3), msd_folder(1, name='Task05_Prostate')."""

    def make(cases: int = 3, *, name: str = "Task99_Test", **changes: Any) -> MsdFolder:
        folder = MsdFolder(tmp_path / name)
        for part in ("imagesTr", "labelsTr"):
            (folder.root / part).mkdir(parents=True)
        for number in range(1, cases + 1):
            folder.write(number)
        folder.describe(**changes)
        return folder

    return make
