"""Download one file over HTTP, going on from a partial one.

MONAI's own `download_url` downloads to a temporary folder and loses it when interrupted, so a 27 GB task would start
from zero; here the part stays beside the target and an HTTP range request asks for the rest. A server that does not
answer ranges sends the whole file again.
"""

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Protocol

from .errors import BenchError
from .progress import progress

CHUNK = 1 << 20  # bytes read at a time
TIMEOUT = 60.0  # seconds without a byte before giving up


class _Response(Protocol):
    """What urllib answers with, for HTTP and file URLs."""

    headers: http.client.HTTPMessage
    status: int | None

    def read(self, amount: int) -> bytes: ...

    def close(self) -> None: ...


def download(url: str, part: Path) -> None:
    """Download `url` to `part`, going on after the bytes already there.

    Raises:
        BenchError: no network, a refusal of the server, a transfer that broke off; what arrived stays in `part`.
    """
    have = part.stat().st_size if part.exists() else 0
    response = _open(url, have)
    if response is None:  # the server has nothing after these bytes
        return
    resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
    have = have if resumed else 0
    total = have + int(response.headers.get("Content-Length", 0))
    try:
        with part.open("ab" if resumed else "wb") as file:
            _copy(response, file, name=part.name.removesuffix(".part"), done=have, total=total)
    except (http.client.HTTPException, TimeoutError, ConnectionError, urllib.error.URLError) as error:
        raise _broken(url, part, total=total, reason=str(error) or type(error).__name__) from error
    finally:
        response.close()
    if total > part.stat().st_size:
        raise _broken(url, part, total=total, reason="the connection was closed")


def _open(url: str, have: int) -> _Response | None:
    """The response from byte `have` on; None where the server says that there is no such byte."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response: _Response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if have and error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None
        raise BenchError(f"{url}: the server answers {error.code} {error.reason}; try again later") from error
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise BenchError(f"{url}: cannot be reached ({reason}); check the network") from error
    return response


def _copy(response: _Response, file: IO[bytes], *, name: str, done: int, total: int) -> None:
    """Copy the body, with progress in MB."""
    megabyte = 1_000_000
    with progress(f"downloading {name} (MB)", total=max(1, total // megabyte), done=done // megabyte) as meter:
        shown = done // megabyte
        while block := response.read(CHUNK):
            file.write(block)
            done += len(block)
            meter.advance(done // megabyte - shown)
            shown = done // megabyte


def _broken(url: str, part: Path, *, total: int, reason: str) -> BenchError:
    have = part.stat().st_size if part.exists() else 0
    return BenchError(
        f"{url}: broke off after {have} of {total} bytes ({reason}); run the same command to go on from there"
    )
