"""What was typed, checked before the work: where the answers are to go."""

import pytest

from mednca_bench.benchmark.cli import main
from mednca_bench.benchmark.cli_checks import place_to_write
from mednca_bench.benchmark.errors import UsageProblem


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--out", "afile/x.safetensors"),
        ("ladder", "--out", "afile/x"),
        ("stability", "--out", "afile"),
        ("data", "calibrate", "--task", "phantom", "--out", "afile/x"),
    ],
    ids=lambda words: words[0],
)
def test_an_out_inside_a_file_is_refused_before_the_work(words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MEDNCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "afile").touch()
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "") and "afile is a file, no folder; give another --out" in err
    assert not (tmp_path / "cache").exists()


def test_what_is_not_there_yet_is_a_place(tmp_path, monkeypatch):
    place_to_write(tmp_path / "a/b/c")
    place_to_write(tmp_path / "a/b.safetensors", file=True)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UsageProblem, match="is not writable; give another --out"):
        place_to_write(tmp_path / "a/b/c")
