"""Tables as LaTeX and HTML: whole, escaped, bold where the table says so; the paper's Table 1; subjects."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from mednca_bench.results import tables
from mednca_bench.results.report.fragment import block, html
from mednca_bench.results.table import Table
from mednca_bench.results.table_latex import LONG, escape, latex
from mednca_bench.results.table_paper import table1

HOSTILE = r"\input{/etc/passwd} 100% & $x^2_1$ #~<b>|`é 中 -- \\"


def made(rows: int = 2, *, first: str = "med-nca", strong: frozenset[tuple[int, str]] = frozenset()) -> Table:
    frame = pd.DataFrame({"task": "T_1", "split": "val", "phantom": True, "dice": np.linspace(0, 1, rows)})
    shown = pd.DataFrame({"Model": [first] * rows, "ΔDice": [f"{-value:.2f} ± 0.1" for value in frame["dice"]]})
    return Table("a_table", "Title", frame, shown, ("A note & more.",), strong)


def test_latex_is_booktabs_with_a_line_a_row() -> None:
    text = latex(made(strong=frozenset({(1, "ΔDice")})), marks=("PHANTOM DATA",), source=("Command: x\ny",))
    lines = text.splitlines()
    assert "% Command: x y" in lines and r"% Needs \usepackage{booktabs}" in lines
    assert [line for line in lines if line.endswith(r"\\")] == [
        r"Model & $\Delta$Dice \\",
        r"med-nca & $-$0.00 $\pm$ 0.1 \\",
        r"med-nca & \textbf{$-$1.00 $\pm$ 0.1} \\",
    ]
    order = [lines.index(rf"\{rule}") for rule in ("toprule", "midrule", "bottomrule")]
    assert order == sorted(order) and r"\begin{tabular}{lr}" in lines and r"\hline" not in text
    assert r"\caption{\textbf{PHANTOM DATA.} Title. T\_1, split: val, PHANTOM DATA.}\label{tab:a-table}" in lines
    assert r"A note \& more.\par" in lines
    assert text.count(r"\begin{") == text.count(r"\end{")


def test_latex_takes_hostile_text_literally() -> None:
    text = escape(HOSTILE)
    assert r"\textbackslash{}input\{/etc/passwd\} 100\% \& \$x\textasciicircum{}2\_1\$ \#\textasciitilde{}" in text
    assert text.endswith(r"é [U+4E2D] -{}- \textbackslash{}\textbackslash{}")
    assert escape("a\nb\x00\u202e") == "a b"
    row = next(line for line in latex(made(first="[x] y")).splitlines() if "[x]" in line)
    assert row.startswith("{}[x] y & ")


def test_long_tables_break_over_pages_and_wide_ones_are_scaled() -> None:
    assert r"\begin{longtable}{lr}" in latex(made(LONG + 1)) and "longtable}" in latex(made(LONG + 1)).splitlines()[1]
    assert r"\resizebox{\linewidth}{!}{%" in latex(made(first="x" * 90))
    assert "longtable" not in latex(made(LONG)) and "resizebox" not in latex(made(LONG))


@pytest.mark.skipif(
    shutil.which("pdflatex") is None, reason="no pdflatex on PATH: `apt-get install texlive-latex-base`"
)
def test_every_table_compiles(run_folder: Path, tmp_path: Path) -> None:
    worded = {name: table for name, table in tables.build(run_folder).items() if len(table.shown.columns)}
    parts = {name: latex(table) for name, table in worded.items()}
    parts |= {"hostile": latex(made(first=HOSTILE)), "letters": latex(made(first="àéîõüßøåÿÀÆ"))}
    for name, text in parts.items():
        (tmp_path / f"{name}.tex").write_text(text, encoding="utf-8")
    packages = r"\documentclass{article}\usepackage{booktabs,graphicx,longtable}"
    inputs = "".join(rf"\input{{{name}}}" + "\n" for name in parts)
    (tmp_path / "paper.tex").write_text(packages + r"\begin{document}" + inputs + r"\end{document}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:].decode(errors="replace")
    assert (tmp_path / "paper.pdf").exists()


class Cells(HTMLParser):
    """The words of every cell, and the tags that are open."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.cells: list[str] = []
        self.tags: list[str] = []
        self.bold: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.tags):
            self.cells[-1] += data
            self.bold += [data] if "strong" in self.tags else []


