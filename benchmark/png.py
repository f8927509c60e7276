"""PNG slices as volumes of one slice, and masks back to PNG.

A picture's columns run along X from the left, its rows along Y from the bottom up, so that plots with X to the right
and Y up show it as a viewer does. A PNG has no size in mm: its spacing is 1, so distances are in pixels.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataProblem
from .nifti import REPLACE, Volume

_PLAIN = ("1", "L", "I", "I;16", "I;16B", "F")  # modes of one grey channel, 1 to 32 bits
_GREY = "save it in grey values, 8 or 16 bits"


def is_png(path: Path) -> bool:
    """Whether a file's name says PNG."""
    return path.suffix.casefold() == ".png"


def read_png(path: Path) -> Volume:
    """Read a PNG as a volume (X, Y, 1) of the values it stores.

    Grey pictures of 1, 8 or 16 bits, and colour pictures of 8 bits whose channels are equal.

    Raises:
        DataProblem: not a PNG, truncated, of another depth, in colours, transparent, or with a palette that has
            one grey twice.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=["PNG"]) as picture:
                _check_depth(path)
                picture.load()
                if picture.mode == "P":
                    _check_palette(picture, path)
                pixels = np.array(picture) if picture.mode in _PLAIN else _grey(picture.convert("RGBA"), path)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataProblem(path, f"cannot be read, truncated or not PNG ({error})", REPLACE) from error
    return Volume(path, np.ascontiguousarray(pixels[::-1].T)[..., np.newaxis], (1.0, 1.0, 1.0), np.eye(4))


def _check_depth(path: Path) -> None:
    """Refuse depths whose values Pillow would scale or cut."""
    with path.open("rb") as file:
        start = file.read(26)
    depth, colour = start[24], start[25]
    if (colour == 0 and depth in (2, 4)) or (colour in (2, 4, 6) and depth == 16):
        raise DataProblem(path, f"has {depth} bits {'a colour' if colour else 'of grey'}", _GREY)


def _check_palette(picture: Any, path: Path) -> None:
    """Refuse a palette by which two of the values that are used would become one."""
    used = np.unique(np.array(picture))
    colours = np.array(picture.getpalette("RGBA")).reshape(-1, 4)[used]
    if len(np.unique(colours, axis=0)) < len(used):
        raise DataProblem(path, "has a palette that shows several values alike", _GREY)


def _grey(picture: Any, path: Path) -> NDArray[np.uint8]:
    """The one value of each pixel of an RGBA picture, where it has but one."""
    red, green, blue, opacity = np.moveaxis(np.array(picture), -1, 0)
    if not (np.array_equal(red, green) and np.array_equal(green, blue)):
        raise DataProblem(path, "is a colour picture", _GREY)
    if opacity.min() < 255:
        raise DataProblem(path, "is transparent in places", _GREY)
    plain: NDArray[np.uint8] = red
    return plain


def png_bytes(slice_: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """A slice (X, Y) as a grey PNG; `read_png` gives it back."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(slice_.T[::-1])).save(stream, format="PNG")
    return stream.getvalue()
