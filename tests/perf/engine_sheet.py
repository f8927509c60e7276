"""From timings of the engine to a table, a JSON file and a plot."""

import datetime
import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from mednca_bench.models.nca_inference import multiplies_bfloat16

DENSE_FLOP = {"inference": 1.0, "training": 3.0}  # of the literal rule's forward pass; a backward costs two forwards
FIRING_MACS = {
    # per firing cell for C channels, hidden width h, kernel k, in units of k*k*C*2C, C*h: see docs/engine.md
    "inference": (1, 4),
    "training": (3, 12),  # forward and backward; what is computed again is not counted as work done
}
YARDSTICK = 0.25  # of SGEMM: what the literal rule must reach for a ratio to it to mean anything


@dataclass(frozen=True)
class Row:
    """One work, measured by several variants in turn.

    Attributes:
        work: as printed.
        kind: "inference" or "training".
        batch, side, steps, channels, threads: of the work; states are (batch, side, side, channels).
        seconds: per variant, the time of each round. "engine" is one of them, "literal" the yardstick.
        sgemm: GFLOP/s of a large matrix product in the same rounds, their median.
        goal: the ratio to the literal rule asked for, if any, of `variant`.
        variant: the one `goal` is about.
        megabytes: per variant, peak memory, where it was measured.
        notes: what else to say.
    """

    work: str
    kind: str
    batch: int
    side: int
    steps: int
    channels: int
    threads: int
    seconds: dict[str, list[float]]
    sgemm: float
    goal: float | None = None
    variant: str = "engine"
    megabytes: dict[str, float] = field(default_factory=dict)
    notes: str = ""

    @property
    def cell_steps(self) -> int:
        return self.batch * self.side**2 * self.steps

    def rate(self, variant: str) -> float:
        """Million cell-steps per second, by the median round."""
        return self.cell_steps / statistics.median(self.seconds[variant]) / 1e6

    def ratio(self, variant: str) -> float:
        return statistics.median(self.seconds["literal"]) / statistics.median(self.seconds[variant])

    def dense_gflops(self, variant: str) -> float:
        """GFLOP/s by the literal rule's count, whatever the variant computes."""
        flop = 2 * (18 * self.channels**2 + 4 * 128 * self.channels) * DENSE_FLOP[self.kind]
        return self.rate(variant) * flop / 1e3

    def engine_share(self, variant: str) -> float:
        """Share of the SGEMM rate by what the engine has to compute: half of the cells, nothing twice."""
        looks, thoughts = FIRING_MACS[self.kind]
        flop = looks * 18 * self.channels**2 + thoughts * 128 * self.channels  # 2 FLOP per MAC, half of the cells
        return self.rate(variant) * flop / 1e3 / self.sgemm


def markdown(rows: list[Row]) -> str:
    """Write the table, one line per work and variant."""
    lines = [
        f"{machine()}",
        "",
        "| work | threads | variant | s | M cell-steps/s | dense GFLOP/s | of SGEMM | x literal | goal | MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        for variant, seconds in row.seconds.items():
            share = row.dense_gflops(variant) / row.sgemm
            if variant.startswith("engine"):
                share = row.engine_share(variant)
            void = " (below a quarter)" if variant == "literal" and share < YARDSTICK else ""
            goal = "" if row.goal is None or variant != row.variant else f"{row.goal:g}"
            memory = f"{row.megabytes[variant]:.0f}" if variant in row.megabytes else ""
            median = statistics.median(seconds)
            lines.append(
                f"| {row.work} | {row.threads} | {variant} | {median:.3g} | {row.rate(variant):.2f} "
                f"| {row.dense_gflops(variant):.0f} | {share:.0%} of {row.sgemm:.0f}{void} "
                f"| {row.ratio(variant):.2f} | {goal} | {memory} |"
            )
        if row.notes:
            lines.append(f"| {row.work} | | {row.notes} | | | | | | | |")
    return "\n".join(lines)


def machine() -> str:
    """Name processor, torch and load: figures of a busy machine are not to be quoted."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        lines = information.read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    day = datetime.datetime.now(tz=datetime.UTC).date()
    capability = torch.backends.cpu.get_cpu_capability()
    products = "with" if multiplies_bfloat16() else "without"
    return (
        f"{cpu}, {os.cpu_count()} cores, {capability}, {products} bfloat16 products, torch {torch.__version__}, "
        f"load {load} at the end, {day}"
    )


def write(rows: list[Row], folder: Path) -> list[Path]:
    """Write engine.json, engine.md, engine.png and engine.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    table, data = folder / "engine.md", folder / "engine.json"
    table.write_text(markdown(rows) + "\n", encoding="utf-8")
    data.write_text(
        json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=1) + "\n", encoding="utf-8"
    )
    return [table, data, *_plot(rows, folder)]


def _plot(rows: list[Row], folder: Path) -> list[Path]:
    """Draw the growth rows: time against side, steps and channels; one curve per variant."""
    from matplotlib.figure import Figure

    axes_of = ("side", "steps", "channels")
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    for axes, what in zip(figure.subplots(1, len(axes_of)), axes_of, strict=True):
        grown = sorted(
            (row for row in rows if row.work.startswith(f"growth: {what}")), key=lambda row: getattr(row, what)
        )
        for variant, marker in (("literal", "s"), ("engine", "o"), ("engine, bfloat16", "^")):
            points = [
                (getattr(row, what), statistics.median(row.seconds[variant])) for row in grown if variant in row.seconds
            ]
            if points:
                axes.loglog(*zip(*points, strict=True), marker=marker, label=variant)
        ticks = [getattr(row, what) for row in grown]
        axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
        axes.minorticks_off()
        axes.set_xlabel({"side": "image side (pixels)", "steps": "steps", "channels": "channels"}[what])
        axes.set_ylabel("time (s)")
        axes.grid(alpha=0.3)
        if grown:
            axes.legend(frameon=False)
    paths = [folder / "engine.png", folder / "engine.svg"]
    for path in paths:
        figure.savefig(path, dpi=150)
    return paths
