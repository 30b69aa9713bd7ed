"""Somebody who asks a site again and again while it is deployed, and compares what its parts say.

The site's page tells the version of a module that was imported with the application, of one that is imported
with the first request, and of a template that is read for each; a static file tells its own, by way of the
web server alone.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Event, Thread
from time import monotonic
from typing import Literal, Self, TypeAlias

import requests

from tests.builders.waiting import until

EVERY_S = 0.01
FALLS_SHORT_S = 1.0
"""An answer that took longer may have come from anywhere in between; nothing is concluded from it."""
PAGE, STATIC = "/", "/static/version.txt"

WSGI = """
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
if HERE == "/var/www":  # without releases
    HERE = "/home/alice/mysite"
    sys.path.insert(0, HERE)
import version


def application(environ, start_response):
    if environ["PATH_INFO"] == "/die":
        os._exit(3)
    if environ["PATH_INFO"] == "/slow":
        open("/home/alice/begun", "w").close()
        while not os.path.exists("/home/alice/go-on"):
            time.sleep(0.01)
    import late

    with open(os.path.join(HERE, "templates", "page.txt")) as template:
        parts = {"module": version.NAME, "late": late.NAME, "template": template.read()}
    start_response(version.STATUS, [("Content-Type", "application/json")])
    return [json.dumps(parts).encode()]
"""

Kind: TypeAlias = Literal["page", "static"]


def version(name: str, *, status: str = "200 OK", breaks: str = "") -> dict[str, bytes | str | None]:
    """The files of a site, each of which says the name; `breaks` is a line of the imported module."""
    return {
        "wsgi.py": WSGI,
        "version.py": f"NAME = {name!r}\nSTATUS = {status!r}\n{breaks}\n",
        "late.py": f"NAME = {name!r}\n",
        "templates/page.txt": name,
        "static/version.txt": name,
    }


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer; `parts` are the versions that it tells, none where the site had no answer of its own."""

    kind: Kind
    status: int
    parts: tuple[str, ...]
    began: float
    ended: float

    @property
    def is_torn(self) -> bool:
        return len(set(self.parts)) > 1


@dataclass(slots=True)
class Visitor:
    """Asks for page and static file in turns."""

    url: str
    domain: str
    seen: list[Seen] = field(default_factory=list)

    def ask(self, session: requests.Session, path: str) -> Seen:
        began = monotonic()
        answer = session.get(
            f"{self.url}{path}", headers={"Host": self.domain}, allow_redirects=False, timeout=60
        )
        kind: Kind = "static" if path == STATIC else "page"
        return Seen(kind, answer.status_code, _parts(kind, answer), began, monotonic())

    @contextmanager
    def asking(self) -> Iterator[None]:
        """From now to the end of the block. Raises what asking raised: no connection is ever refused."""
        over, problems = Event(), list[BaseException]()

        def ask_on() -> None:
            paths = (PAGE, STATIC)
            try:
                with requests.Session() as session:
                    session.trust_env = False
                    while not over.is_set():
                        due = monotonic() + EVERY_S
                        self.seen.append(self.ask(session, paths[len(self.seen) % 2]))
                        over.wait(max(0.0, due - monotonic()))
            except BaseException as error:  # noqa: BLE001 - told by the thread that waits
                problems.append(error)

        thread = Thread(target=ask_on, name="visitor")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if problems:
            raise problems[0]

    def see(self, answers: int) -> None:
        """Until so many more answers of the site's own were seen. Raises TimeoutError."""
        wanted = answers + sum(bool(each.parts) for each in self.seen)
        if not until(lambda: sum(bool(each.parts) for each in list(self.seen)) >= wanted):
            raise TimeoutError(f"the site gave no {answers} answers more")

    @property
    def statuses(self) -> Counter[int]:
        return Counter(each.status for each in self.seen)

    @property
    def versions(self) -> frozenset[str]:
        return frozenset(part for each in self.seen for part in each.parts)

    @property
    def torn(self) -> list[Seen]:
        """Pages whose own parts disagree."""
        return [each for each in self.seen if each.is_torn]

    @property
    def strays(self) -> list[tuple[Seen, Seen, Seen]]:
        """Static files that are of neither the page before nor the one after them: had they been loaded with
        either, they would not have fitted.
        """
        told = [each for each in self.seen if each.parts]
        threes = (
            (before, static, after)
            for (before, static), (_, after) in pairwise(pairwise(told))
            if (before.kind, static.kind, after.kind) == ("page", "static", "page")
            and after.ended - before.began < FALLS_SHORT_S
        )
        return [three for three in threes if not set(three[1].parts) & {*three[0].parts, *three[2].parts}]


@contextmanager
def all_asking(visitors: Sequence[Visitor]) -> Iterator[None]:
    with ExitStack() as opened:
        for visitor in visitors:
            opened.enter_context(visitor.asking())
        yield


@dataclass(frozen=True, slots=True)
class Sight:
    """What several visitors saw together."""

    answers: int
    versions: frozenset[str]
    statuses: Counter[int]
    torn: int
    strays: int

    @classmethod
    def of(cls, visitors: Sequence[Visitor]) -> Self:
        return cls(
            answers=sum(bool(each.parts) for visitor in visitors for each in visitor.seen),
            versions=frozenset().union(*(visitor.versions for visitor in visitors)),
            statuses=sum((visitor.statuses for visitor in visitors), Counter[int]()),
            torn=sum(len(visitor.torn) for visitor in visitors),
            strays=sum(len(visitor.strays) for visitor in visitors),
        )

    @property
    def mixtures(self) -> int:
        return self.torn + self.strays

    def __str__(self) -> str:
        return (
            f"{self.answers:,} answers of {len(self.versions)} versions, {self.mixtures:,} mixtures "
            f"({self.torn:,} within a page, {self.strays:,} of page and static file); "
            f"{self.statuses[302]:,} redirects while it reloaded, {self.statuses[502]:,} requests dropped"
        )


def _parts(kind: Kind, answer: requests.Response) -> tuple[str, ...]:
    if answer.status_code in {302, 502}:
        return ()
    if kind == "static":
        return (answer.text,)
    parts: dict[str, str] = json.loads(answer.text)
    return tuple(parts.values())


def switches(seen: Sequence[Seen]) -> int:
    """How often a page told of another version than the page before it."""
    pages = [each.parts[0] for each in seen if each.kind == "page" and each.parts]
    return sum(before != after for before, after in pairwise(pages))
