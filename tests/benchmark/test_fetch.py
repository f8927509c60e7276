"""Fetching from a server on this machine: resumed, checked, refused when unsafe, explained when it fails."""

import errno
import hashlib
import http.server
import io
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mednca_bench.benchmark import download as download_module
from mednca_bench.benchmark import fetch as fetch_module
from mednca_bench.benchmark.archive import extract
from mednca_bench.benchmark.errors import BenchError, UsageProblem
from mednca_bench.benchmark.fetch import fetch
from mednca_bench.benchmark.task import open_task

Folder = Callable[..., Any]
NAME = "Task05_Prostate"


@dataclass
class Server:
    """One file over HTTP, with what the tests turn on and off."""

    content: bytes = b""
    ranges: bool = True  # answers range requests
    breaks_after: int | None = None  # bytes of a body after which the connection is closed
    status: int | None = None  # answered instead of the file
    asked: list[str] = field(default_factory=list)  # the Range header of each request
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{NAME}.tar"


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            state.asked.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            if state.status or start >= len(state.content) > 0:
                self.send_error(state.status or 416)
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.breaks_after])

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        state.port = httpd.server_address[1]
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield state
        httpd.shutdown()
        thread.join()


def tar_bytes(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.fixture
def archive(msd_folder: Folder) -> bytes:
    """The archive of a small task, with the litter macOS leaves in the real ones."""
    folder = msd_folder(2, name=NAME)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(folder.root, arcname=NAME)
        tar.addfile(member(f"._{NAME}"))
        tar.addfile(member(f"{NAME}/imagesTr/._case_001.nii.gz"))
    return buffer.getvalue()


@pytest.fixture
def published(server: Server, archive: bytes, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server offers the archive, and the table names it with its checksum."""
    server.content = archive
    md5 = hashlib.md5(archive, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(fetch_module, "source", lambda _: (server.url, md5))
    return server


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "root"


def test_a_task_is_downloaded_checked_and_extracted(published: Server, root: Path) -> None:
    folder = fetch("prostate", root=root)
    assert folder == root / NAME
    assert open_task(folder).ids == ("case_001", "case_002")
    assert not list(root.rglob("._*"))
    assert sorted(path.name for path in root.iterdir()) == [NAME, f"{NAME}.tar"]
    assert fetch("Task05_Prostate", root=root) == folder
    assert len(published.asked) == 1


def test_a_complete_archive_is_not_downloaded_again(published: Server, archive: bytes, root: Path) -> None:
    root.mkdir(parents=True)
    (root / f"{NAME}.tar").write_bytes(archive)
    fetch("prostate", root=root)
    assert published.asked == []


def test_a_broken_download_goes_on_where_it_stopped(published: Server, archive: bytes, root: Path) -> None:
    published.breaks_after = 1000
    with pytest.raises(BenchError, match=rf"broke off after 1000 of {len(archive)} bytes .*same command to go on"):
        fetch("prostate", root=root)
    part = root / f"{NAME}.tar.part"
    assert part.read_bytes() == archive[:1000]
    with pytest.raises(BenchError, match=rf"broke off after 2000 of {len(archive)} bytes"):
        fetch("prostate", root=root)
    published.breaks_after = None
    assert open_task(fetch("prostate", root=root)).ids == ("case_001", "case_002")
    assert published.asked == ["", "bytes=1000-", "bytes=2000-"]
    assert not part.exists()


def test_a_server_without_ranges_sends_all_again(published: Server, archive: bytes, root: Path) -> None:
    root.mkdir(parents=True)
    (root / f"{NAME}.tar.part").write_bytes(archive[:1000])
    published.ranges = False
    fetch("prostate", root=root)
    assert (root / f"{NAME}.tar").read_bytes() == archive


def test_a_part_that_is_already_complete_is_only_checked(published: Server, archive: bytes, root: Path) -> None:
    root.mkdir(parents=True)
    (root / f"{NAME}.tar.part").write_bytes(archive)
    fetch("prostate", root=root)
    assert published.asked == [f"bytes={len(archive)}-"]


def test_a_wrong_checksum_deletes_the_download(published: Server, archive: bytes, root: Path) -> None:
    published.content = archive[:-1] + b"x"
    with pytest.raises(BenchError, match=r"the download's MD5 is not [0-9a-f]{32}, so it was deleted; fetch again"):
        fetch("prostate", root=root)
    assert list(root.iterdir()) == []


def test_an_archive_placed_by_hand_must_have_the_checksum(published: Server, root: Path) -> None:
    root.mkdir(parents=True)
    (root / f"{NAME}.tar").write_bytes(b"something else")
    with pytest.raises(BenchError, match=r"Task05_Prostate\.tar: MD5 is not .*delete it and fetch again"):
        fetch("prostate", root=root)
    assert (root / f"{NAME}.tar").read_bytes() == b"something else"


def test_an_interrupted_extraction_starts_again(published: Server, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: Path, folder: Path) -> None:
        (folder / NAME).mkdir()
        (folder / NAME / "half").write_bytes(b"")
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch_module, "extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch("prostate", root=root)
    assert not (root / NAME).exists()
    monkeypatch.setattr(fetch_module, "extract", extract)
    leftover = root / f".extracting-{NAME}" / NAME
    leftover.mkdir(parents=True)
    (leftover / "from a killed process").write_bytes(b"")
    folder = fetch("prostate", root=root)
    assert open_task(folder).ids == ("case_001", "case_002")
    assert not (folder / "from a killed process").exists()
    assert len(published.asked) == 1


def test_no_network_names_the_url_and_where_to_put_the_archive(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://127.0.0.1:9/Task05_Prostate.tar"  # the discard port: nobody answers
    monkeypatch.setattr(fetch_module, "source", lambda _: (url, "0" * 32))
    with pytest.raises(BenchError) as caught:
        fetch("prostate", root=root)
    message = str(caught.value)
    assert message.startswith(f"{url}: cannot be reached")
    assert f"place the archive by hand at {root / (NAME + '.tar')}" in message
    assert "\n" not in message


def test_a_refusal_of_the_server_is_told(published: Server, root: Path) -> None:
    published.status = 403
    with pytest.raises(BenchError, match="the server answers 403 Forbidden"):
        fetch("prostate", root=root)


def test_a_file_url_works_too(archive: bytes, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mirror.tar").write_bytes(archive)
    md5 = hashlib.md5(archive, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(fetch_module, "source", lambda _: ((tmp_path / "mirror.tar").as_uri(), md5))
    assert open_task(fetch("prostate", root=root)).ids == ("case_001", "case_002")


def test_an_unknown_task_offers_the_nearest(root: Path) -> None:
    with pytest.raises(UsageProblem, match="did you mean 'prostate'"):
        fetch("prostat", root=root)
    assert not root.exists()


def test_a_folder_without_dataset_json_is_left_alone(published: Server, root: Path) -> None:
    (root / NAME).mkdir(parents=True)
    with pytest.raises(BenchError, match=r"exists without dataset\.json; move it away"):
        fetch("prostate", root=root)
    assert published.asked == []


def test_another_archive_with_the_right_checksum_is_refused(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.content = tar_bytes((member("Task02_Heart/dataset.json"), b"{}"))
    md5 = hashlib.md5(server.content, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(fetch_module, "source", lambda _: (server.url, md5))
    with pytest.raises(BenchError, match=r"holds no Task05_Prostate/dataset\.json"):
        fetch("prostate", root=root)
    assert [path.name for path in root.iterdir()] == [f"{NAME}.tar"]


def test_a_full_disk_names_the_folder(published: Server, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download_module, "_copy", full)
    with pytest.raises(BenchError, match=r"root: cannot write there \(No space left on device\); free some space"):
        fetch("prostate", root=root)


EVIL: dict[str, tuple[tarfile.TarInfo, str]] = {
    "absolute path": (member("/tmp/evil"), "would be written outside"),
    "parent folder": (member("../evil"), "would be written outside"),
    "parent folder, hidden": (member("a/../../evil"), "would be written outside"),
    "backslashes": (member("..\\evil"), "would be written outside"),
    "drive letter": (member("C:/evil"), "would be written outside"),
    "symbolic link inside": (member("a/link", tarfile.SYMTYPE, "../b"), "is a link to '../b'"),
    "symbolic link out": (member("a/link", tarfile.SYMTYPE, "../../etc"), "is a link to '../../etc'"),
    "symbolic link to root": (member("link", tarfile.SYMTYPE, "/etc"), "is a link to '/etc'"),
    "hard link out": (member("link", tarfile.LNKTYPE, "../secret"), "is a link to '../secret'"),
    "device": (member("null", tarfile.CHRTYPE), "is a device or a pipe"),
    "pipe": (member("pipe", tarfile.FIFOTYPE), "is a device or a pipe"),
}


@pytest.mark.parametrize(("evil", "message"), EVIL.values(), ids=EVIL.keys())
def test_an_archive_that_would_write_outside_is_refused_before_anything_is_written(
    tmp_path: Path, evil: tarfile.TarInfo, message: str
) -> None:
    (tmp_path / "evil.tar").write_bytes(tar_bytes((member("innocent"), b"1"), (evil, b"")))
    (tmp_path / "into").mkdir()
    with pytest.raises(BenchError, match=f"{message}.*refused, nothing was extracted") as caught:
        extract(tmp_path / "evil.tar", tmp_path / "into")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "into").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.tar", "into"]


def test_a_chain_of_links_that_look_innocent_is_refused(tmp_path: Path) -> None:
    members = (
        (member("a", tarfile.SYMTYPE, "."), b""),
        (member("a/b", tarfile.SYMTYPE, ".."), b""),
        (member("a/b/evil"), b"x"),
    )
    (tmp_path / "evil.tar").write_bytes(tar_bytes(*members))
    (tmp_path / "into" / "here").mkdir(parents=True)
    with pytest.raises(BenchError, match=r"member 'a' is a link to '\.'; refused"):
        extract(tmp_path / "evil.tar", tmp_path / "into" / "here")
    assert [path.name for path in (tmp_path / "into").rglob("*")] == ["here"]


@pytest.mark.parametrize("content", [b"", b"not a tar at all" * 100])
def test_what_is_no_tar_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.tar").write_bytes(content)
    with pytest.raises(BenchError, match=r"bad\.tar: not a complete tar archive"):
        extract(tmp_path / "bad.tar", tmp_path)


def test_a_truncated_tar_is_named(tmp_path: Path, archive: bytes) -> None:
    (tmp_path / "bad.tar").write_bytes(archive[: len(archive) // 3])
    (tmp_path / "into").mkdir()
    with pytest.raises(BenchError, match=r"bad\.tar: not a complete tar archive"):
        extract(tmp_path / "bad.tar", tmp_path / "into")
