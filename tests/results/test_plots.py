"""Figures: written, the same bytes each time, nothing clipped, marks on every one, no trace in global state."""

import logging
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from mednca_bench.results import plot_curves, plots, style
from mednca_bench.results.atomic import write_text
from mednca_bench.results.plot_examples import read_examples
from mednca_bench.results.plot_parameters import dice_against_parameters
from mednca_bench.results.store import Store

NAMES = ("severity_curves", "delta_dice", "dice_parameters", "latency", "examples")


@dataclass(frozen=True)
class Drawn:
    """A run whose plots were written: the folder, the figures by name, the files' bytes by name."""

    folder: Path
    figures: dict[str, Any]
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def drawn(fake: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    folder: Path = fake.write_run(tmp_path_factory.mktemp("phantom"), cases=6, phantom=True)
    fake.examples(folder, conditions=7)
    figures: dict[str, Any] = {}
    save = plots.save

    def keep(figure: Any, to: Path, name: str, *, marks: tuple[str, ...]) -> list[Path]:
        figures[name] = figure
        return save(figure, to, name, marks=marks)

    before = dict(mpl.rcParams)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "save", keep)
        written = plots.write(folder)
    assert dict(mpl.rcParams) == before
    return Drawn(folder, figures, {path.name: path.read_bytes() for path in written})


def assert_nothing_is_clipped(figure: Any) -> None:
    with style.styled():
        figure.draw_without_rendering()
        hidden = {id(text) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for text in out_of_view(axis)}
        for text in figure.findobj(mpl.text.Text):
            if text.get_text().strip() and text.get_visible() and id(text) not in hidden:
                box, whole = text.get_window_extent(), figure.bbox
                assert whole.x0 - 1 <= box.x0 and box.x1 <= whole.x1 + 1, (text.get_text(), box)
                assert whole.y0 - 1 <= box.y0 and box.y1 <= whole.y1 + 1, (text.get_text(), box)


def out_of_view(axis: Any) -> list[Any]:
    """Labels of ticks beyond the axis' ends, which matplotlib makes and does not draw."""
    low, high = sorted(axis.get_view_interval())
    ticks = (*axis.get_major_ticks(), *axis.get_minor_ticks())
    return [text for tick in ticks if not low <= tick.get_loc() <= high for text in (tick.label1, tick.label2)]


def test_all_figures_are_whole_and_marked(drawn: Drawn) -> None:
    assert set(drawn.files) == {f"{name}.{ending}" for name in NAMES for ending in ("png", "svg")}
    assert all(len(data) > 10_000 for data in drawn.files.values())
    for figure in drawn.figures.values():
        assert_nothing_is_clipped(figure)
        heading = figure.get_suptitle()
        assert "PHANTOM DATA – not real MRI" in heading and "Task04_Hippocampus, split: val" in heading
        panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
        assert panels
        for ax in panels:
            assert "PHANTOM DATA" in [text.get_text() for text in ax.texts]


def test_several_values_per_severity_fit_under_a_tick() -> None:
    assert plot_curves._short((1, 0.25)) == "1, 0.25"
    assert plot_curves._short("mild") == "mild"


def test_no_figure_is_left_to_pyplot(drawn: Drawn) -> None:
    import matplotlib.pyplot as plt

    assert drawn.figures and plt.get_fignums() == []


def test_the_same_run_gives_the_same_bytes(drawn: Drawn) -> None:
    assert {path.name: path.read_bytes() for path in plots.write(drawn.folder)} == drawn.files
    assert b"dc:date" not in drawn.files["severity_curves.svg"]


def test_curves_show_the_physical_values_and_share_an_axis(drawn: Drawn) -> None:
    figure = drawn.figures["severity_curves"]
    panels = {ax.get_title(): ax for ax in figure.axes}
    assert [tick.get_text() for tick in panels["noise"].get_xticklabels()][:3] == ["0", "1\n0.03", "2\n0.06"]
    assert panels["noise"].get_xlabel().startswith("severity\nsigma (fraction of")
    assert len({ax.get_ylim() for ax in panels.values()}) == 1
    assert figure.axes[0].get_ylabel() == "Dice"


