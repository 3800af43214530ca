"""A real Chromium for the tests of pages; Debian's, as no other can be had without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@contextmanager
def running() -> Iterator[Browser]:
    """Without Chromium the test is skipped, and fails in continuous integration, where `.ci/run` installs it."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if not program and os.environ.get("CI"):
        pytest.fail("no chromium: see .ci/run")
    if not program:
        pytest.skip("no chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)  # headless, in a new profile
        yield browser
        browser.close()
