"""Deployments, bad ones and ways back, one after the other, while visitors ask all the time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import RolledBack
from deployer.model.site import FileRules, HealthCheck, ReleaseRules, StaticMapping, WebAppSettings
from deployer.sandbox import Switches
from tests.deployment.stage import UNLIMITED, Stage, stage
from tests.system.visitors import Sight, Visitor, all_asking, version

TARGET = "/home/alice/mysite"
ANSWERS = 8
"""How many each visitor sees of a version at the least, before the next deployment begins."""


@contextmanager
def site(
    folder: Path, *, releases: bool, workers: int = 1, switches: Switches = UNLIMITED
) -> Iterator[Stage]:
    """Its static files are mapped to a folder of the site's root, as `[[static]] path = "static/"` does."""
    root = f"{TARGET}/current" if releases else TARGET
    with stage(
        folder,
        workers=workers,
        switches=switches,
        wsgi="wsgi.py",
        webapp=WebAppSettings() if releases else WebAppSettings(source_directory=TARGET),
        files=FileRules(links="keep" if releases else "copy"),
        releases=ReleaseRules(keep=3) if releases else None,
        static=(StaticMapping(url="/static/", path=f"{root}/static/"),),
        health=HealthCheck(timeout_s=2),
    ) as place:
        yield place


@dataclass(slots=True)
class Story:
    """Of ten deployments six are good commits, one cannot be imported, one answers 500, two are ways back."""

    place: Stage
    number: int = 0
    unseen: set[str] = field(default_factory=set)
    """Versions that nobody may ever see: they cannot be imported."""

    def begin(self) -> None:
        self.place.repo.commit(version("v0"))
        self.place.sync()

    def go_on(self) -> None:
        self.number += 1
        name = f"v{self.number}"
        match self.number % 10:
            case 3:
                self._deploy_bad(version(name, breaks="import nowhere"))
                self.unseen.add(name)
            case 6:
                self._deploy_bad(version(name, status="500 Internal Server Error"))
            case 5 | 9:
                self.place.rollback()
            case _:
                self.place.repo.commit(version(name))
                self.place.sync()

    def _deploy_bad(self, files: dict[str, bytes | str | None]) -> None:
        self.place.repo.commit(files)
        with pytest.raises(RolledBack):
            self.place.sync()


@dataclass(frozen=True, slots=True)
class Watched:
    visitors: tuple[Visitor, ...]
    story: Story

    @property
    def sight(self) -> Sight:
        return Sight.of(self.visitors)


def watched(folder: Path, deployments: int, *, workers: int = 1, **options: Any) -> Watched:
    """One visitor, or two where several workers have to have something to do."""
    with site(folder, workers=workers, **options) as place:
        story = Story(place)
        story.begin()
        url, domain = place.sandbox.url, place.site.domain
        visitors = tuple(Visitor(url, domain) for _ in range(min(workers, 2)))
        with all_asking(visitors):
            for _ in range(deployments):
                story.go_on()
                for visitor in visitors:
                    visitor.see(ANSWERS)
    return Watched(visitors, story)
