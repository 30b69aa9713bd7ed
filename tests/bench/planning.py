"""How long planning takes, beside what git itself takes for the question that cannot be avoided.

Both are measured in turns, so that they meet the same machine, and their ratio is what counts.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Self

from git import Repo

from deployer.deployment.observe import observe
from deployer.deployment.site_work import Silent, SiteWork
from deployer.git import Repository
from deployer.model.actions import Reload, UpdateFile
from deployer.model.digest import blob_digest
from deployer.model.files import Change, Commit
from deployer.model.manifest import AppliedSettings, Manifest
from deployer.model.overrides import Overrides
from deployer.model.plan import Plan
from deployer.model.site import Site
from deployer.planning.changes import compare
from deployer.planning.listing import TREE_LIMIT
from deployer.planning.planner import decide
from deployer.pythonanywhere import Budget, PythonAnywhere
from deployer.pythonanywhere.files import Files
from deployer.secret import Secret
from deployer.state import State
from tests.bench.bars import Bar
from tests.builders.git import GitRepo
from tests.deployment.stage import WSGI
from tests.planning import sites

SIZES = (1_000, 10_000, 100_000)
BAR_SIZE = 100_000
"""Planning costs what changed, not what exists: the bar is for a site where the two are far apart."""
BAR_RATIO = 2.0
QUICK_ROUNDS = 101
SLOW_ROUNDS = 5
"""For what takes seconds."""
WSGI_FILE = "deploy/wsgi.py"
NO_OVERRIDES = Overrides()


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """One thing of ours against one of git's, over several rounds."""

    files: int
    name: str
    against: str
    ours_s: float
    gits_s: float
    ratios: Sequence[float]
    bar: Bar | None = None

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of the ratios lies between these."""
        low, _, high = quantiles(self.ratios, n=4)
        return low, high


def measure(files: int) -> Iterator[Race]:
    """Every race on one repository of so many files, of which the second commit changes one."""
    with (
        tempfile.TemporaryDirectory(prefix="deployer-bench-") as folder,
        Course(Path(folder), files) as course,
    ):
        diff = "git diff-tree"
        yield course.race("changes between two commits", course.changes, diff, course.diff_tree)
        yield course.race("the whole plan", course.plan, diff, course.diff_tree, bar=files == BAR_SIZE)
        yield course.race(
            "the whole plan, repository just opened", course.plan_afresh, diff, course.diff_tree
        )
        yield course.race(
            "full comparison", course.compare, "git ls-tree -r -l", course.ls_tree, rounds=SLOW_ROUNDS
        )


class Course:
    """A repository, the record of its first commit, and everything that planning the second one needs."""

    def __init__(self, folder: Path, files: int) -> None:
        self.files = files
        repo = GitRepo(folder / "repo", bare=True)
        paths = [_path(number) for number in range(files - 1)]
        self.base = repo.commit({WSGI_FILE: WSGI, **{path: f"page {path}\n" for path in paths}})
        self.changed = paths[len(paths) // 2]
        repo.commit({self.changed: "changed\n"})
        self._stack = ExitStack()
        self._path = repo.path
        self._git = self._stack.enter_context(Repo(repo.path)).git
        self._state = self._stack.enter_context(State(folder / "state"))
        self._repository = self._stack.enter_context(Repository(repo.path))
        self._commit = self._repository.resolve("main")
        self._site = replace(sites.site(), wsgi=WSGI_FILE)
        self._record = self._recorded(self._repository.resolve(self.base))
        self._api = self._stack.enter_context(_account(folder, self._site, paths))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def race(
        self,
        name: str,
        ours: Callable[[], object],
        against: str,
        gits: Callable[[], object],
        *,
        rounds: int = QUICK_ROUNDS,
        bar: bool = False,
    ) -> Race:
        """In turns, after one round that does not count."""
        times = [(_timed(ours), _timed(gits)) for _ in range(rounds + 1)][1:]
        ratios = [mine / theirs for mine, theirs in times]
        return Race(
            files=self.files,
            name=name,
            against=against,
            ours_s=median(mine for mine, _ in times),
            gits_s=median(theirs for _, theirs in times),
            ratios=ratios,
            bar=Bar(what="ratio", value=median(ratios), limit=BAR_RATIO) if bar else None,
        )

    def diff_tree(self) -> str:
        return str(self._git.diff_tree("-r", "-z", "--raw", "--no-renames", self.base, self._commit.id))

    def ls_tree(self) -> str:
        return str(self._git.ls_tree("-r", "-z", "-l", self._commit.id))

    def changes(self) -> tuple[Change, ...] | None:
        return self._repository.changes(self.base, self._commit, self._site.files)

    def plan(self) -> Plan:
        """From the record's bytes and the tree answer, which are at hand, to the plan."""
        return self._planned(self._repository)

    def plan_afresh(self) -> Plan:
        """As a command does it that has just been started."""
        with Repository(self._path) as repository:
            return self._planned(repository)

    def compare(self) -> tuple[Change, ...]:
        """As it is done when the record cannot be trusted to tell what a diff may start from."""
        with Repository(self._path) as repository:
            recorded = Manifest.load(self._record).files
            return compare(recorded, repository.snapshot(self._commit, self._site.files))

    def _planned(self, repository: Repository) -> Plan:
        work = SiteWork(
            site=self._site,
            site_at=lambda _: self._site,
            repository=repository,
            api=self._api,
            state=self._state,
            who="ada@bench",
            site_url=self._api.host,
            host_header=None,
            requests_per_minute=0,
            reporter=Silent(),
            pause=lambda _: None,
            check_stop=lambda: None,
        )
        observation = observe(work, self._commit, Manifest.load(self._record), NO_OVERRIDES)
        plan = decide(observation.facts).plan
        if [type(action) for action in plan.actions] != [UpdateFile, Reload]:
            raise AssertionError(f"one file changed, and the plan is {plan.actions}")
        return plan

    def _recorded(self, commit: Commit) -> bytes:
        """The manifest after the first commit was deployed. Its table of files is not kept in memory."""
        with Repository(self._path) as repository:
            snapshot = repository.snapshot(commit, self._site.files)
        settings = AppliedSettings(webapp=self._site.webapp, wsgi=blob_digest(WSGI.encode(), like=commit.id))
        recorded = sites.manifest(snapshot.files, commit=commit.id, plain=snapshot.plain, settings=settings)
        live = replace(recorded.live, commit=commit.id) if recorded.live else None
        return replace(recorded, live=live).dump()


