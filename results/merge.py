"""Merging run folders: what several machines, or several commands, scored of one task and part becomes one run.

Parts are named by their content, so a merge is their union. Before anything is written, everything is checked: the runs
hold one task, part, split and kind of data; no (key, label) has two different records; no answer has two keys, which
would mean that data or code changed between the runs. Files are written one by one, each atomically and run.json last:
a merge killed half-way is finished by the same command, and done twice it changes nothing.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .atomic import write_bytes
from .merge_checks import all_units, check_answers, check_records
from .merge_provenance import merged_description, read_description
from .parts import read_part
from .store import Store, write_units
from .table_efficiency import RAW


@dataclass(frozen=True)
class Merged:
    """What a merge did: the folder, its records, parts and units, and how many files were written anew."""

    folder: Path
    units: int
    done: int
    written: int


def merge(runs: Sequence[Path], out: Path, *, command: str) -> Merged:
    """Merge run folders into `out`, which is made, or holds an earlier merge.

    Args:
        runs: two or more run folders.
        out: none of them.
        command: for run.json, as typed.

    Raises:
        FileNotFoundError: a run is no folder.
        ValueError: the runs cannot be merged; names them and what differs. Nothing was written.
        OSError: `out` cannot be written; names the file.
    """
    folders = _distinct(runs, out)
    descriptions = [read_description(folder) for folder in folders]
    before = read_description(out) if out.is_dir() else {}
    if before and "merged" not in before:
        raise ValueError(f"{out}: holds a run of its own; give another --out")
    content = merged_description([*_earlier(before), *_described(folders, descriptions)], command=command)
    sources = [*folders, *([out] if out.is_dir() else [])]
    check_records(sources)
    units = all_units(sources)
    check_answers(units, sources)
    written = sum([*_copy_parts(folders, out), _merge_failures(sources, out), *_copy_timings(folders, out)])
    written += _copy_examples(folders, out)
    rows: list[Any] = units.to_dict("records")
    previous = (out / "units.parquet").read_bytes() if (out / "units.parquet").exists() else b""
    written += write_units(out, rows).read_bytes() != previous
    written += _write_new(out / "run.json", (json.dumps(content, indent=1) + "\n").encode())
    done = len(Store(out).keys() & set(units["key"]))
    return Merged(out, int(units["key"].nunique()), done, written)


def _distinct(runs: Sequence[Path], out: Path) -> list[Path]:
    folders = list({folder.resolve(): folder for folder in runs}.values())
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such run folder")
        if folder.resolve() == out.resolve():
            raise ValueError(f"{out}: is one of the runs to merge; give another --out")
        if not Store(folder).parts():
            raise ValueError(f"{folder}: holds no records; name a folder that `mednca-bench run` wrote")
    if len(folders) < 2:
        raise ValueError("one run cannot be merged; name two or more run folders")
    return folders


def _earlier(before: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(entry) for entry in before.get("merged", []) if isinstance(entry, dict)]


def _described(folders: Sequence[Path], descriptions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The run.json of each run, of a merge those it was made of, with the folder's name where it has none."""
    found = []
    for folder, description in zip(folders, descriptions, strict=True):
        found += _earlier(description) or [{"folder": folder.resolve().name, **description}]
    return found


def _copy_parts(folders: Sequence[Path], out: Path) -> list[bool]:
    written = []
    for folder in folders:
        for part in Store(folder).parts():
            target = out / "records" / part.name
            if not target.exists():
                read_part(part, columns=["key"], verify=True)
                write_bytes(target, part.read_bytes())
                written.append(True)
    return written


def _merge_failures(sources: Sequence[Path], out: Path) -> bool:
    """Failures of all runs, each once; those of `out` first, so that a second merge changes nothing."""
    lines = {
        json.dumps(entry, ensure_ascii=False): None
        for folder in (*sources[-1:], *sources[:-1])
        for entry in Store(folder).failures()
    }
    if not lines:
        return False
    return _write_new(out / "failures.jsonl", "".join(f"{line}\n" for line in lines).encode())


def _copy_timings(folders: Sequence[Path], out: Path) -> list[bool]:
    """Timings of two machines are both kept: a second one of the same name gets its hash into the name."""
    written = []
    for folder in folders:
        for source in sorted((folder / "efficiency").glob("*.json")):
            data = source.read_bytes()
            target = out / "efficiency" / source.name
            if target.exists() and target.read_bytes() != data:
                ending = RAW if source.name.endswith(RAW) else ".json"
                stem = source.name.removesuffix(ending)
                target = target.with_name(f"{stem}-{hashlib.sha256(data).hexdigest()[:8]}{ending}")
            written.append(_write_new(target, data))
    return written


def _copy_examples(folders: Sequence[Path], out: Path) -> bool:
    """The example slices of the first run that has any."""
    for folder in folders:
        if not (out / "examples.npz").exists() and (folder / "examples.npz").is_file():
            return _write_new(out / "examples.npz", (folder / "examples.npz").read_bytes())
    return False


def _write_new(path: Path, data: bytes) -> bool:
    """Write a file unless it has these bytes already."""
    if path.exists() and path.read_bytes() == data:
        return False
    write_bytes(path, data)
    return True
