"""`export` as typed."""

import json
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest

from mednca_bench.benchmark.cli import main
from mednca_bench.models import build, weights
from mednca_bench.models.contract import awakened
from tests.models.export.c_library import compiled


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    model = awakened(build("med-nca-16", channels=5, hidden=4, steps=2, precision="bfloat16"))
    path.write_bytes(weights.to_bytes(model, metadata={}))
    return path


def typed(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(["export", *map(str, words)])
    return (int(caught.value.code or 0), *capsys.readouterr())


def test_c_source_compiles_and_runs(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "c"
    words = ("--format", "c", "--weights-type", "int8", "--out", out, "--name", "net")
    code, text, error = typed(capsys, "--weights", trained, *words)
    assert code == 0 and "bfloat16 does not apply" in error
    assert text.split() == [str(out / name) for name in ("net.c", "net.h", "net_main.c", "README.md")]
    (tmp_path / "in.pgm").write_bytes(b"P5\n9 8\n255\n" + bytes(range(72)))
    subprocess.run([compiled(out), tmp_path / "in.pgm", tmp_path / "out.pgm"], check=True)
    assert (tmp_path / "out.pgm").stat().st_size == len(b"P5\n9 8\n255\n") + 72
    assert "| 256 x 256 |" in (out / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("how", [(), ("--unrolled",)], ids=str)
def test_onnx_graph_loads(
    how: tuple[str, ...], trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, _ = typed(capsys, "--weights", trained, "--format", "onnx", "--out", tmp_path / "o", *how)
    assert (code, text) == (0, f"{tmp_path / 'o' / 'med_nca_16.onnx'}\n")
    session = onnxruntime.InferenceSession(tmp_path / "o" / "med_nca_16.onnx")
    assert [each.name for each in session.get_inputs()] == ["image", "fire_coarse", "fire_fine"]


def test_a_bundle_of_two_times_itself(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(trained.read_bytes())
    out = tmp_path / "bundle"
    code, text, _ = typed(capsys, "--weights", trained, "--weights", other, "--format", "bundle", "--out", out)
    assert code == 0 and all(Path(line).is_file() for line in text.splitlines())
    assert len(list(out.glob("models/*/c/*_timer.c"))) == 2
    words = ["--side", "16", "--seconds", "0.01", "--out", str(tmp_path / "result.json")]
    done = subprocess.run([sys.executable, str(out / "run.py"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "result.json").read_text())["rows"]
    assert len(rows) == 4  # in C and in Python


def test_what_does_not_go_together(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ("--out", tmp_path / "o")
    code, _, error = typed(capsys, "--weights", trained, "--format", "onnx", "--weights-type", "int8", *out)
    assert code == 2 and "--weights-type int8 goes with --format c only" in error
    code, _, error = typed(capsys, "--weights", trained, "--weights", trained, "--format", "onnx", *out)
    assert code == 2 and "--format onnx takes one --weights file, not 2" in error
    code, _, error = typed(capsys, "--weights", trained, "--format", "bundle", "--name", "x", *out)
    assert code == 2 and "--name goes with --format c and onnx" in error
    code, _, error = typed(capsys, "--weights", trained, "--format", "c", "--unrolled", *out)
    assert code == 2 and "--unrolled goes with --format onnx only" in error
    other = tmp_path / "unet.safetensors"
    other.write_bytes(weights.to_bytes(build("unet-small"), metadata={}))
    code, _, error = typed(capsys, "--weights", other, "--format", "c", *out)
    assert code == 1 and "for Med-NCA only, not for unet-small; use --format onnx" in error
    other.write_bytes(b"no weights")
    code, _, error = typed(capsys, "--weights", other, "--format", "c", *out)
    assert code == 1 and str(other) in error
    assert not (tmp_path / "o").exists()
