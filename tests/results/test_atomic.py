"""Atomic writes: the old file or the new one, nothing in between, nothing left over."""

import errno
import os
from pathlib import Path

import pytest

from mednca_bench.results.atomic import write_bytes, write_text


def test_writes_and_makes_folders(tmp_path: Path) -> None:
    path = write_text(tmp_path / "deep" / "er" / "a.txt", "Größe\n")
    assert path.read_bytes() == "Größe\n".encode()
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_new_file_has_the_mode_open_gives(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    assert write_text(tmp_path / "atomic", "").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, call: str
) -> None:
    path = write_text(tmp_path / "a.txt", "old")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(failure)) as caught:
        write_bytes(path, b"new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    if isinstance(caught.value, OSError):
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError) as caught:
        write_text(tmp_path / "file" / "a.txt", "x")
    assert caught.value.filename == str(tmp_path / "file" / "a.txt")
