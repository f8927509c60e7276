"""A device bundle: a folder that times Med-NCA on another machine that has Python, or a C compiler, and nothing else.

Layout: `run.py`, `device/` (benchmark/device as it is), `bundle.json`, `README.md`, and for each model `models/LABEL/`
with `model.json` (its sizes, its tensors' places), `weights.f32` (raw little-endian float32), a golden slice with its
logits, and, where given, `c/` with its C source and a timer (bundle_c.py), which the `Makefile` builds.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import __version__
from ..models import weights
from ..models.base import FireKey, Segmenter, parameter_count
from ..models.med_nca import MedNCA
from ..results.atomic import write_bytes
from .bundle_c import FASTER, FLAGS, CFiles, bundle_header, c_source, makefile
from .errors import BenchError

BUNDLE_VERSION = 1
GOLDEN_SIZE = (16, 20)  # small for plain Python, and no square
GOLDEN_KEY = FireKey(seed=1, case=hashlib.sha256(b"golden").hexdigest(), slice=3)

_RUN = '''#!/usr/bin/env python3
"""Time the models of this folder on this machine; see README.md."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from device.main import main

sys.exit(main(HERE))
'''


def write_bundle(files: Sequence[Path], out: Path, *, c_files: CFiles | None = None) -> list[Path]:
    """Write a bundle.

    Args:
        files: weights files of Med-NCA models.
        out: a folder that does not exist or is empty.
        c_files: writes a model as C source, as `models.export.c_source.c_files` does; None leaves C out.

    Returns:
        The files written.

    Raises:
        BenchError: a file is no weights file of a Med-NCA, two have one label, or `out` holds something.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BenchError(f"{out}: is not an empty folder; give another --out")
    models = [(_label(path), *_load(path)) for path in files]
    labels = [label for label, _, _ in models]
    for label in labels:
        if labels.count(label) > 1:
            raise BenchError(f"two weights files are called '{label}'; rename one")
    content = {f"models/{label}/{name}": data for label, model, digest in models
               for name, data in _model_files(label, model, digest, c_files).items()}  # fmt: skip
    for source in resources.files(f"{__package__}.device").iterdir():
        if source.name.endswith(".py"):
            content[f"device/{source.name}"] = source.read_bytes()
    about = {"format": "mednca-device-bundle", "version": BUNDLE_VERSION, "mednca_bench": __version__, "models": labels}
    digest = hashlib.sha256()
    for name in sorted(content):
        digest.update(f"{name}\n{hashlib.sha256(content[name]).hexdigest()}\n".encode())
    content["bundle.json"] = _json({**about, "sha256": digest.hexdigest()})
    content["run.py"] = _RUN.encode()
    if c_files is not None:
        content |= {f"models/{label}/c/bundle.h": bundle_header(digest.hexdigest()).encode() for label in labels}
        content["Makefile"] = makefile(labels).encode()
    content["README.md"] = _readme(labels, c=c_files is not None).encode()
    return [write_bytes(out / name, data) for name, data in content.items()]


def _label(path: Path) -> str:
    """A folder's name for a weights file: its own, or for `weights.safetensors` its folder's."""
    stem = path.resolve().parent.name if path.stem == "weights" else path.stem
    return re.sub(r"[^A-Za-z0-9._-]+", "_", stem).strip(".") or "model"


def _load(path: Path) -> tuple[MedNCA, str]:
    try:
        model, _ = weights.load(path)
    except (OSError, ValueError) as error:
        raise BenchError(str(error)) from error
    if not isinstance(model, MedNCA):
        raise BenchError(f"{path}: holds weights of {model.name}; a device bundle runs Med-NCA only")
    return model, weights.digest(model)


def _model_files(label: str, model: MedNCA, digest: str, c_files: CFiles | None) -> dict[str, bytes]:
    """The files of one model by name."""
    tensors: list[dict[str, Any]] = []
    flat: list[bytes] = []
    start = 0
    for name, tensor in model.state_dict().items():
        values = np.ascontiguousarray(tensor.numpy(), dtype="<f4")
        tensors.append({"name": name, "shape": list(values.shape), "start": start, "count": values.size})
        flat.append(values.tobytes())
        start += values.size
    data = b"".join(flat)
    image, logits = golden(model)
    shape = model.rule_shape
    about: dict[str, Any] = {
        "model": model.name,
        "label": label,
        "weights": digest,
        "parameters": parameter_count(model),
        "weight_bytes": len(data),
        "file_sha256": hashlib.sha256(data).hexdigest(),
        "shape": {
            "in_channels": model.in_channels,
            "out_channels": model.out_channels,
            "channels": shape.channels,
            "hidden": shape.hidden,
            "kernel": shape.kernel,
            "steps": model.steps,
            "scale": model.scale,
            "limit": model.limit,
            "minimum": model.minimum,
        },
        "tensors": tensors,
        "golden": {"size": list(GOLDEN_SIZE), **asdict(GOLDEN_KEY)},
    }
    source = c_source(c_files(model), about, GOLDEN_KEY, image, logits) if c_files else {}
    about["c"] = {"sources": sorted(name for name in source if name.endswith(".c"))} if source else None
    return {
        "model.json": _json(about),
        "weights.f32": data,
        "golden-image.f32": image.astype("<f4").tobytes(),
        "golden-logits.f32": logits.astype("<f4").tobytes(),
        **{f"c/{name}": text.encode() for name, text in source.items()},
    }


def golden(model: Segmenter) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A slice of noise and the model's logits for it, both (channels, H, W).

    Raises:
        BenchError: the logits are all alike, as those of an untrained model: then they would check nothing.
    """
    image = np.random.default_rng(0).random((1, model.in_channels, *GOLDEN_SIZE), dtype=np.float32)
    with torch.inference_mode():
        logits = model(torch.from_numpy(image), keys=[GOLDEN_KEY]).numpy()
    if np.ptp(logits) == 0:
        raise BenchError(f"model {model.name} answers every image with {logits.flat[0]}; bundle trained weights")
    return image[0], logits[0]


def _json(words: Mapping[str, Any]) -> bytes:
    return (json.dumps(words, indent=1) + "\n").encode()


def _readme(labels: Sequence[str], *, c: bool) -> str:
    ways = "in plain Python and, where there is a C compiler, as C" if c else "in plain Python"
    return f"""# Time Med-NCA on this machine

Models: {", ".join(labels)}. Stop what else runs first.

## With Python 3.8 or newer

Needs nothing else; runs the models {ways}.

    python3 run.py                    # checks the answers, times, writes device-result.json
    python3 run.py --runner python --side 32
    python3 run.py --help
{_readme_c(labels) if c else ""}
## Then

Carry the result back:

    mednca-bench import-device RUN device-result*.json
"""


def _readme_c(labels: Sequence[str]) -> str:
    """The bundle's page on its C programs, with the line that stands for `make`."""
    lines = "\n".join(f"    cc {FLAGS} {FASTER} models/{label}/c/*.c -o time-{label} -lm" for label in labels)
    runs = "\n".join(f"    ./time-{label:30}# checks, times, writes device-result-{label}.json" for label in labels)
    return f"""
## With a C compiler, without Python

Needs C99 and POSIX. Build by `make`, or without make:

{lines}

then

{runs}
    ./time-{labels[0]} --side 64 --seconds 30 --out FILE
    ./time-{labels[0]} --help

The file is written again after each side: stopping early keeps what was measured. A program that gives another answer
than PyTorch on the slice it carries says so, writes nothing and ends with code 1. It needs no other file, so it can be
compiled on another machine and carried alone. For a Raspberry Pi B+ (ARMv6):

    make clean all CC=arm-linux-gnueabi-gcc FASTER=-ffp-contract=fast \\
        FLAGS='-static -std=c99 -O3 -marm -march=armv6 -mfpu=vfp -mfloat-abi=softfp'
"""


__all__ = ["GOLDEN_KEY", "GOLDEN_SIZE", "golden", "write_bundle"]
