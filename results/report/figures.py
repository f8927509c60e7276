"""The figures of a run as the page embeds them: as data URIs, with the words of their sidecars.

Only figures that were drawn from the tables and examples the run has now are taken: the sidecar's hashes tell.
"""

import base64
import io
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..figure_sources import sha256_of
from ..table import Table

_LOG = logging.getLogger(__name__)

SVG_BYTES: Final = 600_000
"""An SVG larger than this is embedded as PNG, so that the page stays small enough to be sent."""

PNG_BYTES: Final = 1_000_000
"""A PNG larger than this is embedded as JPEG of half its resolution and quality `JPEG_QUALITY`."""

JPEG_QUALITY: Final = 80

_ORDER: Final = (
    "severity_curves",
    "delta_dice",
    "slopes",
    "ranks",
    "dice_",
    "risk",
    "equivariance",
    "cases",
    "examples",
)


@dataclass(frozen=True)
class Picture:
    """One figure: `uri` holds the picture itself; `width` and `height` are pixels of its PNG."""

    name: str
    title: str
    caption: str
    alt: str
    uri: str
    width: int
    height: int


def pictures(folder: Path, tables: Mapping[str, Table]) -> tuple[Picture, ...]:
    """The figures in RUN/plots that show the present tables, in the order in which they are read."""
    found = []
    for path in sorted((folder / "plots").glob("*.json"), key=lambda path: (_place(path.stem), path.stem)):
        about = _sidecar(path)
        if about is None or not _is_fresh(about["sources_sha256"], folder, tables):
            _LOG.info("%s is not in the report: it was drawn from other tables than the run has now", path.stem)
            continue
        png = path.with_suffix(".png").read_bytes()
        svg = path.with_suffix(".svg").read_bytes()
        kind, data = ("svg+xml", svg) if len(svg) <= SVG_BYTES else _compact(png)
        uri = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
        width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
        title, caption, alt = (str(about[key]) for key in ("title", "caption", "alt"))
        found.append(Picture(path.stem, title, caption, alt, uri, width, height))
    return tuple(found)


def _compact(png: bytes) -> tuple[str, bytes]:
    """The PNG, or where it is large a JPEG of half its resolution, which is that of a plain screen."""
    if len(png) <= PNG_BYTES:
        return "png", png
    from PIL import Image

    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").reduce(2).save(buffer, format="JPEG", quality=JPEG_QUALITY)
    return "jpeg", buffer.getvalue()


def _place(name: str) -> int:
    return next((place for place, start in enumerate(_ORDER) if name.startswith(start)), len(_ORDER))


def _sidecar(path: Path) -> dict[str, Any] | None:
    """The sidecar; None where it or a picture beside it cannot be read as such."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    whole = isinstance(content, dict) and {"title", "caption", "alt", "sources_sha256"} <= content.keys()
    return content if whole and all(path.with_suffix(end).is_file() for end in (".png", ".svg")) else None


def _is_fresh(hashes: Any, folder: Path, tables: Mapping[str, Table]) -> bool:
    """Whether all that a figure was drawn from is in the run as it was; false for a sidecar that does not say."""
    if not isinstance(hashes, dict) or not hashes:
        return False
    return all(sha256_of(str(file), folder=folder, tables=tables) == digest for file, digest in hashes.items())
