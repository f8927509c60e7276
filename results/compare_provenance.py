"""What differs between two run.json files, a line each: code, versions, data, weights, perturbations, machine."""

import json
from collections.abc import Mapping, Sequence
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
_WHAT: Final = ("code", "versions", "data", "weights", "machine")


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, ...]:
    """A line per difference, `what: first | second`; when there is none, one line on what is the same, or is unknown.

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
    return tuple(lines) or (_agreement(first, second),)


def _agreement(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """What two runs without a difference have in common, as far as both say it."""
    known = _told(first) & _told(second)
    same, unknown = ([what for what in _WHAT if (what in known) == told] for told in (True, False))
    if not unknown:
        return f"provenance: the same {_listed(same)}"
    where = "run.json does not tell of it in both"
    if not same:
        return f"provenance is unknown ({_listed(unknown)}): {where}"
    return f"provenance: the same {_listed(same)}; unknown, since {where}: {_listed(unknown)}"


def _told(run: Mapping[str, Any]) -> set[str]:
    """Which of `_WHAT` a run.json tells of."""
    facts = {name for name, value in _facts(run).items() if value}
    models = run.get("models")
    entries = [entry for entry in models if isinstance(entry, dict)] if isinstance(models, list) else []
    told = {
        "code": bool({"mednca_bench", "git_revision"} & facts),
        "versions": any(name.startswith("versions ") for name in facts),
        "data": "data_sha256" in facts,
        "weights": bool(entries) and all(entry.get("weights") for entry in entries),
        "machine": any(name.startswith("machine ") for name in facts),
    }
    return {what for what, known in told.items() if known}


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


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
