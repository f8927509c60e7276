"""`export`: a trained model as C source, as an ONNX graph, or several as a folder that times itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .cli_weights import WeightsWord
from .errors import BenchError, UsageProblem
from .progress import say

if TYPE_CHECKING:
    from ..models.base import Segmenter

FORMATS = ("c", "onnx", "bundle")
WEIGHT_TYPES = ("float32", "int8")


@click.command()
@click.option(
    "--weights",
    "paths",
    required=True,
    multiple=True,
    type=WeightsWord(),
    metavar="NAME|FILE",
    help="Trained weights: a name of `list weights`, or what `train` writes; repeatable for a bundle.",
)
@click.option(
    "--format", "kind", required=True, type=click.Choice(FORMATS), help="C99 source, an ONNX graph, or a device bundle."
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Folder.")
@click.option("--name", help="Prefix of the files and of C names. Default: the model's name.")
@click.option(
    "--weights-type",
    type=click.Choice(WEIGHT_TYPES),
    default=WEIGHT_TYPES[0],
    show_default=True,
    help="How C source holds the weights.",
)
@click.option("--unrolled", is_flag=True, help="Write an ONNX graph's NCA steps out: slower to load, faster to run.")
@click.option("--plugin", "plugins", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
              help="Python file that registers the model.")  # fmt: skip
def export(
    paths: tuple[Path, ...],
    kind: str,
    out: Path,
    name: str | None,
    weights_type: str,
    unrolled: bool,
    plugins: tuple[Path, ...],
) -> None:
    """Write a trained model for use without PyTorch.

    As C99 source, as an ONNX graph, or as a bundle: a folder that times its models on a machine that has Python or a C
    compiler, or both, and nothing else; `import-device` takes what it measured into a run folder.
    """
    from ..models import weights
    from .plugins import load_plugins

    if kind != "c" and weights_type != WEIGHT_TYPES[0]:
        raise UsageProblem(f"--weights-type {weights_type} goes with --format c only")
    if unrolled and kind != "onnx":
        raise UsageProblem("--unrolled goes with --format onnx only")
    load_plugins(plugins)
    if kind == "bundle":
        if name is not None:
            raise UsageProblem("--name goes with --format c and onnx; a bundle calls models by their weights files")
        written = _write_bundle(paths, out)
    elif len(paths) > 1:
        raise UsageProblem(f"--format {kind} takes one --weights file, not {len(paths)}; give them one by one")
    else:
        model, _ = weights.load(paths[0])
        if kind == "c":
            written = _write_c(model, out, name=name, weights_type=weights_type)
        else:
            written = _write_onnx(model, out, name=name, unrolled=unrolled)
    for file in written:
        click.echo(str(file))


def _write_c(model: Segmenter, out: Path, *, name: str | None, weights_type: str) -> list[Path]:
    from ..models.export.c_source import c_files
    from ..models.med_nca import MedNCA
    from ..results.atomic import write_text

    if not isinstance(model, MedNCA):
        raise BenchError(f"--format c: written for Med-NCA only, not for {model.name}; use --format onnx")
    if model.short:
        say("C source computes in float32; the model's precision bfloat16 does not apply")
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for file, text in c_files(model, name=name, weight_type=weights_type).items():
        paths.append(out / file)
        write_text(paths[-1], text)
    return paths


def _write_bundle(paths: tuple[Path, ...], out: Path) -> list[Path]:
    from ..models.export.c_source import c_files
    from .bundle import write_bundle

    return write_bundle(paths, out, c_files=c_files)


def _write_onnx(model: Segmenter, out: Path, *, name: str | None, unrolled: bool) -> list[Path]:
    from ..models.export.c_source import identifier
    from ..results.atomic import write_bytes

    try:
        from ..models.export.onnx_graph import onnx_bytes
    except ModuleNotFoundError as error:
        raise BenchError(f"--format onnx: {error.name} is not installed; pip install 'mednca-bench[onnx]'") from error
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{identifier(name or model.name)}.onnx"
    write_bytes(path, onnx_bytes(model, unrolled=unrolled))
    return [path]
