"""The page: one HTML file that needs nothing else, with a policy that forbids it to ask for anything.

Style and script are inline and allowed by their hashes; pictures are data URIs; there is no island of JSON, the script
reads the tables it sorts.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from ... import __version__
from ..run_info import RunInfo, read_run_info
from ..table import Table
from .cautions import warnings
from .figures import pictures
from .fragment import ROWS, block
from .summary import chapters
from .templates import environment, text_of

_ORDER: Final = (
    "table1",
    "accuracy",
    "reproduction",
    "robustness_summary",
    "robustness_by_severity",
    "ranks",
    "pairwise",
    "efficiency",
    "subjects",
    "data",
)
"""Tables in the order in which they are read; others follow before the last of them."""


def page(folder: Path, tables: Mapping[str, Table]) -> str:
    """The whole page.

    Args:
        folder: the run folder.
        tables: from `tables.build`.

    Raises:
        ValueError: run.json is damaged; names it and the remedy.
    """
    info = read_run_info(folder)
    phantom = info.phantom is True or any(
        bool(table.frame["phantom"].any()) for table in tables.values() if not table.of_training
    )
    style, script = text_of("report.css"), text_of("report.js")
    shown = [tables[name] for name in sorted(tables, key=_place) if len(tables[name].shown.columns)]
    return environment().get_template("report.html.jinja").render(
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        info=info,
        title=_title(info),
        version=__version__,
        marks=info.marks(phantom=phantom),
        chapters=chapters(tables),
        warnings=warnings(tables),
        pictures=pictures(folder, tables),
        blocks=[block(table, rows=ROWS) for table in shown],
        facts=_facts(folder),
        everything=_everything(folder),
    )  # fmt: skip


def _title(info: RunInfo) -> str:
    return ", ".join(filter(None, [info.suite or "mednca-bench run", info.task, info.split])) + " – report"


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}"


def _place(name: str) -> tuple[float, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER) - 1.5, name)


def _run_json(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content if isinstance(content, dict) else {}


def _facts(folder: Path) -> list[tuple[str, str]]:
    """What run.json tells of where the numbers come from, in the order in which one asks for it."""
    run = _run_json(folder)
    cases = run.get("cases_on_disk")
    facts = {
        "Suite": run.get("suite"),
        "Task": run.get("task"),
        "Part of the split": run.get("split"),
        "Cases on disk": ", ".join(f"{part} {count}" for part, count in cases.items())
        if isinstance(cases, dict)
        else "",
        "Data": run.get("data"),
        "SHA-256 of the data": run.get("data_sha256"),
        "SHA-256 of the split": run.get("split_sha256"),
        "mednca-bench": run.get("mednca_bench"),
        "Revision": run.get("git_revision"),
        "Seeds": _words(run.get("seeds")),
        "Machine": _words(run.get("machine")),
        "Versions": _words(run.get("versions")),
    }
    facts |= {f"Weights of {name}": sha for name, sha in _weights(run.get("models"))}
    return [(word, str(value)) for word, value in facts.items() if value]


def _weights(models: Any) -> list[tuple[str, str]]:
    entries = [entry for entry in models if isinstance(entry, dict)] if isinstance(models, list) else []
    return [
        (f"{entry.get('model')} (seed {entry.get('train_seed', '?')})", str(entry["weights"]))
        for entry in entries
        if "weights" in entry
    ]


def _words(value: Any) -> str:
    """A flat mapping as "name value, name value"; what is nested stays in run.json."""
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    return ", ".join(f"{name} {part}" for name, part in value.items() if not isinstance(part, dict))


def _everything(folder: Path) -> str:
    run = _run_json(folder)
    return json.dumps(run, indent=1, ensure_ascii=False) if run else ""
