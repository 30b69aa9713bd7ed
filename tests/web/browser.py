"""Headless Chromium as Debian packages it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_chromium = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="needs /usr/bin/chromium (apt-get install chromium)"
)
PHONE = (390, 844)
DESKTOP = (1280, 900)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


def shoot(page: Page, name: str, folder: Path) -> None:
    """A picture of the whole page, in `folder` and where DEPLOYER_SCREENSHOTS says."""
    for where in (folder, os.environ.get("DEPLOYER_SCREENSHOTS")):
        if where:
            Path(where).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(where) / f"{name}.png", full_page=True)
