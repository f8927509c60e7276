"""Figures: written, the same bytes each time, nothing clipped, marks on every one, no trace in global state."""

import hashlib
import itertools
import json
import logging
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import mednca_bench
from mednca_bench.results import drawings, plot_cost, plot_curves, plots, style, tables
from mednca_bench.results.atomic import write_text
from mednca_bench.results.plot_cases import read_cases
from mednca_bench.results.plot_cost import dice_against_cost
from mednca_bench.results.plot_equivariance import equivariance_error
from mednca_bench.results.plot_examples import read_examples
from mednca_bench.results.plot_heatmap import delta_heatmap
from mednca_bench.results.plot_ranks import rank_intervals
from mednca_bench.results.plot_risk import risk_coverage
from mednca_bench.results.plot_slopes import paired_slopes
from mednca_bench.results.store import Store
from mednca_bench.results.table import Table

NAMES = (
    "severity_curves",
    "delta_dice",
    "slopes",
    "ranks",
    "dice_parameters",
    "dice_latency",
    "latency",
    "risk_coverage",
    "equivariance",
    "cases",
    "examples",
)


def made_tables(models: tuple[str, ...]) -> dict[str, Table]:
    """The tables that other parts of the package build, with made numbers."""
    scope = {"task": "Task04_Hippocampus", "split": "val", "phantom": True}
    each = [{**scope, "model": model, "number": place} for place, model in enumerate(models, start=1)]
    bars = {
        f"{scheme}_{end}": value for scheme in ("rank", "case_rank") for end, value in (("low", 1.0), ("high", 2.0))
    }
    ranks = [{**row, **bars, "condition": "clean", "rank": row["number"], "case_rank": row["number"]} for row in each]
    covered = np.linspace(0.1, 1, 10)
    risks = [{**row, "score": "NQM", "coverage": c, "risk": 0.1 * c * row["number"]} for row in each for c in covered]
    moved = [
        {**row, "perturbation": p, "severity": s, "shift_mod4": m, "error_mean": 0.02 * s, "floor_mean": 0.01 * s}
        for row in each
        for p, mods in (("shift", (1.0, 3.0, 0.0)), ("rotation", (np.nan,) * 3))
        for s, m in enumerate(mods, start=1)
    ]
    frames = {"ranks": ranks, "risk_coverage": risks, "equivariance": moved}
    return {name: Table(name, name, pd.DataFrame(rows), pd.DataFrame(rows)) for name, rows in frames.items()}


@dataclass(frozen=True)
class Drawn:
    """A run whose plots were written: the folder, the figures by name, the files' bytes by name."""

    folder: Path
    figures: dict[str, Any]
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def drawn(fake: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    folder: Path = fake.write_run(tmp_path_factory.mktemp("phantom"), cases=6, phantom=True)
    fake.examples(folder, conditions=7, cases=True)
    figures: dict[str, Any] = {}
    save = plots.save

    def keep(figure: Any, to: Path, name: str, *, marks: tuple[str, ...]) -> list[Path]:
        figures[name] = figure
        return save(figure, to, name, marks=marks)

    before = dict(mpl.rcParams)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "save", keep)
        written = plots.write(folder, tables=tables.build(folder) | made_tables(tuple(fake.MODELS)))
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
    assert set(drawn.files) == {f"{name}.{ending}" for name in NAMES for ending in ("png", "svg", "json")}
    assert all(len(data) > 10_000 for name, data in drawn.files.items() if not name.endswith(".json"))
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


def test_the_same_run_gives_the_same_bytes(drawn: Drawn, fake: ModuleType) -> None:
    built = tables.build(drawn.folder) | made_tables(tuple(fake.MODELS))
    assert {path.name: path.read_bytes() for path in plots.write(drawn.folder, tables=built)} == drawn.files
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


def test_an_ensemble_alone_looks_like_its_model_and_beside_it_does_not() -> None:
    model = style.looks(["med-nca"])["med-nca"]
    assert style.looks(["unet-small", "med-nca ×10"])["med-nca ×10"] == model
    both = style.looks(["med-nca ×10", "med-nca"])
    assert both["med-nca"] == model != both["med-nca ×10"]


