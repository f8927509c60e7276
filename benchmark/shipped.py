"""Reference weights by name: those that come with the package, and those it knows by recipe and checksum alone.

`models/reference/checksums.json` has one entry a name; the weights lie beside it as NAME.safetensors, with the model
card NAME.md. An entry without a file (a network too large to ship) says how it is trained and what its file's SHA-256
is. An install without any of these files knows no names, and everything else works.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..results.atomic import write_text
from .errors import BenchError, UsageProblem, nearest, unknown_name
from .official import weights_in

PACKAGE = Path(__file__).resolve().parents[1]
WEIGHTS = "models/reference"
CHECKSUMS = "checksums.json"
FORMAT = "mednca-bench checksums 1"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Weights with a name.

    Attributes:
        name: what the user types.
        model: registered name.
        recipe: how they were trained.
        task: on whose train part.
        seed: of the training.
        threads: of the training; other numbers, other weights.
        bytes: size of the file.
        sha256: of the file.
        weights: SHA-256 of the tensors, as records name them.
        shipped: whether the file is in the package.
    """

    name: str
    model: str
    recipe: str
    task: str
    seed: int
    threads: int
    bytes: int
    sha256: str
    weights: str
    shipped: bool

    @property
    def command(self) -> str:
        """What trains such weights; the same tensors on the same data, machine and version."""
        alias = self.task.partition("_")[2].lower()
        what = f"--model {self.model} --recipe {self.recipe} --task {alias} --seed {self.seed}"
        return f"mednca-bench train {what}{'' if self.threads == 1 else f' --threads {self.threads}'}"


def references(root: Path = PACKAGE) -> dict[str, Reference]:
    """All entries by name, sorted; none where the file is not installed.

    Args:
        root: the package's folder.

    Raises:
        BenchError: the file is damaged; names it.
    """
    path = root / WEIGHTS / CHECKSUMS
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}, expected {FORMAT!r}")
        entries = [Reference(**entry) for entry in content["weights"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path}: damaged ({error}); install the package again") from error
    return {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)}


def write_references(entries: dict[str, Reference], root: Path) -> Path:
    """Write `checksums.json` of a package's folder."""
    content = {"format": FORMAT, "weights": [asdict(entries[name]) for name in sorted(entries)]}
    return write_text(root / WEIGHTS / CHECKSUMS, json.dumps(content, indent=1) + "\n")


def weights_file(word: str, *, root: Path = PACKAGE) -> Path:
    """The file that a word after `--weights` means: a file, a folder of weights, else a name of reference weights.

    Args:
        word: as typed.
        root: the package's folder.

    Raises:
        UsageProblem: none of these, or the name of weights that are not shipped.
        BenchError: the folder holds no weights, or the shipped file is missing or not the one that was shipped.
    """
    path = Path(word)
    if path.is_file():
        return path
    if path.is_dir():
        return weights_in(path)
    known = references(root)
    names = [name for name, entry in known.items() if entry.shipped]
    if word not in known:
        if path.suffix or len(path.parts) > 1:
            close = nearest(path.stem, names)
            hint = f", or the shipped weights {close!r}" if close else ""
            raise UsageProblem(f"--weights {word}: no such file; give a .safetensors file{hint}")
        raise unknown_name("weights", word, names)
    entry = known[word]
    if not entry.shipped:
        raise UsageProblem(
            f"--weights {word}: {entry.bytes / 1e6:.0f} MB, not shipped; `{entry.command}` trains them (on the same "
            f"machine the same tensors, SHA-256 {entry.weights[:12]}…), then name the file"
        )
    return _checked(entry, root / WEIGHTS / f"{word}.safetensors")


def _checked(entry: Reference, path: Path) -> Path:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}; install the package again") from error
    if found != entry.sha256:
        raise BenchError(f"{path}: is not the file that was shipped (SHA-256 differs); install the package again")
    return path
