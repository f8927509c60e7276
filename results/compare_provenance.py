"""What differs between two run.json files, a line each: code, versions, data, weights, perturbations, machine."""

import json
from collections.abc import Mapping
from typing import Any, Final

_PLAIN: Final = (
    "mednca_bench", "git_revision", "suite", "task", "phantom", "split", "split_sha256", "data_sha256",
    "scored_train_cases",
)  # fmt: skip
_TABLES: Final = ("seeds", "versions", "machine")
_CONTESTANT: Final = ("recipe", "weights", "preprocess", "parameters", "train_cases")
_SHOWN: Final = 60
"""Characters of a value; hashes and tables are cut."""

ABSENT: Final = "–"


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
    """A line per difference, `what: first | second`; one line that says so when there is none.

    Example:
        >>> differences({"versions": {"torch": "2.4"}}, {"versions": {"torch": "2.5"}})
        ('versions torch: 2.4 | 2.5',)
    """
    if not first or not second:
        return ("provenance is unknown: run.json is missing",)
    one, two = _facts(first), _facts(second)
    both = one.keys() & two.keys()
    names = [name for name in dict.fromkeys([*one, *two]) if name in both or not name.startswith("perturbation ")]
    lines = [
        f"{name}: {_words(one.get(name))} | {_words(two.get(name))}" for name in names if one.get(name) != two.get(name)
    ]
    return tuple(lines) or ("provenance: the same code, versions, data, weights and machine",)


def _facts(run: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: run[name] for name in _PLAIN if name in run}
    cases = run.get("cases")
    if isinstance(cases, list):
        facts["cases"] = len(cases)
    for table in _TABLES:
        if isinstance(run.get(table), dict):
            facts |= {f"{table} {name}": value for name, value in run[table].items()}
    families = run.get("perturbations")
    if isinstance(families, dict):
        facts["perturbations"] = ", ".join(families)
        facts |= {f"perturbation {name}": table for name, table in families.items()}
    models = run.get("models")
    for entry in models if isinstance(models, list) else []:
        if isinstance(entry, dict):
            who = f"{entry.get('model')} seed {entry.get('train_seed')}"
            facts |= {f"{who} {name}": entry[name] for name in _CONTESTANT if name in entry}
    return facts


def _words(value: Any) -> str:
    if value is None:
        return ABSENT
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) == 64 and set(text) <= set("0123456789abcdef"):
        return text[:12]
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
