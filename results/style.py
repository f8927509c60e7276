"""One look for all figures: fonts, colour-blind safe colours, a fixed colour and marker per model, marks, files.

Figures are made without pyplot: no window, no global figure list, no global style. Sizes are inches for print; 7.2 in
is the width of a two-column page.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from .atomic import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILLED: Final = "filled"
"""Label of a panel that is full of numbers and has its marks on top; it keeps an empty title free for them."""

Line: TypeAlias = Literal["-", "--", "-.", ":"]

PAGE_WIDTH: Final = 7.2
DPI: Final = 200
NAME_LENGTH: Final = 25
"""Characters of a model's or a case's name that figures have room for."""

_FIXED: Final = ("med-nca", "unet-small", "unet", "med-nca-16", "segresnet")
"""Models of the package keep their colour in every run; others take the free ones by name."""

_TITLE_LETTERS: Final = 12
"""Letters of a heading that fit into an inch."""

_MARKERS: Final = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "*")
_LINES: Final[tuple[Line, ...]] = ("-", "--", "-.", ":")
_RC: Final[dict[str, Any]] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 9,
    "figure.titlesize": 10,
    "svg.hashsalt": "mednca-bench",
    "savefig.dpi": DPI,
    "figure.dpi": DPI,
}


@dataclass(frozen=True)
class Look:
    """How one model is drawn, in every figure."""

    colour: tuple[float, float, float]
    marker: str
    line: Line


def looks(models: Iterable[str]) -> dict[str, Look]:
    """A look for each model; it depends on the set of names, not on their order."""
    import seaborn as sns

    palette = sns.color_palette("colorblind", 10)
    names = sorted(set(models))
    free = [place for place in range(len(palette)) if place >= len(_FIXED)]
    kin = {name.split(" ")[0]: name for name in reversed(names) if name.split(" ")[0] in _FIXED}  # "med-nca ×10"
    kin |= {name: name for name in names if name in _FIXED}
    own = {name: _FIXED.index(first) for first, name in kin.items()}
    free += [place for place in range(len(_FIXED)) if place not in own.values()]
    others = iter(free * (len(names) // max(1, len(free)) + 1))
    places = {name: own[name] if name in own else next(others) for name in names}
    return {
        name: Look(tuple(palette[place]), _MARKERS[place % len(_MARKERS)], _LINES[place % len(_LINES)])
        for name, place in places.items()
    }


@contextmanager
def styled() -> Iterator[None]:
    """Everything drawn inside has the house style; matplotlib's settings are as before afterwards."""
    import matplotlib as mpl
    import seaborn as sns

    style: Any = {**sns.axes_style("whitegrid"), **_RC}
    with mpl.rc_context(style):
        yield


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure that lays itself out, drawn by Agg; inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: "Figure", folder: Path, name: str, *, marks: tuple[str, ...]) -> list[Path]:
    """Write NAME.png and NAME.svg with the marks on every panel; the same figure gives the same bytes.

    Raises:
        OSError: not writable; names the file.
    """
    _stamp(figure, marks)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once, for both files
    paths = []
    for ending, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": "mednca-bench"})):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=ending, metadata=metadata)
        paths.append(write_bytes(folder / f"{name}.{ending}", buffer.getvalue()))
    return paths


def _stamp(figure: "Figure", marks: tuple[str, ...]) -> None:
    """The warnings at the foot of every panel, so that a panel cut out of the figure still has them."""
    from matplotlib.patheffects import withStroke

    words = "\n".join(mark.split(" – ")[0] for mark in marks)
    for ax in figure.axes:
        if words and ax.get_label() != "<colorbar>":
            ax.text(
                0.5,
                1.005 if ax.get_label() == FILLED else 0.03,
                words,
                transform=ax.transAxes,
                ha="center",
                va="bottom",
                fontsize=6,
                color="0.1",
                path_effects=[withStroke(linewidth=1.5, foreground="white", alpha=0.9)],
                in_layout=False,
                zorder=10,
            )


def plain(text: str, *, limit: int = NAME_LENGTH) -> str:
    """A name as figures show it: one line, no formula whatever dollars are in it, its middle left out where it is long.

    >>> plain("a_very_long_identifier_of_a_case", limit=15)
    'a_very_…_a_case'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    half = (limit - 1) // 2
    return (line if len(line) <= limit else f"{line[:half]}…{line[-half:]}").replace("$", r"\$")


def title(figure: "Figure", what: str, scope: str, marks: tuple[str, ...]) -> None:
    """What is shown, of what data, and the marks in words, broken where a narrow figure cannot hold them."""
    letters = int(figure.get_figwidth() * _TITLE_LETTERS)
    lines = [line for text in (plain(what, limit=80), plain(scope, limit=80), *marks) for line in wrap(text, letters)]
    figure.suptitle("\n".join(lines), linespacing=1.3)
