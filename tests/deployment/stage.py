"""A sandbox, a repository and a state folder, with a site between them: where deployments are tried."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from deployer.deployment.attempt import Outcome
from deployer.deployment.deploy import Preview, deploy, preview, rollback
from deployer.deployment.record import Record
from deployer.deployment.site_work import Silent, SiteWork
from deployer.git import Repository
from deployer.model.manifest import Manifest
from deployer.model.overrides import Overrides
from deployer.model.site import FileRules, HealthCheck, Site, WebAppSettings
from deployer.pythonanywhere import Budget, PythonAnywhere
from deployer.pythonanywhere.client import READ_TIMEOUT_S
from deployer.sandbox import Sandbox, SandboxOptions, Switches
from deployer.sandbox.faults import Effect, Fault
from deployer.secret import Secret
from deployer.state import State
from tests.builders.git import GitRepo

WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello from the site"]
"""
PLAIN = FileRules()
UNLIMITED = Switches(rate_limit="off")
NO_OVERRIDES = Overrides()


@dataclass(slots=True)
class HurriedClock:
    """Passes at once whenever somebody sleeps: what a client waits for has then come."""

    ahead_s: float = 0.0

    def now(self) -> float:
        return time.monotonic() + self.ahead_s

    def sleep(self, seconds: float) -> None:
        self.ahead_s += seconds


@dataclass(slots=True)
class Stage:
    """One account and one repository; `site` may be replaced between deployments."""

    folder: Path
    sandbox: Sandbox
    repo: GitRepo
    site: Site
    state: str = "state"
    per_minute: int = 0
    sites: dict[str, Site] = field(default_factory=dict)
    """What other commits say that the site is, by commit id; else what `site` says."""
    clock: HurriedClock = field(default_factory=HurriedClock)
    read_timeout_s: float = READ_TIMEOUT_S
    check_stop: Callable[[], None] = lambda: None
    pause: Callable[[float], None] = lambda _: None
    """How a run waits: not at all, unless something has to happen meanwhile."""
    has_more_settings: bool = False
    """Whether the versions of `scenario.py` have static headers and always-on tasks, too."""
    password: str | None = None
    """What visitors of a protected site have to give, as this machine knows it."""

    @contextmanager
    def work(self) -> Iterator[SiteWork]:
        """The rooms of one run, as a process of its own would open them."""
        runtime = self.folder / "runtime"
        runtime.mkdir(exist_ok=True)
        budget = Budget(
            host=self.sandbox.url,
            username=self.sandbox.user,
            requests_per_minute=self.per_minute,
            directory=runtime,
            clock=self.clock.now,
            sleep=self.clock.sleep,
        )
        with (
            closing(budget),
            Repository(self.repo.path) as repository,
            State(self.folder / self.state) as state,
            PythonAnywhere(
                host=self.sandbox.url,
                username=self.sandbox.user,
                token=Secret(self.sandbox.token),
                budget=budget,
                read_timeout_s=self.read_timeout_s,
                check_stop=self.check_stop,
            ) as api,
        ):
            yield SiteWork(
                site=self.site,
                site_at=lambda commit: self.sites.get(commit.id, self.site),
                repository=repository,
                api=api,
                state=state,
                who="ada@test",
                site_url=self.sandbox.url,
                host_header=self.site.domain,
                requests_per_minute=self.per_minute,
                reporter=Silent(),
                pause=self.pause,
                check_stop=self.check_stop,
                password=Secret(self.password) if self.password else None,
            )

    def lose_answer(self, method: str, path: str) -> None:
        """The next such request takes effect, and nobody hears of it. `path` is searched for as a pattern."""
        effect = Effect(kind="cut", when="after")
        self.sandbox.faults.add(Fault(effect=effect, method=method, path=path, times=1))

    def sync(self, rev: str = "main", overrides: Overrides = NO_OVERRIDES) -> Outcome:
        with self.work() as work:
            return deploy(work, work.repository.resolve(rev), overrides)

    def rollback(self, to: str | None = None) -> Outcome:
        with self.work() as work:
            return rollback(work, to)

    def plan(self, rev: str = "main", overrides: Overrides = NO_OVERRIDES) -> Preview:
        with self.work() as work:
            return preview(work, work.repository.resolve(rev), overrides)

    def manifest(self) -> Manifest:
        with self.work() as work:
            return Record(self.site, work.api).read()

    @property
    def target(self) -> Path:
        return self.sandbox.disk.real(self.site.target)

    def on_disk(self) -> dict[str, bytes]:
        """Every file below the target, as it really is."""
        return {
            path.relative_to(self.target).as_posix(): path.read_bytes()
            for path in sorted(self.target.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }

    def put(self, path: str, content: str) -> None:
        """Somebody else's hand: a file below the target."""
        file = self.target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def change_site(self, **fields: Any) -> None:
        self.site = replace(self.site, **fields)

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """Requests made inside the block, by method and endpoint; filled in when it ends."""
        counted: Counter[str] = Counter()
        self.sandbox.requests.wait_idle()
        before = len(self.sandbox.requests.list())
        yield counted
        self.sandbox.requests.wait_idle()
        for entry in self.sandbox.requests.list()[before:]:
            counted[f"{entry.method} {entry.endpoint}"] += 1


@contextmanager
def stage(
    folder: Path,
    *,
    files: FileRules = PLAIN,
    switches: Switches = UNLIMITED,
    plan: Any = "free-2025",
    always_on: int | None = None,
    workers: int = 1,
    isolation: Literal["auto", "namespace", "none"] = "auto",
    **fields: Any,
) -> Iterator[Stage]:
    """A fresh one below `folder`. `always_on` is how many such tasks the account may have, by default its
    plan's; `workers` how many processes serve the site; `fields` are the site's.
    """
    options = SandboxOptions(
        data=folder / "platform",
        user="alice",
        port=0,
        plan=plan,
        always_on=always_on,
        workers=workers,
        isolation=isolation,
        switches=switches,
    )
    with Sandbox(options) as sandbox:
        site = Site(
            username="alice",
            domain="alice.pythonanywhere.com",
            target="/home/alice/mysite",
            files=files,
            webapp=WebAppSettings(source_directory="/home/alice/mysite"),
            wsgi=None,
            static=(),
            tasks=(),
            health=HealthCheck(timeout_s=10),
        )
        yield Stage(folder, sandbox, GitRepo(folder / "repo"), replace(site, **fields))
