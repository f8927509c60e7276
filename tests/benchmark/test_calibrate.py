"""Calibration: distances by hand and by the definition of SSIM, what counts as calibrated, and the command."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mednca_bench import perturbations
from mednca_bench.benchmark.calibrate import TARGETS, calibrate, nrmse, problems, ssim
from mednca_bench.benchmark.cli import main
from mednca_bench.benchmark.cli_perturbed import spread
from mednca_bench.benchmark.phantom import make
from mednca_bench.benchmark.preprocess import Preprocess
from mednca_bench.benchmark.task import open_task
from mednca_bench.benchmark.volume import read_case

pytestmark = pytest.mark.usefixtures("one_thread")
ACQUISITION = [name for name in perturbations.TABLE if perturbations.get(name).kind == "acquisition"]


def test_nrmse_by_hand() -> None:
    clean = np.array([0, 0, 1, 1], dtype=np.float32).reshape(1, 1, 2, 2)  # standard deviation 1/2
    assert nrmse(clean, clean) == 0
    assert nrmse(1 - clean, clean) == pytest.approx(2)
    assert math.isnan(nrmse(clean, np.zeros_like(clean)))


def test_ssim_by_its_definition() -> None:
    rng = np.random.default_rng(0)
    clean = rng.random((2, 1, 11, 11), dtype=np.float32)
    other = np.clip(clean + 0.2 * rng.standard_normal(clean.shape), 0, 1).astype(np.float32)
    window = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    window = np.outer(window, window) / np.outer(window, window).sum()

    def by_hand(a: np.ndarray, b: np.ndarray) -> float:
        a, b = a.astype(np.float64), b.astype(np.float64)
        x, y = (window * a).sum(), (window * b).sum()
        xx, yy, xy = (window * a * a).sum() - x * x, (window * b * b).sum() - y * y, (window * a * b).sum() - x * y
        return float((2 * x * y + 1e-4) * (2 * xy + 9e-4) / ((x * x + y * y + 1e-4) * (xx + yy + 9e-4)))

    expected = np.mean([by_hand(other[z, 0], clean[z, 0]) for z in range(2)])  # the window fits once
    assert ssim(other, clean) == pytest.approx(expected, abs=1e-4)
    assert ssim(clean, clean) == pytest.approx(1) and math.isnan(ssim(other[..., :9], clean[..., :9]))


def _table(errors: list[float], *, saturated: tuple[int, ...] = ()) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "perturbation": "noise",
            "version": 2,
            "severity": severity,
            "nrmse": error,
            "target": target,
            "off": error / target - 1,
            "saturated": severity in saturated,
        }
        for severity, (error, target) in enumerate(zip(errors, TARGETS, strict=True), start=1)
    )


def test_what_is_off_and_what_does_not_grow_is_named() -> None:
    assert problems(_table([0.12, 0.2, 0.3, 0.4, 0.5])) == []
    assert problems(_table([0.12, 0.2, 0.3, 0.32, 0.35])) == ["noise v2, severity 5: NRMSE 0.350, not 0.5"]
    assert problems(_table([0.12, 0.2, 0.3, 0.32, 0.35], saturated=(5,))) == []
    assert problems(_table([0.12, 0.2, 0.3, 0.45, 0.4])) == ["noise v2: the NRMSE does not grow with severity"]
    assert problems(_table([math.nan, 0.2, 0.3, 0.4, 0.5]))[0].startswith("noise v2, severity 1: NRMSE nan")


@pytest.fixture(scope="module")
def prostate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("phantom"), kind="prostate", seed=0, subjects=3, shape=(96, 96, 12))


@pytest.mark.parametrize("name", perturbations.TABLE)
def test_every_family_grows_with_severity_on_a_prostate(name: str, prostate: Path) -> None:
    task = open_task(prostate)
    case = read_case(task.cases[0], task=task, channel=0)
    family = perturbations.get(name)
    table = calibrate([case], [family], Preprocess(size=(64, 64)), draws=3)
    assert len(table) == 5 and table["draws"].eq(3 if family.random else 1).all()
    assert (np.diff(table["nrmse"], prepend=0) > 0).all(), table["nrmse"].tolist()


@pytest.mark.parametrize(
    "name", [name for name in perturbations.TABLE if perturbations.get(name).kind == "acquisition"]
)
def test_real_severities_meet_their_targets(name: str, real_data: Path) -> None:
    """On a few train cases; docs/calibration.md has more of them. Few cases spread more, so half the way is allowed."""
    task = open_task(real_data / "Task04_Hippocampus")
    files = spread([case for case in task.cases if case.id in task.split.train], 6)
    cases = [read_case(case, task=task) for case in files]
    table = calibrate(cases, [perturbations.get(name)], Preprocess(size=(64, 64)))
    assert (table["off"].abs() < 0.5).all(), table[["severity", "nrmse"]]


def test_a_spread_subsample_is_even_and_without_repeats() -> None:
    numbers: list[int] = list(range(10))
    assert spread(numbers, 4) == [0, 2, 5, 7]  # type: ignore[arg-type, comparison-overlap]
    assert spread(numbers, None) == spread(numbers, 20) == numbers  # type: ignore[arg-type, comparison-overlap]


def test_the_command_writes_table_and_plot_and_fails_off_target(
    prostate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    words = ["data", "calibrate", "--data", str(prostate), "--perturbation", "noise", "--perturbation", "shift"]
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--limit", "1", "--out", str(tmp_path / "cal")])
    said = capsys.readouterr()
    names = {path.name for path in (tmp_path / "cal").iterdir()}
    assert names == {"calibration.csv", "calibration.md", "calibration.png", "calibration.svg"}
    assert {Path(line).name for line in said.out.splitlines()} == names
    table = pd.read_csv(tmp_path / "cal/calibration.csv")
    assert len(table) == 10 and set(table["perturbation"]) == {"noise", "shift"}
    assert stopped.value.code == (1 if problems(table) else 0)
    page = (tmp_path / "cal/calibration.md").read_text()
    assert "PHANTOM" in page and "1 case of the train part" in page


def test_the_gallery_is_drawn(
    prostate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    words = ["data", "gallery", "--data", str(prostate), "--perturbation", "erase", "--perturbation", "crop"]
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--out", str(tmp_path / "gallery.png")])
    assert not stopped.value.code, capsys.readouterr().err
    assert (tmp_path / "gallery.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--case", "phantom_1", "--out", str(tmp_path / "other.png")])
    assert stopped.value.code == 2 and "did you mean 'phantom_001'" in capsys.readouterr().err
