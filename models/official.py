"""The authors' checkpoints of Med-NCA: two files of PyTorch, `model0.pth` (coarse) and `model1.pth` (fine).

Each holds a state dict with fc0, fc1, p0 and p1 of one level. The authors swap the last two axes of the grid before a
convolution, so their kernels stand turned over the diagonal; they are turned back here. Their `rand > rate` lets a cell
fire with probability 1 - rate. Source: MECLabTUDA/Med-NCA. Files are read as tensors only: code in them is refused.
"""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from . import build
from .base import Segmenter

FILES = ("model0.pth", "model1.pth")
STEPS, FIRE_RATE = 16, 0.5  # of the authors' tutorial
_MOST_BYTES = 2**26
_MOST_CHANNELS, _MOST_HIDDEN = 1024, 8192
_KERNELS = ("p0.weight", "p1.weight")


def is_official(folder: Path) -> bool:
    """Whether a folder holds both files."""
    return all((folder / name).is_file() for name in FILES)


def load_official(folder: Path, *, steps: int = STEPS, fire_rate: float = FIRE_RATE) -> Segmenter:
    """Read a checkpoint of one image channel and one output.

    Args:
        folder: holds `model0.pth` and `model1.pth`.
        steps: updates per level; the files do not say.
        fire_rate: the authors': a cell fires with probability 1 - fire_rate.

    Returns:
        `med-nca` with the checkpoint's channels and hidden width, in evaluation mode, in our orientation.

    Raises:
        ValueError: a file is missing, too large, no state dict of tensors, holds code, or tensors do not fit; one line.
    """
    if not 0.0 <= fire_rate < 1.0:
        raise ValueError(f"fire rate {fire_rate} is outside [0, 1); the official rule fires with 1 - rate")
    levels = [_read(folder / name) for name in FILES]
    sizes = [_sizes(tensors, folder / name) for tensors, name in zip(levels, FILES, strict=True)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"{folder}: the two levels differ in channels, hidden width or kernel: {sizes[0]}, {sizes[1]}")
    channels, hidden, kernel = sizes[0]
    model = build(
        "med-nca", channels=channels, hidden=hidden, kernel_size=kernel, steps=steps, fire_rate=1.0 - fire_rate
    )
    ours = {
        f"levels.{level}.{name}": tensor.transpose(2, 3).contiguous() if name in _KERNELS else tensor
        for level, tensors in enumerate(levels)
        for name, tensor in tensors.items()
    }
    model.load_state_dict(ours)
    return model.eval()


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of one file."""
    if not path.is_file():
        raise ValueError(f"{path}: no such file; an official checkpoint is a folder with {' and '.join(FILES)}")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path}: {path.stat().st_size} bytes are too many for a level of Med-NCA; name another")
    try:
        with warnings.catch_warnings():  # of a pickle's protocol; a file that cannot be read says so itself
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path}: refused, holds something other than tensors; use a plain state dict") from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: cannot be read, truncated or no PyTorch file; restore it") from error
    if not isinstance(content, Mapping) or not all(isinstance(tensor, Tensor) for tensor in content.values()):
        raise ValueError(f"{path}: is no state dict of tensors; use a file written by torch.save(model.state_dict())")
    return {str(name): tensor for name, tensor in content.items()}


def _sizes(tensors: Mapping[str, Tensor], path: Path) -> tuple[int, int, int]:
    """Channels, hidden width and kernel of a level, read from its shapes; everything is checked against them."""
    try:
        hidden, seen = tensors["fc0.weight"].shape
        kernel = tensors["p0.weight"].shape[-1]
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(f"{path}: has no fc0.weight (hidden, 3 C) and p0.weight (C, C, k, k)") from error
    channels = seen // 3
    if not (2 <= channels <= _MOST_CHANNELS and 1 <= hidden <= _MOST_HIDDEN and kernel in (3, 5, 7)):
        raise ValueError(f"{path}: channels {channels}, hidden {hidden} or kernel {kernel} is out of range")
    square = (channels, channels, kernel, kernel)
    expected = {
        "fc0.weight": (hidden, 3 * channels),
        "fc0.bias": (hidden,),
        "fc1.weight": (channels, hidden),
        "p0.weight": square,
        "p0.bias": (channels,),
        "p1.weight": square,
        "p1.bias": (channels,),
    }
    for name in sorted(expected.keys() ^ tensors.keys()):
        raise ValueError(f"{path}: tensor {name!r} is {'missing' if name in expected else 'unknown'}")
    for name, shape in expected.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape or tensor.dtype != torch.float32:
            raise ValueError(f"{path}: tensor {name!r} is {tensor.dtype} {tuple(tensor.shape)}, not float32 {shape}")
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{path}: tensor {name!r} holds numbers that are not finite")
    return channels, hidden, kernel