def test_a_model_that_only_the_examples_have_takes_no_look_from_its_ensemble() -> None:
    names = {name: name for name in ("med-nca", "med-nca ×10", "unet-small")}
    frame = pd.DataFrame({"model": ["med-nca ×10", "unet-small"]})
    found = drawings._looks(names, {"risk_coverage": Table("risk_coverage", "", frame, frame)})
    assert found["med-nca ×10"] == found["med-nca"] == style.looks(["med-nca"])["med-nca"]
    assert found["unet-small"] != found["med-nca ×10"]


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
        "dice_latency is not drawn: no model was timed",
        "slopes is not drawn: the run has no subjects table",
        "ranks is not drawn: the run has no ranks table",
        "cases is not drawn",
        "examples is not drawn",
    ):
        assert reason in caplog.text


def test_parameters_may_come_from_run_json_and_recipes_share_them(tmp_path: Path, fake: ModuleType) -> None:
    Store(tmp_path).append([fake.record(0.9, recipe="quick"), fake.record(0.8, recipe="paper")])
    write_text(tmp_path / "run.json", '{"models": [{"model": "med-nca", "parameters": 70016}]}')
    names = [f"{name}.{end}" for name in ("ranks", "dice_parameters") for end in ("png", "svg", "json")]
    assert [path.name for path in plots.write(tmp_path)] == names


def test_no_complete_case_leaves_the_heat_map_out(
    tmp_path: Path, fake: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [fake.record(0.9), *(fake.record(0.9, case="b") for _ in range(1))]
    noise = {"perturbation": "noise", "kind": "acquisition"}
    rows += [fake.record(0.8, severity=1, **noise), fake.record(0.7, severity=2, case="b", **noise)]
    Store(tmp_path).append(rows)
    with caplog.at_level(logging.INFO):
        assert {path.stem for path in plots.write(tmp_path)} == {"severity_curves", "risk_coverage"}
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
        looks = style.looks(table["model"])
        figure = dice_against_cost(table, cost="parameters", words="trainable parameters", looks=looks)
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])


def test_the_pareto_front_are_the_models_that_none_beats_in_both() -> None:
    dice = {"cheap": (1.0, 0.7), "twin": (1.0, 0.7), "beaten": (2.0, 0.6), "dear": (3.0, 0.9), "no better": (4.0, 0.9)}
    table = pd.DataFrame(
        [{"model": m, "cost": c, "dice_mean": d, "dice_low": d, "dice_high": d} for m, (c, d) in dice.items()]
    )
    front = {point.model for point in plot_cost.pareto(plot_cost._points(table, "cost"))}
    assert front == {"cheap", "twin", "dear"}


def test_latencies_of_one_setting_are_compared(drawn: Drawn) -> None:
    (ax,) = drawn.figures["dice_latency"].axes
    assert ax.get_xlabel() == "ms per slice of 64 × 64, 2 threads (log scale)"


