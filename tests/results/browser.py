"""The browser in which the report is looked at: the chromium that is installed, offline and with a fresh profile."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser; the test is skipped, with the reason, where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no chromium on PATH: `apt-get install chromium`, as .ci/run does")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: install the extra `test`")
    state = random.getstate()
    with api.sync_playwright() as driver:
        random.setstate(state)  # playwright draws the name of its connection from the global generator
        browser = driver.chromium.launch(executable_path=found, args=_FLAGS)
        yield browser
        browser.close()
