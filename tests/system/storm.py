"""Five sites of two accounts, pushed to as fast as git allows, and what two platforms saw of it."""

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic

from deployer.sandbox.journal import Entry
from tests.builders.waiting import until
from tests.cli.project import WSGI
from tests.daemon.place import CONFIG, Place, PushedRepo, places

SITES: Mapping[str, str] = {"blog": "alice", "shop": "alice", "wiki": "alice", "news": "bob", "docs": "bob"}
"""Site -> account."""
PUSHES = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the platform saw it, in seconds of this machine's steady clock."""

    began: float
    ended: float
    entry: Entry


@dataclass(slots=True)
class Platforms:
    """What both accounts were asked."""

    seen: dict[str, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    """Domain -> the requests that name the site: its folder, its record or its web app."""
    count: int = 0
    _lock: Lock = field(default_factory=Lock)

    def follow(self, _: str, entry: Entry) -> None:
        ended = monotonic()
        with self._lock:
            self.count += 1
            for site in SITES:
                if re.search(rf"/{site}(/|$)|\b{re.escape(domain_of(site))}|_{site}_", entry.path):
                    self.seen[domain_of(site)].append(Seen(ended - entry.seconds, ended, entry))

    def overlapping(self, site: str) -> list[tuple[Seen, Seen]]:
        """Requests for one site that were under way at the same moment."""
        with self._lock:
            requests = sorted(self.seen[domain_of(site)], key=lambda seen: seen.began)
        return [(before, after) for before, after in pairwise(requests) if after.began < before.ended]


def domain_of(site: str) -> str:
    return f"{site}.example.org"


@dataclass(slots=True)
class Storm:
    """The place, its platforms, and the commits of each site in the order of their pushes."""

    place: Place
    platforms: Platforms
    commits: dict[str, list[str]] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(20_260_101))

    def prepare(self) -> None:
        """Every commit there will be, none pushed, so that pushing costs nothing else."""
        for site, user in SITES.items():
            repo = self.place.add_site(site, user=user)
            app = f'[app]\ndomain = "{domain_of(site)}"'
            config = CONFIG.replace("[app]", app).replace("~/mysite", f"~/{site}")
            repo.work.commit({"pythonanywhere.toml": config, "page.txt": "number 0\n"})
            self.commits[site] = [
                repo.work.commit({"wsgi.py": greeting(site, number), "page.txt": f"number {number}\n"})
                for number in range(PUSHES // len(SITES))
            ]

    @contextmanager
    def blowing(self) -> Iterator[Event]:
        """All pushes, in a random order of the sites, one git after another; set when they are over."""
        order = [site for site in SITES for _ in self.commits[site]]
        self.chance.shuffle(order)
        waiting = {site: iter(commits) for site, commits in self.commits.items()}
        over, given_up = Event(), Event()

        def push_all() -> None:
            for site in order:
                if given_up.is_set():
                    return
                push(self.place.repos[site], next(waiting[site]))
            over.set()

        pusher = Thread(target=push_all, name="pusher")
        pusher.start()
        try:
            yield over
        finally:
            given_up.set()
            pusher.join()

    def wait_for_requests(self, more: int, *, timeout_s: float) -> bool:
        """Until the platforms were asked so often again; False when the time was over before."""
        wanted = self.platforms.count + more
        return until(lambda: self.platforms.count >= wanted, timeout_s=timeout_s)


def push(repo: PushedRepo, commit: str) -> None:
    repo.work.git("push", "--quiet", str(repo.bare), f"{commit}:refs/heads/main")


def greeting(site: str, number: int) -> str:
    return WSGI.replace("hello from the site", f"{site} {number}")


@contextmanager
def storm(folder: Path) -> Iterator[Storm]:
    """Prepared, and no daemon runs yet."""
    platforms = Platforms()
    with places(folder, users=("alice", "bob"), follow=platforms.follow) as place:
        made = Storm(place, platforms)
        made.prepare()
        yield made
