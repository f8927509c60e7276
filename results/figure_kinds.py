"""The figures drawn from tables: from which, under which heading, with which caption."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .by_subject import CLEAN
from .costs import with_latency, with_parameters
from .plot_cost import dice_against_cost
from .plot_curves import severity_curves
from .plot_energy import dice_against_energy, with_energy
from .plot_equivariance import equivariance_error
from .plot_heatmap import delta_heatmap
from .plot_ladder import ladder_steps
from .plot_latency import latency_against_side
from .plot_ranks import rank_intervals
from .plot_risk import risk_coverage
from .plot_slopes import paired_slopes
from .plot_training import learning_curves
from .run_info import RunInfo
from .style import Look
from .table import Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Run:
    """What figures are drawn from: tables, run.json, each model's name in figures, and the look of each such name."""

    tables: Mapping[str, Table]
    info: RunInfo
    names: Mapping[str, str]
    looks: Mapping[str, Look]

    def named(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """The rows under the models' names in figures."""
        return rows.assign(model=rows["model"].map(dict(self.names)))


class NothingToDrawError(Exception):
    """The table is there and has nothing for the figure; the message says what is missing."""


@dataclass(frozen=True)
class Kind:
    """A figure that is drawn from the rows of one table, some with numbers of others beside them.

    Attributes:
        name: of its files.
        table: the name of the table.
        what: heading.
        caption: how to read it.
        draw: from the table's rows of one scope.
        scored: the table's `label` is what was segmented, of which one is drawn; else it names what was timed.
        beside: the names of the other tables whose numbers are drawn, as far as the run has them.
    """

    name: str
    table: str
    what: str
    caption: str
    draw: "Callable[[pd.DataFrame, Run], Figure]"
    scored: bool = True
    beside: tuple[str, ...] = ()


def _curves(rows: "pd.DataFrame", run: Run) -> "Figure":
    shown = run.named(rows)
    mine = {model: run.looks[model] for model in sorted(shown["model"].unique())}
    return severity_curves(shown, looks=mine, severities=run.info.severities)


def _heatmap(rows: "pd.DataFrame", run: Run) -> "Figure":
    if rows["delta_mean"].isna().all():
        raise NothingToDrawError("no case was scored at every severity")
    return delta_heatmap(run.named(rows))


def _ranks(rows: "pd.DataFrame", run: Run) -> "Figure":
    clean = run.named(rows[rows["condition"] == CLEAN])
    if clean.empty:
        raise NothingToDrawError("no clean image was scored")
    return rank_intervals(clean, looks=run.looks)


def _parameters(rows: "pd.DataFrame", run: Run) -> "Figure":
    known = with_parameters(rows, run.tables.get("efficiency"), run.info)
    if known.empty:
        raise NothingToDrawError("no model's number of parameters is known")
    return dice_against_cost(run.named(known), cost="parameters", words="trainable parameters", looks=run.looks)


def _latency(rows: "pd.DataFrame", run: Run) -> "Figure":
    known, words = with_latency(rows, run.tables.get("efficiency"))
    if known.empty:
        raise NothingToDrawError("no model was timed")
    return dice_against_cost(run.named(known), cost="latency", words=words, looks=run.looks)


def _sides(rows: "pd.DataFrame", run: Run) -> "Figure":
    sided = run.named(rows).dropna(subset=["image_side", "latency_slice_ms_median"])
    if sided.empty:
        raise NothingToDrawError("no square image was timed")
    return latency_against_side(sided, looks=run.looks)


def _energy(rows: "pd.DataFrame", run: Run) -> "Figure":
    timed = run.tables.get("efficiency")
    known = rows.iloc[:0] if timed is None else with_energy(rows, timed.frame)
    if known.empty:
        raise NothingToDrawError("no energy was measured")
    return dice_against_energy(run.named(known), looks=run.looks)


def _learning(rows: "pd.DataFrame", run: Run) -> "Figure":
    scored = rows.dropna(subset=["val_dice"])
    if scored.empty:
        raise NothingToDrawError("no training was looked at on val")
    return learning_curves(run.named(scored), looks=run.looks)


_BAND: Final = "95 % intervals over subjects"
KINDS: Final = (
    Kind(
        "severity_curves",
        "robustness_by_severity",
        "Dice under perturbation (bands: 95 % over subjects)",
        f"Mean Dice against severity, a panel per perturbation; its physical value stands under the severity. Bands: "
        f"{_BAND}. Severity 0 is the clean score on the perturbation's grid.",
        _curves,
    ),
    Kind(
        "delta_dice",
        "robustness_summary",
        "Mean ΔDice over severities, against the same cases clean",
        "Mean change of Dice over severities 1 to 5 against the same cases clean; negative is a loss. Columns "
        "called all average over the families of their kind.",
        _heatmap,
    ),
    Kind(
        "slopes",
        "subjects",
        "Each subject's Dice, clean and perturbed",
        "A thin line is one subject: its mean Dice clean, and perturbed over all families of the kind and all "
        "severities above 0. The heavy line is the mean over subjects.",
        lambda rows, run: paired_slopes(run.named(rows), looks=run.looks),
    ),
    Kind(
        "ranks",
        "ranks",
        "Ranks of the models (bars: 95 % over subjects)",
        "Rank of each model on clean images by two schemes; 1 is best. Bars: 95 % of the ranks over resamples of the "
        "subjects. Whether two models differ is tested in the table pairwise: bars that overlap do not tell.",
        _ranks,
    ),
    Kind(
        "dice_parameters",
        "accuracy",
        "Dice against model size (bars: 95 % over subjects)",
        f"Clean Dice against the number of trainable parameters. Bars: {_BAND}. Points with a black edge, joined by "
        "the dotted line, are on the Pareto front: no model is better and at most as large.",
        _parameters,
        beside=("efficiency",),
    ),
    Kind(
        "dice_latency",
        "accuracy",
        "Dice against latency (bars: 95 % over subjects)",
        f"Clean Dice against the median time for one slice. Bars: {_BAND}. Points with a black edge, joined by the "
        "dotted line, are on the Pareto front: no model is better and at most as slow.",
        _latency,
        beside=("efficiency",),
    ),
    Kind(
        "dice_energy",
        "accuracy",
        "Dice against energy per slice",
        f"Clean Dice against the energy that the processor reports for one slice. Bars: {_BAND}.",
        _energy,
        beside=("efficiency",),
    ),
    Kind(
        "latency",
        "efficiency",
        "Latency of one slice against its side",
        "Median time for one slice against the side of the image, both logarithmic. Grey: timings published for a "
        "Raspberry Pi, of which the ratio of UNet to Med-NCA at 320 pixels is marked.",
        _sides,
        scored=False,
    ),
    Kind(
        "memory_ladder",
        "memory_ladder",
        "Largest image under a memory cap",
        "Side of the largest square image that each model segments in a fresh process under a hard limit of memory.",
        lambda rows, run: ladder_steps(run.named(rows), looks=run.looks),
        scored=False,
    ),
    Kind(
        "risk_coverage",
        "risk_coverage",
        "Risk against coverage",
        "Mean loss over the share of cases that a model's quality score trusts most. A score that foresees failure "
        "falls towards the left; a flat line tells nothing.",
        lambda rows, run: risk_coverage(run.named(rows), looks=run.looks),
    ),
    Kind(
        "equivariance",
        "equivariance",
        "Equivariance error",
        "1 - Dice between the answer to the moved image and the moved answer. Dotted: the floor of a stochastic model, "
        "1 - Dice between two fire seeds on the same image. Hollow markers: shifts by no multiple of 4 pixels.",
        lambda rows, run: equivariance_error(run.named(rows), looks=run.looks),
    ),
    Kind(
        "learning_curves",
        "learning_curves",
        "Learning curves: Dice on val",
        "Mean Dice of some cases of the val part, on the model's grid, against the updates of training; a line per "
        "training. Updates of different models need not cost the same: the table training has slices and FLOPs.",
        _learning,
        scored=False,
    ),
)
CASES: Final = (
    "For each model the clean cases with the lowest, the median and the highest Dice of the whole volume, each in the "
    "slice with the most foreground, on the model's grid."
)
EXAMPLE_SLICES: Final = "One slice, clean and perturbed, on the model's grid; the Dice given is that of the slice."
