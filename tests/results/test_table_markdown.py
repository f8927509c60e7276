"""Markdown of tables, read back by a parser of its own: a valid table whatever is in it, and no markup but its own."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mednca_bench.results.table import Table
from mednca_bench.results.table_markdown import escape, grid

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
SIGNS = [
    "*",
    "**",
    "_",
    "__",
    "~",
    "~~",
    "`",
    "``",
    "[",
    "]",
    "](",
    "(",
    ")",
    "<",
    ">",
    "</",
    "<b>",
    "&lt;",
    "&#42;",
    "&",
]
SIGNS += ["\\", "|", "!", "#", "=", "@", ".", ":", "/", "1", "a", "é", "x_y", " ", " ", "-", "+", "0.05", "\n"]


def pieces(text: str) -> list[Any]:
    """The inline tokens of all blocks."""
    return [child for token in PARSER.parse(text) if token.children for child in token.children]


def kinds(text: str) -> set[str]:
    return {piece.type for piece in pieces(text)} - {"text", "text_special"}


def words(text: str) -> str:
    return "".join(piece.content for piece in pieces(text))


def table(cell: str, *, bold: bool = False, name: str = "Dice") -> str:
    scope = pd.DataFrame({"task": ["T"], "split": ["val"], "phantom": [False]})
    shown = pd.DataFrame({"Model": ["m"], name: [cell]})
    strong = frozenset({(0, name)}) if bold else frozenset()
    return Table("x", "X", scope, shown, strong=strong).markdown()


HOSTILE = (
    "[click](javascript:alert(1))", "![x](http://x)", "*b*", "**b**", "_b_", "__init__", "a * b *c*", "`code`",
    "``a` b``", "~~gone~~", "~a~", "<b>", "</b>", "<!-- x", "<?x", "<http://x>", "<1@b.co>", "<=a@b.co>", "a&lt;b&#42;",
    "\\*b\\*", "\\<b>", "a|b", "\\|", "[x]: javascript:alert(1)", "<img src=x onerror=alert(1)>", "_a_`b`*c*[d](e)",
)  # fmt: skip


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_text_is_shown_as_it_is(label: str) -> None:
    for text in (escape(label), f"- {escape(label)}", f"## {escape(label)}"):
        assert kinds(text) == set() and words(text) == label, text
    assert kinds(table(label)) == set() and f"m{label}" in words(table(label))
    assert kinds(table(label, bold=True)) == {"strong_open", "strong_close"} and f"m{label}" in words(
        table(label, bold=True)
    )


@given(st.lists(st.sampled_from(SIGNS), max_size=14).map("".join))
@settings(max_examples=400, deadline=None)
def test_no_text_becomes_markup(label: str) -> None:
    wanted = " ".join(label.split())
    text = table(f"x{label}x")
    assert kinds(text) == set()
    assert "".join(wanted.split()) in "".join(words(text).split())


@pytest.mark.parametrize(
    "text",
    ["<0.0001", "p <= 0.05", "p < 0.05; r", "2* [1, 2]", "d_z", "*: the two schemes differ.", "1,234",
     "0.883 ± 0.048 [0.86, 0.91]", "+0.012", "Family 'models, clean': 1 test.", "run ~/a --out ~/b", "R&D",
     "hippocampus_001_left"],
)  # fmt: skip
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert escape(text) == text and words(text) == text


@pytest.mark.parametrize("name", ["n", "p", "", "Model"])
def test_a_narrow_column_has_a_valid_rule_and_lines_up(name: str) -> None:
    shown = pd.DataFrame({"Model": ["m", "m"], name: ["7", "8"]})
    lines = grid(shown, [0, 1], set(), left=("Model",))
    assert len(set(map(len, lines))) == 1
    assert all(set(rule.strip()) <= {"-", ":"} and "-" in rule for rule in lines[1].strip("|").split("|"))
    assert [token.type for token in PARSER.parse("\n".join(lines))].count("td_open") == 2 * len(shown.columns)