def test_a_sidecar_names_and_hashes_what_is_behind_its_figure(drawn: Drawn, fake: ModuleType) -> None:
    about = json.loads(drawn.files["slopes.json"])
    table = tables.build(drawn.folder)["subjects"]
    assert about["source"] == "tables/subjects.csv"
    assert about["source_sha256"] == hashlib.sha256(table.csv().encode()).hexdigest()
    keys = sorted((record["key"], record["label"]) for record in Store(drawn.folder).load(["key"]).to_dict("records"))
    assert about["records"] == len(keys)
    lines = "".join(f"{key} {label}\n" for key, label in keys)
    assert about["records_sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert (about["suite"], about["command"]) == ("robustness-v1", "mednca-bench run --suite robustness")
    assert about["mednca_bench"] == mednca_bench.__version__ and about["marks"] == ["PHANTOM DATA – not real MRI"]
    examples = json.loads(drawn.files["examples.json"])
    assert examples["source_sha256"] == hashlib.sha256((drawn.folder / "examples.npz").read_bytes()).hexdigest()
    assert all(json.loads(drawn.files[f"{name}.json"])["alt"].strip() for name in NAMES)


def test_a_slope_is_a_subject(drawn: Drawn) -> None:
    table = tables.build(drawn.folder)["subjects"].frame
    panels = {ax.get_title(): ax for ax in drawn.figures["slopes"].axes}
    mine = table[(table["model"] == "med-nca") & (table["kind"] == "acquisition")]
    lines = [list(line.get_ydata()) for line in panels["med-nca"].lines]
    assert all([row.clean, row.dice] in lines for row in mine.itertuples())
    assert [mine["clean"].mean(), mine["dice"].mean()] in lines


def test_eight_models_and_sixteen_families_still_read() -> None:
    models = [f"some-model-{number}" for number in range(8)]
    looks = style.looks(models)
    families = [("acquisition" if n < 10 else "grid", f"a-long-family-{n}") for n in range(16)]
    scores = {"dice_mean": 0.8, "dice_low": 0.7, "dice_high": 0.9, "delta_mean": -0.123}
    rows = [{"model": m, "kind": k, "perturbation": f, **scores} for m in models for k, f in families]
    curves = pd.DataFrame([{**row, "severity": severity} for row in rows for severity in range(6)])
    kinds = ("acquisition", "grid")
    pairs = pd.DataFrame([{"model": m, "kind": k, "clean": 0.9, "dice": 0.5} for m in models for k in kinds])
    table = made_tables(tuple(models))
    with style.styled():
        for figure in (
            delta_heatmap(pd.DataFrame(rows)),
            plot_curves.severity_curves(curves, looks=looks, severities={}),
            paired_slopes(pairs, looks=looks),
            rank_intervals(table["ranks"].frame, looks=looks),
            risk_coverage(table["risk_coverage"].frame, looks=looks),
            equivariance_error(table["equivariance"].frame, looks=looks),
        ):
            style.title(figure, "What is shown", "Task04_Hippocampus, split: val", ())
            assert_nothing_is_clipped(figure)
            for ax in figure.axes:
                if ax.get_label() == style.FILLED:
                    boxes = [text.get_window_extent() for text in ax.texts]
                    assert len(boxes) == 128
                    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("damage", ["missing", "shape"])
def test_damaged_cases_are_named(tmp_path: Path, fake: ModuleType, damage: str) -> None:
    assert read_cases(tmp_path) is None
    assert read_cases(fake.examples(tmp_path).parent) is None
    path = fake.examples(tmp_path, cases=True)
    with np.load(path) as file:
        arrays = dict(file)
    if damage == "missing":
        del arrays["case_truth"]
    else:
        arrays["case_truth"] = arrays["case_truth"][:1]
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=f"{path}.*delete it; the next run makes it again"):
        read_cases(tmp_path)


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


@pytest.mark.parametrize("models", [{"a": 70_016}, {"a": 70_016, "b": 36_950_273}, {"a": 394_977, "b": 479_244}])
def test_labels_of_a_log_axis_do_not_touch(models: dict[str, int]) -> None:
    table = pd.DataFrame(
        [
            {"model": name, "cost": cost, "dice_mean": 0.9, "dice_low": 0.88, "dice_high": 0.92}
            for name, cost in models.items()
        ]
    )
    figure = dice_against_cost(table, cost="cost", words="trainable parameters", looks=style.looks(models))
    figure.draw_without_rendering()
    (ax,) = figure.axes
    low, high = ax.get_xlim()
    shown = [
        text for text in ax.get_xticklabels(which="both") if text.get_text() and low <= text.get_position()[0] <= high
    ]
    boxes = sorted((text.get_window_extent() for text in shown), key=lambda box: box.x0)
    assert len(boxes) >= 2 and all(one.x1 < other.x0 for one, other in pairwise(boxes))
