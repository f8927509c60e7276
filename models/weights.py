"""Weights as safetensors bytes: tensors and JSON, nothing that can run when it is read.

The file's metadata names the model, its channels and options, so that the file alone makes the network again.
"""

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from . import build
from .base import Segmenter

FORMAT = "mednca-bench weights"
VERSION = 1
ENTRY = "mednca_bench"  # one entry, since safetensors writes several in no fixed order
MOST_HEADER_BYTES = 100_000_000  # as safetensors allows
HEADER_BYTES = 8  # safetensors: length of the JSON header, little-endian, then the header


def to_bytes(model: Segmenter, *, metadata: dict[str, Any]) -> bytes:
    """Write a model.

    Args:
        model: any model `build` can make again from its name and options.
        metadata: JSON-able; returned by `from_bytes`.

    Returns:
        A safetensors file.
    """
    words = {
        "format": FORMAT,
        "version": VERSION,
        "model": model.name,
        "in_channels": model.in_channels,
        "out_channels": model.out_channels,
        "options": model.options,
        "metadata": metadata,
    }
    data: bytes = save_tensors(_tensors(model), metadata={ENTRY: json.dumps(words, sort_keys=True)})
    return data


def load(path: Path, **options: Any) -> tuple[Segmenter, dict[str, Any]]:
    """Read a model and its metadata from a file; arguments, result and errors otherwise as `from_bytes`.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not one of ours or does not fit the model it names; one line with the path.
    """
    return from_bytes(path.read_bytes(), source=str(path), **options)


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a file without its tensors.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not one of ours; one line with the path.
    """
    with path.open("rb") as file:
        length = file.read(HEADER_BYTES)
        head = length + file.read(min(int.from_bytes(length, "little"), MOST_HEADER_BYTES))
    metadata: dict[str, Any] = _header(head, str(path))["metadata"]
    return metadata


def from_bytes(data: bytes, *, source: str = "weights", **options: Any) -> tuple[Segmenter, dict[str, Any]]:
    """Read a model and its metadata, in evaluation mode on the CPU.

    Args:
        data: what `to_bytes` gave.
        source: how error messages call it.
        options: used instead of the file's, for instance `precision="bfloat16"`.

    Raises:
        ValueError: if the bytes are truncated, of another format or version, name an unknown model, lack a tensor, have
            one too many or of another shape or type, or hold a number that is not finite.
    """
    words = _header(data, source)
    try:
        tensors = load_tensors(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{source}: damaged safetensors file ({_line(error)})") from error
    try:
        model = build(
            words["model"],
            in_channels=words["in_channels"],
            out_channels=words["out_channels"],
            **(words["options"] | options),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{source}: cannot make its model ({_line(error)})") from error
    _fit(tensors, _tensors(model), source)
    model.load_state_dict(tensors, strict=False)  # second names of a tensor are missing; _fit found no others
    return model.eval(), words["metadata"]


def digest(model: nn.Module) -> str:
    """Hash names, shapes, types and bytes of all tensors; SHA-256 in hexadecimal digits."""
    hasher = hashlib.sha256()
    for name, tensor in sorted(_tensors(model).items()):
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hasher.update(tensor.view(-1).view(torch.uint8).numpy().tobytes())
    return hasher.hexdigest()


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    """List each tensor once, under its first name; PyPI unet registers every layer twice."""
    seen: set[int] = set()
    found: dict[str, Tensor] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            found[name] = tensor.detach().cpu().contiguous()
    return found


def _header(data: bytes, source: str) -> dict[str, Any]:
    """Read the metadata of a safetensors file."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        text = json.loads(data[HEADER_BYTES : HEADER_BYTES + length])["__metadata__"][ENTRY]
        words = dict(json.loads(text))
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{source}: not a weights file of mednca-bench, or truncated") from error
    if words.get("format") != FORMAT or words.get("version") != VERSION:
        raise ValueError(
            f"{source}: format {words.get('format')!r} version {words.get('version')!r}; expected {VERSION}"
        )
    if not isinstance(words.get("metadata"), dict):
        raise ValueError(f"{source}: its metadata is not an object")
    return words


def _fit(given: dict[str, Tensor], expected: dict[str, Tensor], source: str) -> None:
    """Raise ValueError at the first tensor that is missing, unknown, of another shape or type, or not finite."""
    for name in sorted(expected.keys() ^ given.keys()):
        raise ValueError(f"{source}: tensor {name!r} is {'missing' if name in expected else 'unknown to the model'}")
    for name, tensor in given.items():
        wanted = expected[name]
        if tensor.shape != wanted.shape or tensor.dtype != wanted.dtype:
            raise ValueError(
                f"{source}: tensor {name!r} is {tensor.dtype} {tuple(tensor.shape)}; "
                f"expected {wanted.dtype} {tuple(wanted.shape)}"
            )
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ValueError(f"{source}: tensor {name!r} holds numbers that are not finite")


def _line(error: Exception) -> str:
    """Shorten an error to one line."""
    return " ".join(str(error).split())
