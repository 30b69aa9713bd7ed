"""Sites that really run: every worker is a process, every file is on disk."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.sandbox.hosting import Isolation
from tests.sandbox.hosting.account import SiteOfAlice

Open = Callable[..., SiteOfAlice]


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Open]:
    """Opens a hosting with options of one's own, on one data folder."""
    sites: list[SiteOfAlice] = []

    def opening(isolation: Isolation = "none", **options: Any) -> SiteOfAlice:
        sites.append(SiteOfAlice(tmp_path / "data", isolation, **options))
        return sites[-1]

    yield opening
    for site in sites:
        site.hosting.close()


@pytest.fixture
def site(open_site: Open) -> SiteOfAlice:
    return open_site()