def test_html_fragment_is_well_formed_and_escaped() -> None:
    parser = Cells()
    parser.feed(html(made(first=HOSTILE, strong=frozenset({(1, "ΔDice")})), marks=("<i>mark",), source=("<script>",)))
    assert parser.tags == []
    assert parser.cells == ["Model", "ΔDice", HOSTILE, "−0.00 ± 0.1", HOSTILE, "−1.00 ± 0.1"]
    assert parser.bold == ["−1.00 ± 0.1"]
    assert block(made(30), rows=10).parts[0].left_out == "20 more rows in tables/a_table.csv."


def test_all_forms_are_written_and_say_the_same(run_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(run_folder, tmp_path / "run")
    written = {path.name for path in tables.write(tmp_path / "run")}
    names = {name.split(".")[0] for name in written}
    worded = {f"{name}.{ending}" for name in names - {"risk_coverage"} for ending in ("csv", "md", "tex", "html")}
    assert written == worded | {"risk_coverage.csv"}  # a curve has no words
    assert {"table1", "subjects", "accuracy"} < names
    texts = {end: (tmp_path / "run/tables" / f"table1.{end}").read_text() for end in ("md", "tex", "html")}
    numbers = {end: re.findall(r"0\.\d{3}", text) for end, text in texts.items()}
    assert numbers["md"] == numbers["tex"] == numbers["html"] and len(numbers["md"]) == 8


def test_table_1_has_a_column_per_task_and_keeps_phantoms_apart() -> None:
    hippocampus, prostate = "Task04_Hippocampus", "Task05_Prostate"
    rows = [(hippocampus, False, "b", 0.9), (prostate, False, "b", 0.8)]
    rows += [(hippocampus, False, "a", 0.7), (prostate, True, "a", 0.6)]
    frame = pd.DataFrame(
        {
            "task": [row[0] for row in rows],
            "split": "val",
            "phantom": [row[1] for row in rows],
            "model": [row[2] for row in rows],
            "label": "foreground",
            **{
                f"{metric}_{part}": [row[3] for row in rows]
                for metric in ("dice", "dice_soft_paper")
                for part in ("mean", "sd")
            },
        }
    )
    found = table1(
        Table("accuracy", "", frame, pd.DataFrame({"Dice": ["x"] * 4}), (), frozenset({(0, "Dice")})),
        parameters={"b": 1000},
    )
    assert found is not None
    assert list(found.shown.columns) == [
        "Model",
        "Parameters",
        *(f"{t} {m}" for t in ("Hippocampus", "Prostate") for m in ("Dice", "soft Dice (paper)")),
    ]
    assert found.shown["Model"].tolist() == ["a", "b", "a"]
    assert found.shown["Prostate Dice"].tolist() == ["–", "0.800 ± 0.800", "0.600 ± 0.600"]
    assert found.shown["Parameters"].tolist() == ["–", "1,000", "–"]
    assert found.frame["task"].tolist() == ["Task04_Hippocampus + Task05_Prostate"] * 2 + ["Task05_Prostate"]
    assert found.strong == {(1, "Hippocampus Dice")}
    assert table1(None) is None


def test_labels_are_averaged_in_table_1(fake: ModuleType) -> None:
    rows = [fake.record(dice, label=label) for label, dice in (("anterior", 0.9), ("posterior", 0.7))]
    found = table1(tables.accuracy(_with_metrics(rows)))
    assert found is not None and found.frame["Task04_Hippocampus_dice_mean"].tolist() == pytest.approx([0.8])


def test_subjects_average_their_cases_over_families_and_severities(fake: ModuleType) -> None:
    noise = {"perturbation": "noise", "kind": "acquisition"}
    rows = []
    for case, clean, scores in (("a", 0.9, (0.8, 0.6)), ("b", 0.7, (0.5, 0.5))):
        rows += [fake.record(clean, case=case)]
        rows += [fake.record(dice, case=case, severity=s, **noise) for s, dice in enumerate(scores, start=1)]
    found = tables.subjects(_with_metrics(rows))
    assert found is not None
    (row,) = found.frame.to_dict("records")
    assert (row["subject"], row["kind"], row["cases"]) == ("subject-01", "acquisition", 2)
    assert [row["clean"], row["dice"], row["delta"]] == pytest.approx([0.8, 0.6, -0.2])
    assert tables.subjects(_with_metrics(rows[:1])) is None


def _with_metrics(rows: list[dict[str, object]]) -> pd.DataFrame:
    from mednca_bench.results.metrics import derive

    return derive(pd.DataFrame(rows))
