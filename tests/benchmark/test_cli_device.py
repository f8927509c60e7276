"""`ladder` and `import-device` as typed; nothing is measured."""

import json
from pathlib import Path
from typing import Any

import pytest

from mednca_bench.benchmark import ladder as ladder_module
from mednca_bench.benchmark.cli import main
from mednca_bench.results import plots


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Type a command: exit code, standard output and error. A ladder's rungs are all 128 pixels."""
    asked: list[Any] = []

    def measure(request: Any, *, caps: tuple[int, ...], note: Any) -> dict[str, Any]:
        asked.append((request, caps))
        rows = [{"cap_mb": cap, "largest_side": 128, "stopped_by": "memory", "baseline_mb": 600.0} for cap in caps]
        found = {"label": request.label, "model": request.model, "threads": 1, "method": "a cap", "rows": rows}
        path = request.out / "ladder" / f"{request.file_label}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found))
        note("128 MB: 128")
        return found

    monkeypatch.setattr(ladder_module, "measure_ladder", measure)
    monkeypatch.setattr(plots, "write", lambda folder, **options: [])
    monkeypatch.chdir(tmp_path)

    def type_(*words: str) -> tuple[int, str, str, list[Any]]:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        return (caught.value.code, *capsys.readouterr(), asked)

    return type_


def test_ladder(typed, tmp_path):
    code, out, err, asked = typed("ladder", "--model", "med-nca", "--cap", "512", "--cap", "128", "--out", "there")
    assert code == 0, err
    ((request, caps),) = asked
    assert caps == (128, 512) and request.options == {"steps": 16} and request.threads == 1
    assert "| med-nca-quick |" in out and "128 MB" in out
    assert (tmp_path / "there" / "tables" / "memory_ladder.csv").is_file()


def test_ladder_of_an_unknown_model(typed):
    code, _, err, _ = typed("ladder", "--model", "med-nka")
    assert code == 2 and "did you mean 'med-nca'" in err


def test_import_device(typed, tmp_path):
    from tests.results.test_device_json import GOOD

    (tmp_path / "r.json").write_text(json.dumps(GOOD))
    code, out, err, _ = typed("import-device", "run", "r.json")
    assert code == 0, err
    assert "r.json: run/efficiency/device-mine-C-64x64-" in err.replace("\\", "/")
    assert "Raspberry Pi Model B Plus" in out


def test_import_of_something_else(typed, tmp_path):
    (tmp_path / "r.json").write_text('{"format": "x"}')
    code, _, err, _ = typed("import-device", "run", "r.json")
    assert code == 1 and err.count("\n") == 1 and "r.json: is no device result" in err
    assert not (tmp_path / "run").exists()
