"""A small MSD task folder to write, damage and open."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

from mednca_bench.benchmark.phantom_folder import nifti_bytes

if TYPE_CHECKING:
    from mednca_bench.benchmark.evaluate import Job
    from mednca_bench.benchmark.plan import Contestant
    from mednca_bench.benchmark.task import Task

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


# What the tests of training, planning and scoring share: a plug-in with hand-made models, and a task to score.


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: the sums of a test's bits must not depend on the machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Registrations of a test end with it."""
    from mednca_bench import models, perturbations
    from mednca_bench.benchmark import recipe
    from mednca_bench.benchmark.evaluate import load_model

    monkeypatch.setattr(models, "_TABLE", dict(models._TABLE))
    monkeypatch.setattr(perturbations, "_registered", dict(perturbations._registered))
    monkeypatch.setattr(recipe, "RECIPES", dict(recipe.RECIPES))
    yield
    load_model.cache_clear()
    for name in [name for name in sys.modules if name.startswith("mednca_bench_plugin_")]:
        del sys.modules[name]


@pytest.fixture
def plugin(registries: None) -> Path:
    """The plug-in file of tests, loaded: models `threshold`, `failing`, `fatal`, and the recipe `tiny`."""
    from mednca_bench.benchmark.plugins import load_plugins

    file = Path(__file__).with_name("tiny_plugin.py")
    load_plugins([file])
    return file


@pytest.fixture
def contestant(plugin: Path, tmp_path: Path) -> Callable[..., "Contestant"]:
    """Make an untrained model into a contestant: contestant("threshold", size=(8, 8), labels="classes").

    An NCA gets random weights, since a fresh one answers 0 everywhere.
    """
    import torch

    from mednca_bench import models
    from mednca_bench.benchmark.recipe import recipe_for
    from mednca_bench.benchmark.trained import contestant as from_file
    from mednca_bench.models.weights import to_bytes

    def make(name: str = "threshold", *, outputs: int = 1, seed: int = 0, **changes: Any) -> "Contestant":
        recipe = recipe_for("tiny", name)
        labels = changes.pop("labels", "merged")
        train_cases = changes.pop("train_cases", [])
        more = changes.pop("metadata", {})
        content = recipe.as_dict() | changes
        model = models.build(name, out_channels=outputs, seed=seed, **recipe.options)
        if model.stochastic:
            noise = torch.Generator().manual_seed(seed)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(0.1 * torch.randn(parameter.shape, generator=noise))
        metadata = {"recipe": content, "labels": labels, "seed": seed, "train_cases": train_cases, **more}
        path = tmp_path / f"{name}-{outputs}-{seed}.safetensors"
        path.write_bytes(to_bytes(model, metadata=metadata))
        return from_file(path)

    return make


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., list["Job"]]:
    """The jobs that score some contestants on a task's cases: plan_of(task, [contestant], conditions)."""
    from mednca_bench.benchmark.cache import CaseCache
    from mednca_bench.benchmark.execute import make_jobs
    from mednca_bench.benchmark.plan import Context, PlannedCase, units

    def make(task: "Task", contestants: list["Contestant"], conditions: Any, *, fire_seeds: int = 1) -> list["Job"]:
        cache = tmp_path / "volumes"
        read = [(files, CaseCache(cache).get(files, task=task)) for files in task.cases]
        cases = [PlannedCase(files=files, group=case.group, sha256=case.sha256) for files, case in read]
        context = Context(task=task.name, split=task.split.sha256, part="test", channel=None)
        plan = units(context, cases, contestants, conditions, fire_seeds=fire_seeds)
        return make_jobs(plan, task=task, part="test", channel=None, cache=cache)

    return make
