"""Keys: SHA-256 over everything that can change a result, as canonical JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """Compact JSON with sorted keys; refuses NaN and anything that is not plain data."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def key(**parts: Any) -> str:
    """The SHA-256 hex digest of the named parts.

    >>> key(severity=1, case="a") == key(case="a", severity=1)
    True
    """
    return hashlib.sha256(canonical(parts).encode()).hexdigest()