class _TreeAtHand(Files):
    """The tree answer has come. Nothing else is asked, so nothing else is here."""

    def __init__(self, tree: tuple[str, ...]) -> None:
        self._answer = tree

    def tree(self, path: str) -> tuple[str, ...]:
        return self._answer


def _account(folder: Path, site: Site, paths: Sequence[str]) -> PythonAnywhere:
    """An account that is never asked over the network: the answers are at hand."""
    budget = Budget(host="http://127.0.0.1", username=site.username, directory=folder)
    api = PythonAnywhere(
        host="http://127.0.0.1", username=site.username, token=Secret("unused"), budget=budget
    )
    api.files = _TreeAtHand(_tree(site.target, paths))
    return api


def _tree(target: str, paths: Sequence[str]) -> tuple[str, ...]:
    """As the platform lists it: folders too, and cut."""
    names = {f"{target}/{path}" for path in (*paths, WSGI_FILE)}
    folders = {f"{path.rpartition('/')[0]}/" for path in names}
    tops = {f"{folder.removesuffix('/').rpartition('/')[0]}/" for folder in folders} - {f"{target}/"}
    return tuple(sorted(names | folders | tops))[:TREE_LIMIT]


def _path(number: int) -> str:
    """Fifty files in a folder, twenty folders in one above."""
    return f"part{number // 1000:03}/section{number // 50 % 20:02}/page{number % 50:02}.html"


def _timed(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began
