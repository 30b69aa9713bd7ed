"""`deployer doctor`: one question after another, from the machine to the site, with what to type."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployer.cli.workplace import workplace
from deployer.config import CertificateFiles, CommandLine, effective
from deployer.deployment.live import find_webapp, find_website
from deployer.deployment.observe import wsgi_content
from deployer.deployment.rooms import Workplace
from deployer.deployment.tls import files_of
from deployer.errors import DeployerError, ExitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The answer to one question. `exit_status` 0: all is well, or it is only worth knowing."""

    about: str
    verdict: str
    exit_status: ExitStatus = ExitStatus.OK
    is_warning: bool = False

    def __str__(self) -> str:
        mark = "wrong" if self.exit_status else "note" if self.is_warning else "ok"
        first, *rest = self.verdict.splitlines() or [""]
        return "\n".join((f"{mark:<5}  {self.about}: {first}", *(f"         {line}" for line in rest)))

    def as_json(self) -> dict[str, Any]:
        return {
            "about": self.about,
            "verdict": self.verdict,
            "ok": not self.exit_status,
            "warning": self.is_warning,
        }


def checkup(*, repo: Path | None, config: Path | None, site: str | None) -> Iterator[Finding]:
    """Ends at the first thing that everything after it needs."""
    git = shutil.which("git")
    if git is None:
        yield Finding(
            about="git",
            verdict="is not installed\nOn Debian: apt-get install git",
            exit_status=ExitStatus.USAGE,
        )
        return
    yield Finding(about="git", verdict=git)
    try:
        yield from _configuration(repo=repo, config=config, site=site)
        with workplace(repo=repo, config=config, site=site, rev=None, as_json=True, verbose=False) as place:
            yield from _everything_else(place)
    except DeployerError as error:
        yield Finding(about="configuration", verdict=str(error), exit_status=error.exit_status)


def _configuration(*, repo: Path | None, config: Path | None, site: str | None) -> Iterator[Finding]:
    given = CommandLine(config=config, site=site, repo=str(repo) if repo else None)
    context = effective(given, os.environ, Path.cwd())
    file = context.machine.path if context.machine else "no deployer.toml, the environment alone"
    yield Finding(about="configuration", verdict=str(file))
    for warning in context.warnings:
        yield Finding(about="configuration", verdict=warning, is_warning=True)


def _everything_else(place: Workplace) -> Iterator[Finding]:
    yield Finding(about="repository", verdict=f"{place.work.repository.root} at {place.commit.short}")
    yield Finding(about="state", verdict=str(place.work.state.folder))
    site = place.work.site
    yield Finding(about="site", verdict=f"{site.domain}, files to {site.target}")
    yield from _certificate(place)
    questions: tuple[tuple[str, Callable[[Workplace], str]], ...] = (
        ("token", _token),
        ("commit", _commit),
        ("web app", _webapp),
    )
    for about, ask in questions:
        try:
            yield Finding(about=about, verdict=ask(place))
        except DeployerError as error:
            yield Finding(about=about, verdict=str(error), exit_status=error.exit_status)
            if error.exit_status in {ExitStatus.CREDENTIALS, ExitStatus.TEMPORARY}:
                return


def _certificate(place: Workplace) -> Iterator[Finding]:
    """Of the files of this machine; whether it is sent is told by `deployer plan`."""
    about, tls, site = "certificate", place.work.tls, place.work.site
    if tls is None:
        return
    if site.has_platforms_certificate:
        verdict = f"{site.domain} has the platform's own: `tls` of deployer.toml is not used"
        yield Finding(about=about, verdict=verdict, is_warning=True)
        return
    if not isinstance(tls, CertificateFiles):
        yield Finding(about=about, verdict="Let's Encrypt's, which the platform gets and renews")
        return
    found = files_of(tls, site, datetime.now(UTC))
    if found.problem or found.leaf is None:
        yield Finding(about=about, verdict=found.problem, exit_status=ExitStatus.USAGE)
        return
    until = f"{found.leaf.not_after:%Y-%m-%d}"
    yield Finding(about=about, verdict=f"{tls.certificate} is for {site.domain}, until {until}")
    if found.advice:
        yield Finding(about=about, verdict=found.advice, is_warning=True)


def _token(place: Workplace) -> str:
    usage = place.work.api.cpu()
    used = "?" if usage.used_s is None else f"{usage.used_s:.0f}"
    return f"accepted for {place.work.site.username}; {used} of {usage.limit_s} CPU seconds used today"


def _commit(place: Workplace) -> str:
    """Whether the commit could be shipped at all, and whether the platform's limit makes that long."""
    snapshot = place.work.repository.snapshot(place.commit, place.work.site.files)
    wsgi_content(place.work, place.commit)
    return f"ships {len(snapshot.files)} files"


def _website(place: Workplace) -> str:
    website = find_website(place.work.api, place.work.site)
    if website is None:
        return f"{place.work.site.domain} is not there yet, `deployer sync` creates it"
    return f"a website, served by {website.command}"


def _webapp(place: Workplace) -> str:
    if place.work.site.command is not None:
        return _website(place)
    app = find_webapp(place.work.api, place.work.site)
    if app is None:
        return f"{place.work.site.domain} is not there yet, `deployer sync` creates it"
    wsgi = "" if place.work.site.wsgi else "; app.wsgi is not set, so its WSGI file is left as it is"
    return f"Python {app.python_version}{wsgi}"