def test_a_model_has_one_colour_in_all_figures(drawn: Drawn) -> None:
    looks = style.looks(["med-nca", "unet-small"])
    curves = {line.get_label(): line.get_color() for line in drawn.figures["severity_curves"].axes[0].lines}
    assert curves == {name: look.colour for name, look in looks.items()}
    names = {text.get_text(): text.get_color() for text in drawn.figures["dice_parameters"].axes[0].texts}
    assert names["med-nca"] == looks["med-nca"].colour
    legend = drawn.figures["examples"].legends[0]
    assert [handle.get_color() for handle in legend.legend_handles[1:]] == [look.colour for look in looks.values()]


def test_looks_are_distinct_and_those_of_known_models_fixed() -> None:
    alone = style.looks(["med-nca"])["med-nca"]
    crowd = style.looks(["zeta", "med-nca", "alpha", "unet"])
    assert crowd["med-nca"] == alone
    assert len({look.colour for look in crowd.values()}) == len({look.marker for look in crowd.values()}) == 4
    assert crowd == style.looks(["unet", "alpha", "med-nca", "zeta"])
    assert len(style.looks([f"model {n}" for n in range(30)])) == 30


def test_figures_without_data_are_skipped_with_a_reason(
    tmp_path: Path, fake: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    Store(tmp_path).append([fake.record(0.9)])
    with caplog.at_level(logging.INFO):
        assert plots.write(tmp_path) == []
    for reason in (
        "severity_curves is not drawn: the run has no robustness_by_severity table",
        "dice_parameters is not drawn: no model's number of parameters is known",
        "examples is not drawn",
    ):
        assert reason in caplog.text


def test_parameters_may_come_from_run_json_and_recipes_share_them(tmp_path: Path, fake: ModuleType) -> None:
    Store(tmp_path).append([fake.record(0.9, recipe="quick"), fake.record(0.8, recipe="paper")])
    write_text(tmp_path / "run.json", '{"models": [{"model": "med-nca", "parameters": 70016}]}')
    assert [path.name for path in plots.write(tmp_path)] == ["dice_parameters.png", "dice_parameters.svg"]


def test_no_complete_case_leaves_the_heat_map_out(
    tmp_path: Path, fake: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [fake.record(0.9), *(fake.record(0.9, case="b") for _ in range(1))]
    noise = {"perturbation": "noise", "kind": "acquisition"}
    rows += [fake.record(0.8, severity=1, **noise), fake.record(0.7, severity=2, case="b", **noise)]
    Store(tmp_path).append(rows)
    with caplog.at_level(logging.INFO):
        assert {path.stem for path in plots.write(tmp_path)} == {"severity_curves"}
    assert "delta_dice is not drawn: no case was scored at every severity" in caplog.text


def test_two_scopes_make_two_figures(tmp_path: Path, fake: ModuleType) -> None:
    rows = [fake.record(0.9), fake.record(0.8, task="Task05_Prostate", phantom=True)]
    noise = {"perturbation": "noise", "kind": "acquisition", "severity": 1}
    rows += [fake.record(0.7, **noise), fake.record(0.6, task="Task05_Prostate", phantom=True, **noise)]
    Store(tmp_path).append(rows)
    names = {path.stem for path in plots.write(tmp_path)}
    assert {"severity_curves-Task04_Hippocampus-val", "severity_curves-Task05_Prostate-val-phantom"} < names


def test_names_of_neighbours_do_not_overlap() -> None:
    table = pd.DataFrame(
        {
            "model": ["med-nca", "med-nca-16", "unet-small", "segresnet"],
            "parameters": [70_016, 70_016, 80_000, 90_000],
            "dice_mean": [0.86, 0.861, 0.862, 0.863],
            "dice_low": [0.85, 0.85, np.nan, 0.85],
            "dice_high": [0.87, 0.87, np.nan, 0.87],
        }
    )
    with style.styled():
        figure = dice_against_parameters(table, looks=style.looks(table["model"]))
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])


@pytest.mark.parametrize("damage", ["cut", "missing", "shape"])
def test_damaged_examples_are_named(tmp_path: Path, fake: ModuleType, damage: str) -> None:
    assert read_examples(tmp_path) is None
    path = fake.examples(tmp_path)
    with np.load(path) as file:
        arrays = dict(file)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "missing":
        np.savez(path, **{name: array for name, array in arrays.items() if name != "truth"})
    else:
        np.savez(path, **(arrays | {"truth": arrays["truth"][:1]}))
    with pytest.raises(ValueError, match=f"{path}.*delete it; the next run makes it again"):
        read_examples(tmp_path)
