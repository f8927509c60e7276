"""`weights add`: put trained weights, their card and the records of their scores into the package.

What is refused: weights trained on, or scored on, a phantom; scores of another file or another task; a run that is not
finished, or not of one accuracy or robustness suite; scores of training cases. What lies under a name is of the same
weights and the same part of the split: anything else goes, and only when told. Files above the limits are not copied:
their entry keeps recipe and checksum.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..models import weights
from ..results.atomic import write_bytes, write_text
from ..results.metrics import derive
from ..results.parts import read_part, to_bytes, to_frame
from ..results.record import LIST_COLUMNS, SCHEMA
from ..results.reference_records import file_name
from ..results.store import Store, load_units
from .errors import BenchError, UsageProblem
from .model_card import card
from .provenance import read_run
from .recipe_file import safe_name
from .shipped import PACKAGE, WEIGHTS, Reference, references, write_references

if TYPE_CHECKING:
    import pandas as pd

NCA_BYTES = 300_000
NETWORK_BYTES = 2_000_000
RECORDS = "results/reference"
RECORDS_BYTES = 300_000
ROBUSTNESS_BYTES = 3_000_000


def add(file: Path, run: Path, *, name: str | None = None, root: Path = PACKAGE, replace: bool = False) -> list[Path]:
    """Add weights to the reference weights of a package's folder.

    Args:
        file: trained weights.
        run: a run folder that scored them.
        name: of the entry; MODEL-RECIPE-TASK, and -sSEED where the seed is not 0, when None.
        root: the package's folder.
        replace: put another file, or scores of another part, in the place of an entry of that name and all its records.

    Returns:
        The files written.

    Raises:
        BenchError: the file is not one of ours, or the run is not fit to stand for it; says which and why.
    """
    model, metadata = _read(file)
    data, digest = file.read_bytes(), weights.digest(model)
    recipe, task = str(metadata["recipe"]["name"]), str(metadata["task"])
    frame, suite, on_disk = _scores(run, digest, file, task=task)
    seed = int(metadata["seed"])
    chosen = _name(model.name, recipe, task, seed) if name is None else name
    if not safe_name(chosen):
        raise UsageProblem(f"--name is {chosen!r}; it may hold letters, digits and - _ . only")
    entry = Reference(
        name=chosen,
        model=model.name,
        recipe=recipe,
        task=task,
        seed=seed,
        threads=metadata["threads"],
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        weights=digest,
        shipped=len(data) <= (NCA_BYTES if model.stochastic else NETWORK_BYTES),
    )
    known = references(root)
    if chosen in known and known[chosen].sha256 != entry.sha256 and not replace:
        raise UsageProblem(f"{chosen}: other weights have this name; give another --name, or --replace")
    stale = _others(root / RECORDS, chosen, digest, part=str(frame["split"].iloc[0]))
    if stale and not replace:
        raise UsageProblem(
            f"{stale[0]}: of other weights or another part; give another --name, or --replace to drop it"
        )
    text = card(entry, metadata, frame, on_disk=on_disk)
    clean = suite if suite.startswith("accuracy") else "accuracy-v1"
    kept = {clean: _packed(_records(run, digest), limit=RECORDS_BYTES, run=run)}
    if suite.startswith("robustness"):
        kept[suite] = _packed(_records(run, digest, perturbed=True), limit=ROBUSTNESS_BYTES, run=run)
    for path in stale:
        path.unlink()
    written = [write_text(root / WEIGHTS / f"{chosen}.md", text)]
    written += [write_bytes(root / RECORDS / file_name(chosen, one), data) for one, data in kept.items()]
    copy = root / WEIGHTS / f"{chosen}.safetensors"
    if entry.shipped:
        written.append(write_bytes(copy, data))
    else:
        copy.unlink(missing_ok=True)
    return [*written, write_references(known | {chosen: entry}, root)]


def _read(file: Path) -> tuple[Any, dict[str, Any]]:
    try:
        model, metadata = weights.load(file)
    except (OSError, ValueError) as error:
        raise BenchError(str(error)) from error
    wanted = ("recipe", "task", "seed", "phantom", "labels", "train_cases", "updates", "threads")
    if missing := [word for word in wanted if word not in metadata]:
        raise BenchError(f"{file}: says nothing of {', '.join(missing)}; use weights written by `mednca-bench train`")
    if metadata["phantom"]:
        raise BenchError(f"{file}: was trained on a phantom; reference weights are trained on real data")
    return model, metadata


def _scores(run: Path, digest: str, file: Path, *, task: str) -> tuple[pd.DataFrame, str, str]:
    """The clean records of the weights with metrics, the suite, and how many volumes of the part there were, as "n".

    Raises:
        BenchError: they may not stand for the weights; says why.
    """
    info = read_run(run)
    if not info or info.get("phantom") is not False:
        raise BenchError(f"{run}: not a run on real data; scores on a phantom say nothing of MRI")
    if info.get("scored_train_cases"):
        raise BenchError(f"{run}: scored training cases; score another part of the split")
    suite = str(info.get("suite", ""))
    if not re.fullmatch(r"(accuracy|robustness)-v\d+", suite):
        raise BenchError(f"{run}: its suite is '{suite}'; score the weights by an accuracy or a robustness suite alone")
    frame = derive(to_frame(_records(run, digest))).drop(columns=list(LIST_COLUMNS))
    if frame.empty:
        raise BenchError(f"{run}: has no clean score of {file} (weights {digest[:12]}); run it with --weights {file}")
    if others := set(frame["task"]) - {task}:
        raise BenchError(f"{run}: scored {', '.join(sorted(others))}; score {file} on {task}, which it was trained for")
    if (units := load_units(run)) is None:
        raise BenchError(f"{run}: does not say what it intended to score; run the suite again into this folder")
    intended = set(units.loc[(units["weights"] == digest) & (units["passes"] == 1), "key"])
    if lost := intended - Store(run).keys():
        raise BenchError(f"{run}: {len(lost)} answers of {file} are not scored; finish the run first")
    found = info.get("cases_on_disk", {}).get(str(frame["split"].iloc[0]))
    if found is None:
        raise BenchError(f"{run}: does not say how many volumes there were; run the suite again into this folder")
    return frame, suite, str(found).partition(" ")[0]


def _others(folder: Path, name: str, digest: str, *, part: str) -> list[Path]:
    """The record files under a name that are of other weights, or of another part of the split."""
    found = [path for path in sorted(folder.glob("*.parquet")) if path.stem.rpartition(".")[0] == name]
    frames = {path: to_frame(read_part(path)) for path in found}
    wanted = ({digest}, {part})
    return [path for path, frame in frames.items() if (set(frame["weights"]), set(frame["split"])) != wanted]


def _packed(records: Any, *, limit: int, run: Path) -> bytes:
    data = to_bytes(records, level=19)
    if len(data) > limit:
        raise BenchError(f"{run}: its records of these weights take {len(data):,} bytes, above {limit:,}")
    return data


def _records(run: Path, digest: str, *, perturbed: bool = False) -> Any:
    """The clean single passes of some weights, or the perturbed ones too, as an Arrow table, sorted by (key, label)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pa.concat_tables([SCHEMA.empty_table(), *(read_part(part, verify=True) for part in Store(run).parts())])
    mine = pc.and_(pc.equal(table["weights"], digest), pc.equal(table["passes"], 1))
    if not perturbed:
        mine = pc.and_(mine, pc.equal(table["severity"], 0))
    kept = table.filter(mine).sort_by([("key", "ascending"), ("label", "ascending")])
    return kept.replace_schema_metadata(SCHEMA.metadata)


def _name(model: str, recipe: str, task: str, seed: int) -> str:
    organ = task.partition("_")[2].lower() or task.lower()
    return f"{model}-{recipe}-{organ}" + (f"-s{seed}" if seed else "")
