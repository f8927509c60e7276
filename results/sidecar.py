"""RUN/plots/NAME.json: what stands behind a figure, so that a number in a paper can be traced to its records.

`sources_sha256` has the SHA-256 of every file that the figure is drawn from: of its tables' CSV as `tables.write`
leaves them, or of examples.npz; "" for a table that would be drawn from and that the run has not. `source` is the file
with the figure's rows, `source_sha256` its hash. `records_sha256` is that of the run's records of the same task, part
and kind of data: of the lines "KEY LABEL", sorted, each with a newline; a record's key hashes everything that can
change it. No record stands behind a figure of trainings: 0 and "".
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from .drawings import Drawing
from .figure_sources import file_of, sha256_of
from .run_info import RunInfo
from .scored import Scope
from .store import Store
from .table import Table

if TYPE_CHECKING:
    import pandas as pd


class Sidecars:
    """Writes what stands behind each figure of one run."""

    def __init__(self, folder: Path, tables: Mapping[str, Table], info: RunInfo) -> None:
        self._folder, self._tables, self._info = folder, tables, info

    def text(self, drawing: Drawing, *, marks: tuple[str, ...]) -> str:
        """The sidecar of a figure, as JSON."""
        count, digest = (0, "") if drawing.of_training else self._records(drawing.scope)
        files = [file_of(source) for source in drawing.sources]
        hashes = {file: sha256_of(file, folder=self._folder, tables=self._tables) for file in files}
        content: dict[str, Any] = {
            "figure": drawing.name,
            "title": drawing.what,
            "caption": drawing.caption,
            "alt": drawing.alt,
            "marks": list(marks),
            "task": drawing.scope.task,
            "split": drawing.scope.split,
            "phantom": drawing.scope.phantom,
            "source": files[0],
            "source_sha256": hashes[files[0]],
            "sources_sha256": hashes,
            "records": count,
            "records_sha256": digest,
            "suite": self._info.suite,
            "command": self._info.command,
            "mednca_bench": __version__,
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    @cached_property
    def _keys(self) -> "pd.DataFrame":
        return Store(self._folder).load(["task", "split", "phantom"])

    def _records(self, scope: Scope) -> tuple[int, str]:
        keys = self._keys
        mine = (keys["task"] == scope.task) & (keys["split"] == scope.split) & (keys["phantom"] == scope.phantom)
        rows = keys[mine].sort_values(["key", "label"])
        lines = "".join(f"{key} {label}\n" for key, label in zip(rows["key"], rows["label"], strict=True))
        return len(rows), hashlib.sha256(lines.encode("utf-8")).hexdigest()
