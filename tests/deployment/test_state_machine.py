"""Whatever happens to a site in whatever order: a run that says that it is live has told the truth."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from deployer.config import load_site
from deployer.deployment.deploy import unlock
from deployer.deployment.lists import read_mappings
from deployer.deployment.verify import verify
from deployer.errors import DeployerError, Interrupted
from deployer.model.deployment import Status
from deployer.model.overrides import Overrides
from deployer.model.site import Site
from deployer.sandbox import Effect, Fault
from tests.deployment.archive import archived
from tests.deployment.killing import When, killed_at
from tests.deployment.stage import WSGI, Stage, stage
from tests.deployment.worlds import WORLDS

PATHS = ("a", "b", ".c", "d/e", "d/.f", "g")
CONTENTS = ("one", "two", "three")
FOREIGN = {"theirs": "not ours", "d/theirs": "not ours either"}
MACHINES = ("here", "there")
CONFIG = """
[app]
target = "~/mysite"
wsgi = "wsgi.py"

[files]
max_delete = "100%"

[health]
timeout = "10s"

"""
TREES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(CONTENTS), min_size=1)
MAPPINGS = st.sampled_from([None, "one", "two"])
TASKS = st.sets(st.sampled_from(["true", "false"]))
EFFECTS = st.sampled_from(
    [
        Effect(kind="status", status=400, json={"detail": "no"}),
        Effect(kind="status", status=400, json={"detail": "no"}, when="after"),
        Effect(kind="status", status=500, when="after"),
        Effect(kind="status", status=429, retry_after=1),
        Effect(kind="cut"),
        Effect(kind="cut", when="after"),
        Effect(kind="html"),
        Effect(kind="half"),
    ]
)

FAULTS = st.builds(
    Fault,
    effect=EFFECTS,
    method=st.sampled_from([None, "POST", "PATCH", "DELETE"]),
    after=st.integers(0, 12),
    times=st.just(1),
)


class Deployments(RuleBasedStateMachine):
    """One site, two machines that deploy it, and people with hands."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="deployments-"))
        self.opened = ExitStack()
        self.opened.callback(shutil.rmtree, self.folder)
        self.place: Stage = self.opened.enter_context(stage(self.folder, plan="paid", isolation="none"))
        self.tree: set[str] = set()
        self.foreign: dict[str, str] = {}
        self.spoilt: set[str] = set()
        """What somebody changed by hand since it was last sent, for all that anybody can see."""

    def teardown(self) -> None:
        self.opened.close()

    @initialize(tree=TREES, mapping=MAPPINGS, tasks=TASKS, world=WORLDS)
    def begin(
        self, tree: dict[str, str], mapping: str | None, tasks: set[str], world: dict[str, Any]
    ) -> None:
        """On one of the platforms that this one may be."""
        self.place.sandbox.switch(**world)
        self.commit(tree, mapping, tasks)

    @rule(tree=TREES, mapping=MAPPINGS, tasks=TASKS)
    def commit(self, tree: dict[str, str], mapping: str | None, tasks: set[str]) -> None:
        """Each commit says anew what the site is."""
        place = self.place
        config = CONFIG
        if mapping is not None:
            config += f'[[static]]\nurl = "/static/"\npath = "/home/alice/{mapping}"\n'
        for command in sorted(tasks):
            config += f'[[task]]\nname = "{command}"\ncommand = "{command}"\nat = "04:10"\n'
        place.site = load_site(config.encode(), "a test", username="alice", host=place.sandbox.url)
        gone = dict.fromkeys(self.tree - tree.keys())
        own = {"pythonanywhere.toml": config, "wsgi.py": WSGI}
        commit = place.repo.commit({**own, **gone, **tree}, "A change")
        place.sites[commit] = place.site
        self.tree = set(tree)

    @rule(machine=st.sampled_from(MACHINES), force=st.booleans())
    def sync(self, machine: str, force: bool) -> None:
        self.run(machine, Overrides(force=force))

    @rule(machine=st.sampled_from(MACHINES), faults=st.lists(FAULTS, min_size=1, max_size=3))
    def sync_with_a_fault_each(self, machine: str, faults: list[Fault]) -> None:
        """Several in a row, since what one leaves behind another may forget."""
        for fault in faults:
            self.place.sandbox.faults.add(fault)
            self.run(machine, Overrides())

    @rule(machine=st.sampled_from(MACHINES), checks=st.integers(1, 25))
    def sync_that_is_stopped(self, machine: str, checks: int) -> None:
        left = iter(range(checks))

        def stop() -> None:
            if next(left, None) is None:
                raise Interrupted("stopped")

        self.place.check_stop = stop
        self.run(machine, Overrides())

    @rule(
        machine=st.sampled_from(MACHINES),
        number=st.integers(1, 25),
        when=st.sampled_from(["before", "after"]),
    )
    def sync_that_is_killed(self, machine: str, number: int, when: When) -> None:
        """By SIGKILL, the real command in a process of its own; it may have ended before."""
        self.place.state = machine
        if killed_at(self.place, number, when) == 0:
            self.check_truth(self.place.repo.git("rev-parse", "main"))

    @rule(machine=st.sampled_from(MACHINES))
    def rollback(self, machine: str) -> None:
        self.place.state = machine
        before = self.place.manifest().previous
        try:
            outcome = self.place.rollback()
        except DeployerError:
            return
        assert before is not None
        assert outcome.deployment.commit == before.commit
        self.check_truth(before.commit)

    @rule(machine=st.sampled_from(MACHINES))
    def settle(self, machine: str) -> None:
        """Whatever has happened: who asks for it with force, and breaks the claim of a dead one, gets it."""
        self.unlock()
        assert self.run(machine, Overrides(force=True)) is None

    @rule(machine=st.sampled_from(MACHINES))
    def lose_the_state(self, machine: str) -> None:
        shutil.rmtree(self.folder / machine, ignore_errors=True)

    @rule()
    def unlock(self) -> None:
        with self.place.work() as work:
            unlock(work)

    @rule(path=st.sampled_from(sorted(FOREIGN)))
    def somebody_adds_a_file(self, path: str) -> None:
        if not (self.place.target / "d").is_file():
            self.place.put(path, FOREIGN[path])
            self.foreign[path] = FOREIGN[path]

    @rule(path=st.sampled_from(PATHS))
    def somebody_changes_a_file(self, path: str) -> None:
        if (self.place.target / path).is_file():
            self.place.put(path, "by hand")
            self.spoilt.add(path)

    @rule(path=st.sampled_from(PATHS))
    def somebody_deletes_a_file(self, path: str) -> None:
        if (self.place.target / path).is_file():
            (self.place.target / path).unlink()
            self.spoilt.add(path)

    @rule()
    def somebody_deletes_tasks(self) -> None:
        with self.place.work() as work:
            for task in work.api.schedule.list():
                work.api.schedule.delete(task.id)
                self.spoilt.add(f"task {task.command}")

    def run(self, machine: str, overrides: Overrides) -> DeployerError | None:
        """One run, without faults afterwards; its error, unless it claims success and tells the truth."""
        self.place.state = machine
        try:
            outcome = self.place.sync(overrides=overrides)
        except DeployerError as error:
            return error
        finally:
            self.place.sandbox.faults.clear()
            self.place.check_stop = lambda: None
        assert outcome.deployment.status in {Status.LIVE, Status.UNCHANGED}
        self.check_truth(outcome.deployment.commit)
        return None

    def check_truth(self, commit: str) -> None:
        """Ours is as the commit says, but for what somebody changed by hand: that, `verify` names."""
        place, site = self.place, self.place.sites[commit]
        manifest = place.manifest()
        assert manifest.pending is None
        assert manifest.commit == commit
        wrong = self.wrong_files(commit) | self.wrong_tasks(site)
        assert wrong <= self.spoilt
        with place.work() as work:
            named = {difference.subject for difference in verify(work).differences}
            assert len(work.api.webapps.list()) == 1
            assert tuple(item.thing for item in read_mappings(work.api, site)) == site.static
        assert named == wrong
        self.spoilt = wrong

    def wrong_files(self, commit: str) -> set[str]:
        """Paths that do not hold what `git archive` has, foreign ones apart."""
        there, wanted = self.place.on_disk(), archived(self.place.repo, commit, "", ())
        assert wanted is not None
        assert {path: there.pop(path).decode() for path in self.foreign} == self.foreign
        return {path for path in {*there, *wanted} if there.get(path) != wanted.get(path)}

    def wrong_tasks(self, site: Site) -> set[str]:
        """Tasks that are not there. What is there is wanted, and there once."""
        with self.place.work() as work:
            there = [task.command for task in work.api.schedule.list()]
        wanted = {task.command for task in site.tasks}
        assert len(there) == len(set(there))
        assert set(there) <= wanted
        return {f"task {command}" for command in wanted - set(there)}


TestDeployments = Deployments.TestCase
TestDeployments.settings = settings(
    max_examples=settings().max_examples // 4,  # a profile with more examples has more here too
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to make a history small takes minutes
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
