"""Med-NCA as C99 source: a `.c`, a `.h`, a command-line program and a README, written from templates.

The templates in `c/` are C as they stand, with a tiny network as example; export replaces the network's numbers between
`begin` and `end` marks and the prefix of all names. docs/on-device.md describes the interface and the memory it takes.
"""

import re
from importlib import resources

from .. import weights
from ..med_nca import MedNCA
from .c_weights import PANEL, constants, rounded

WEIGHT_TYPES = ("float32", "int8")
TEMPLATES = ("med_nca.c.in", "med_nca.h.in", "med_nca_main.c.in", "README.md.in")
_LONGEST_NAME = 40
ARENA_SIDES = (64, 128, 256, 320)  # pixels, listed in the README
GROUP = 48  # cells computed together, in med_nca.c.in
ALIGNMENT = 64  # bytes; likewise


def identifier(name: str) -> str:
    """Turn any text into a prefix of C names and files: lower-case letters, digits, underscores, a letter in front.

    >>> [identifier(name) for name in ("med-nca-16", "../x", "2d */ NCA", "")]
    ['med_nca_16', 'x', 'nca_2d_nca', 'nca']
    """
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_LONGEST_NAME].rstrip("_")
    return words if words[:1].isalpha() else f"nca_{words}".rstrip("_")


def comment(text: str) -> str:
    r"""Make any text one line that can stand in a C comment or a string.

    >>> comment('a */ b\n"c" \\ ??/')
    "a * b 'c'"
    """
    words = "".join(letter if letter.isascii() and letter.isprintable() else " " for letter in text)
    return " ".join(re.sub(r"[\\?/]", "", words.replace('"', "'")).split())


def c_files(model: MedNCA, *, name: str | None = None, weight_type: str = "float32") -> dict[str, str]:
    """Write a model as C.

    Args:
        model: trained.
        name: prefix of files and C names; made an `identifier`. By default the model's name.
        weight_type: "float32", or "int8" with one scale per output channel.

    Returns:
        Text by file name: NAME.c, NAME.h, NAME_main.c, README.md.

    Raises:
        ValueError: for an unknown weight type.
    """
    if weight_type not in WEIGHT_TYPES:
        raise ValueError(f"weights type {weight_type!r}; allowed: {', '.join(WEIGHT_TYPES)}")
    int8 = weight_type == "int8"
    digest = weights.digest(model)
    model = rounded(model) if int8 else model
    prefix = identifier(name or model.name)
    shape = _shape(model, int8=int8, digest=digest)
    fill = {"TITLE": comment(_title(model, weight_type)), "ARENA": _arena_table(model, int8=int8), "NAME": prefix}
    files = {}
    for template in TEMPLATES:
        text = (resources.files(__package__) / "c" / template).read_text(encoding="utf-8")
        text = _replaced(text, "shape", shape)
        text = _named(_replaced(text, "weights", constants(model, int8=int8)), prefix)
        for mark, words in fill.items():
            text = text.replace(f"@{mark}@", words)
        files[template.removesuffix(".in").replace("med_nca", prefix)] = text
    return files


def arena_size(model: MedNCA, height: int, width: int, *, int8: bool = False) -> int:
    """Give the bytes of working memory that the C function asks for, for an image of `height` x `width` pixels."""
    shape = model.rule_shape
    rows, columns = model.padded_side(height), model.padded_side(width)
    state = rows * (columns + 2 * shape.reach) * shape.channels
    waiting = (shape.reach + 1) * columns * (shape.channels + 1)
    outputs = sum(-(-count // PANEL) * PANEL for count in (2 * shape.channels, shape.hidden, shape.channels))
    panel = PANEL * max(shape.kernel**2 * shape.channels, shape.hidden) if int8 else 0
    return 4 * (state + waiting + GROUP * outputs + panel) + ALIGNMENT


def _shape(model: MedNCA, *, int8: bool, digest: str) -> str:
    """Define the network's numbers."""
    shape = model.rule_shape
    numbers = {
        "IMAGE": shape.image,
        "OUTPUTS": model.out_channels,
        "CHANNELS": shape.channels,
        "HIDDEN": shape.hidden,
        "KERNEL": shape.kernel,
        "STEPS": model.steps,
        "SCALE": model.scale,
        "LIMIT": model.limit,
        "MINIMUM": model.minimum,
        "INT8": int(int8),
        "FINGERPRINT": f'"{digest}"',
    }
    return "\n".join(f"#define NCA_{name} {number}" for name, number in numbers.items())


def _title(model: MedNCA, weight_type: str) -> str:
    shape = model.rule_shape
    return (
        f"{model.name}, {shape.channels} channels, hidden {shape.hidden}, {model.steps} steps per level, "
        f"{weight_type} weights"
    )


def _arena_table(model: MedNCA, *, int8: bool) -> str:
    """List the arena of some image sizes as Markdown."""
    lines = [f"| {side} x {side} | {arena_size(model, side, side, int8=int8):,} |" for side in ARENA_SIDES]
    return "\n".join(["| image | arena in bytes |", "|---|---|", *lines])


def _replaced(template: str, what: str, text: str) -> str:
    """Put `text` where the template has its example, between its begin and end marks."""
    pattern = rf"/\* begin {what}: .*?\*/.*?/\* end {what} \*/"
    return re.sub(pattern, lambda _: text, template, flags=re.DOTALL)


def _named(text: str, prefix: str) -> str:
    """Give all names of the template the prefix of the exported network."""
    text = re.sub(r"\bmed_nca\b|\bmed_nca(?=_main)", prefix, text)
    text = re.sub(r"\bnca_", f"{prefix}_", text)
    return re.sub(r"\bNCA_", f"{prefix.upper()}_", text)
