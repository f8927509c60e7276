"""The C side of a device bundle: each model's source with a timer around it, and a Makefile for all.

A model's program needs a C compiler and POSIX, no Python: what the result file says of the model, and the golden slice,
are compiled in, so a program compiled across can be carried alone. `bundle.h` holds the bundle's hash and is therefore
no part of what is hashed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.base import FireKey
from ..models.med_nca import MedNCA

CFiles = Callable[[MedNCA], Mapping[str, str]]  # text by file name: NAME.c, NAME.h and others that are not needed here

FLAGS = "-std=c99 -O3"
FASTER = "-march=native -ffp-contract=fast"
_TEMPLATES = ("timer.c", "rounds.c", "rounds.h", "result.c", "result.h", "machine.c", "machine.h")
_ROW = ("model", "label", "weights", "parameters", "weight_bytes")  # of model.json, as they stand in a result's row
_LINE = 8  # numbers


def c_source(
    given: Mapping[str, str], about: Mapping[str, Any], key: FireKey, image: NDArray[Any], logits: NDArray[Any]
) -> dict[str, str]:
    """Put a timer around an exported model.

    Args:
        given: the exported files; NAME.c and NAME.h are taken.
        about: the content of model.json.
        key: of the golden slice.
        image: the golden slice, (channels, H, W).
        logits: its logits by PyTorch, (outputs, H, W).

    Returns:
        Text by file name. `bundle.h` is still to be written beside them.
    """
    (header,) = (name for name in given if name.endswith(".h"))
    name = header.removesuffix(".h")
    files = {header: given[header], f"{name}.c": given[f"{name}.c"]}
    for template in _TEMPLATES:
        text = (resources.files(f"{__package__}.device") / f"{template}.in").read_text(encoding="utf-8")
        files[f"{name}_{template}"] = text.replace("@NAME@", name).replace("@UPPER@", name.upper())
    files[f"{name}_about.h"] = _about(about)
    files[f"{name}_golden.h"] = _golden(key, image, logits)
    return files


def bundle_header(digest: str) -> str:
    """Give `bundle.h`: the hash that a result file names."""
    return f'#define BUNDLE_SHA256 "{digest}"\n'


def makefile(labels: Sequence[str]) -> str:
    """Write a Makefile that builds time-LABEL for each label, and runs them by `make time`."""
    programs = " ".join(f"time-{label}" for label in labels)
    rules = "\n".join(map(_rule, labels))
    runs = "\n".join(f"\t./time-{label}" for label in labels)
    return f"""# make: build {programs}; make time: run them too. README.md says how to compile across.
FLAGS = {FLAGS}
FASTER = {FASTER}

all: {programs}

{rules}
time: all
{runs}

clean:
\trm -f {programs}

.PHONY: all time clean
"""


def _rule(label: str) -> str:
    """Build with the faster flags, or without where the compiler does not know them."""
    build = f"$(CC) {{0}} '-DTIMER_FLAGS=\"{{0}}\"' models/{label}/c/*.c -o $@ -lm"
    return f"""time-{label}: models/{label}/c/*.[ch]
\t{build.format("$(FLAGS) $(FASTER)")} || \\
\t{build.format("$(FLAGS)")}
"""


def _about(about: Mapping[str, Any]) -> str:
    """What the program says of the model, as JSON ready to be printed."""
    words: dict[str, Any] = {name: about[name] for name in _ROW}
    words["steps"] = about["shape"]["steps"]
    row = json.dumps(words)[1:-1]
    return f"#define TIMER_LABEL {c_string(about['label'])}\n#define TIMER_ROW {c_string(row)}\n"


def c_string(text: str) -> str:
    r"""Write ASCII as a C string; `?` too, since two of them begin a trigraph.

    >>> print(c_string('a "b" \\ ??'))
    "a \"b\" \\ \?\?"
    """
    for letter in '\\"?':
        text = text.replace(letter, f"\\{letter}")
    return f'"{text}"'


def _golden(key: FireKey, image: NDArray[Any], logits: NDArray[Any]) -> str:
    numbers = {
        "HEIGHT": image.shape[1],
        "WIDTH": image.shape[2],
        "SEED": f"UINT64_C({key.seed})",
        "CASE_0": f"UINT32_C(0x{key.case[:8]})",
        "CASE_1": f"UINT32_C(0x{key.case[8:16]})",
        "SLICE": key.slice,
    }
    lines = [f"#define GOLDEN_{name} {number}" for name, number in numbers.items()]
    return "\n".join([*lines, _array("golden_image", image), _array("golden_logits", logits)]) + "\n"


def _array(name: str, values: NDArray[Any]) -> str:
    words = [f"{number!s}f" for number in values.astype(np.float32).ravel()]
    lines = [", ".join(words[start : start + _LINE]) for start in range(0, len(words), _LINE)]
    return f"static const float {name}[] = {{\n" + ",\n".join(lines) + "\n};"


__all__ = ["FASTER", "FLAGS", "CFiles", "bundle_header", "c_source", "c_string", "makefile"]
