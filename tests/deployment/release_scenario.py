"""A site with releases whose page tells whether its parts belong together, and a visitor who keeps asking."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from deployer.model.deployment import Status
from deployer.model.site import FileRules, HealthCheck, ReleaseRules, WebAppSettings
from deployer.release import switch_source
from deployer.sandbox import Switches
from tests.builders.git import GitRepo
from tests.deployment.stage import Stage, stage
from tests.release.server import tree

WSGI = """
import os
import sys
HERE = os.path.dirname(os.path.abspath(__file__))
if HERE == "/var/www":
    HERE = "/home/alice/mysite"
    sys.path.insert(0, HERE)
import version

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    with open(os.path.join(HERE, "page.txt")) as page:
        return [("%s %s" % (version.NAME, page.read())).encode()]
"""
BROKEN = {"version.py": "import nowhere\n"}
"""What a version changes that cannot be imported."""
NOTHING: Mapping[str, str | None] = {}
PATIENCE_S = 0.3
"""How long the WSGI file waits for archives that will never come."""
FLAT: dict[str, Any] = {"releases": None, "files": FileRules(), "webapp": WebAppSettings()}
BY_RELEASE: dict[str, Any] = {
    "releases": ReleaseRules(keep=2),
    "files": FileRules(links="keep"),
    "webapp": WebAppSettings(),
}
"""What of a site is another one with each strategy."""


@contextmanager
def release_stage(folder: Path, *, workers: int = 1, **answers: Any) -> Iterator[Stage]:
    """A site that is to have releases. `answers` are switches of the sandbox."""
    with stage(
        folder,
        plan="paid",
        workers=workers,
        switches=Switches(rate_limit="off").changed(answers),
        wsgi="wsgi.py",
        health=HealthCheck(contains="version", timeout_s=3),
        **BY_RELEASE,
    ) as place:
        yield place


def hurried_switch(*, target: str, record: str) -> bytes:
    """The WSGI file, which does not wait as long as the platform's storage may need."""
    return (
        switch_source(target=target, record=record)
        .replace(b"\nPATIENCE_S = 8.0", b"\nPATIENCE_S = %r" % PATIENCE_S)
        .replace(b"\nRECORD_PATIENCE_S = 2.0", b"\nRECORD_PATIENCE_S = 1.0")
    )


def commit_release(place: Stage, number: int, changed: Mapping[str, str | None] = NOTHING) -> str:
    """A version that differs from its neighbours in all that can: contents, modes, links, folders.

    `changed` is what else it commits, or instead; None deletes.
    """
    odd = number % 2 == 1
    files: dict[str, str | None] = {
        "wsgi.py": WSGI,
        "version.py": f'NAME = "version {number}"\n',
        "page.txt": f"page {number}",
        "same": "in every version",
        "swap": "a file" if odd else None,
        "swap/in": None if odd else "a folder",
        f"nest/{number}": "of this version alone",
        f"nest/{number - 1}": None,
    }
    files |= changed
    there = place.repo.git("ls-tree", "-r", "--name-only", "main").split() if place.repo.commits else []
    gone = [path for path, content in files.items() if content is None and path in there]
    present = {path: content for path, content in files.items() if content is not None}
    return place.repo.commit(
        dict.fromkeys(gone) | present,
        f"Version {number}",
        executable={"same"} if odd else (),
        links={"newest": f"nest/{number}", "again": "same" if odd else "nest"},
    )


def page(place: Stage) -> str:
    """What a visitor gets."""
    answer = requests.get(place.sandbox.url, headers={"Host": place.site.domain}, timeout=30)
    return f"{answer.status_code} {answer.text}"


def whole(number: int) -> str:
    """What `page` is for a version of which everything belongs together."""
    return f"200 version {number} page {number}"


@contextmanager
def visited(place: Stage) -> Iterator[set[str]]:
    """Everything that somebody gets who asks all the time during the block.

    The platform drops who waits for a worker that is just replaced: asked at once again, it has to answer.
    """
    seen: set[str] = set()
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.01):
            answer = page(place)
            seen.add(page(place) if answer.startswith("502 ") else answer)

    visitor = threading.Thread(target=ask, name="visitor")
    visitor.start()
    try:
        yield seen
    finally:
        over.set()
        visitor.join()


def shipped(repo: GitRepo, commit: str) -> dict[str, tuple[str, bytes | str]]:
    """What `git archive` has of a commit, with the permissions that its modes mean."""
    with TemporaryDirectory() as folder:
        extract = ["tar", "-x", "-p", "-C", folder]
        subprocess.run(extract, input=repo.archive(commit), check=True)
        there = tree(Path(folder))
    known = {"664": "644", "775": "755"}  # git's default tar.umask is 0002
    return {path: (known.get(mode, mode), content) for path, (mode, content) in there.items()}


def check_release(place: Stage, number: int, commit: str) -> None:
    """The version is live and whole, and the record tells no lie about it nor about any other release."""
    assert page(place) == whole(number)
    assert tree(place.target / "current") == shipped(place.repo, commit)
    manifest = place.manifest()
    assert manifest.pending is None
    assert manifest.live is not None
    assert manifest.commit == manifest.live.commit == commit
    assert manifest.release is not None
    assert (place.target / "current").readlink() == Path("releases") / manifest.release.id
    assert manifest.release.id in {each.id for each in manifest.releases}
    for each in manifest.releases:
        if each.failed is None:
            assert tree(place.target / "releases" / each.id) == shipped(place.repo, each.commit), each
    with place.counted() as asked:
        assert place.sync(commit).deployment.status is Status.UNCHANGED
    assert sum(asked.values()) == 1
