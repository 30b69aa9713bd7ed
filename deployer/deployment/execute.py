"""Carries out a plan, action by action, and writes down each one that the server confirmed."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import monotonic

from deployer.deployment.apply_settings import SettingsChange
from deployer.deployment.hooks import HookFailed, HookNotRun, run_hook
from deployer.deployment.observe import Observation
from deployer.deployment.record import Record
from deployer.deployment.site_work import SiteWork
from deployer.deployment.tls import NotIssued, install, request
from deployer.errors import ApiError, Interrupted, NeedsPerson, NoAnswer, NotFound, SiteBusy
from deployer.events import log
from deployer.model.actions import (
    Action,
    CreateFile,
    DeleteFile,
    InstallCertificate,
    KeepWsgiCopy,
    RemoveEmptyDirectory,
    RequestCertificate,
    RunHook,
    Upload,
    UploadWsgi,
)
from deployer.model.deployment import Step
from deployer.model.digest import blob_digest
from deployer.model.files import FileEntry
from deployer.model.manifest import AppliedSettings, Manifest
from deployer.model.plan import Plan


@dataclass(slots=True)
class Execution:
    """One plan being carried out, up to its reload. `settled` is what needs no action."""

    work: SiteWork
    observation: Observation
    plan: Plan
    deployment: str
    settled: AppliedSettings
    record: Record
    claimed: Manifest
    settings: SettingsChange = field(init=False)
    done: int = field(init=False, default=0)
    build: Callable[[RunHook], None] | None = None
    """Has the release built that the first hook runs in, where there is one that is not served yet."""

    def __post_init__(self) -> None:
        self.settings = SettingsChange(self.work, self.observation.facts.live, self.settled)

    def run(self) -> None:
        """Every step in order. The first that fails ends it; its error says what was done so far."""
        self._run(self.plan.steps, first=1, what_is_left=self._what_is_left)

    def after_live(self) -> None:
        """Once the site answers well: what the site itself does then. Fails as `run`."""
        first = len(self.plan.actions) - len(self.plan.restarts) - len(self.plan.late_hooks) + 1
        self._run(self.plan.late_hooks, first=first, what_is_left=self._what_is_undone)

    def restart(self) -> None:
        """Once the site answers well: the always-on tasks that follow it. Fails as `run`."""
        first = len(self.plan.actions) - len(self.plan.restarts) + 1
        self._run(self.plan.restarts, first=first, what_is_left=self._what_runs_on)

    def _run(self, actions: tuple[Action, ...], *, first: int, what_is_left: Callable[[], str]) -> None:
        for number, action in enumerate(actions, start=first):
            began = monotonic()
            try:
                self.work.check_stop()
                self.claimed = self.record.renew(self.claimed)
                entry = self._carry_out(action)
            except HookFailed:
                raise
            except (ApiError, Interrupted, SiteBusy, HookNotRun) as error:
                error.left = f"{error.left} {what_is_left()}".strip()
                raise
            self._confirm(number, action, entry, monotonic() - began)

    def _what_is_undone(self) -> str:
        return (
            f"{self.plan.commit[:10]} is on the server and the site was seen to answer as it should; not "
            "every hook that comes after that was run. The next run runs them."
        )

    def _what_runs_on(self) -> str:
        return (
            f"{self.plan.commit[:10]} is on the server and the site was seen to answer as it should; "
            "not every always-on task was started anew, and some may run the old code. "
            "The next run restarts them."
        )

    def _what_is_left(self) -> str:
        if not self.done:
            return "Nothing of the plan was carried out."
        return (
            f"{self.done} of {len(self.plan.steps)} steps were carried out, the site was not reloaded; "
            "the next run goes on from there."
        )

    def _confirm(self, number: int, action: Action, entry: FileEntry | None, seconds: float) -> None:
        step = Step.of(action, number=number, entry=entry, seconds=seconds)
        self.work.state.confirm(self.deployment, step)
        self.done = number
        log.info(
            "action_confirmed",
            action=action.kind,
            subject=action.subject,
            reason=action.reason,
            bytes=action.bytes_sent,
            seconds=step.seconds,
        )
        self.work.reporter.advanced(action)

    def _carry_out(self, action: Action) -> FileEntry | None:
        """Returns what is at the path afterwards, for file actions."""
        files = self.work.api.files
        match action:
            case Upload():
                self._fence(action.subject)
                with self.observation.contents.open(action.path) as content:
                    is_new = files.write(action.subject, content, action.entry.size)
                if isinstance(action, CreateFile) and not is_new:
                    self._check_arrived(action)
                return action.entry
            case UploadWsgi():
                files.write(action.subject, self.observation.wsgi or b"")
                return action.entry
            case KeepWsgiCopy():
                files.write(action.copy, action.content)
            case DeleteFile():
                self._fence(action.subject)
                files.delete(action.subject)
            case RunHook():
                self._run_hook(action)
            case RemoveEmptyDirectory():
                self._fence(action.subject)
                self._remove_empty_directory(action.subject)
            case InstallCertificate() | RequestCertificate():
                self._certificate(action)
            case _:
                self.settings.carry_out(action)
        return None

    def _certificate(self, action: InstallCertificate | RequestCertificate) -> None:
        """A refusal is recorded, so that nobody asks again at once."""
        material = self.observation.certificate
        try:
            if isinstance(action, RequestCertificate):
                tls = request(self.work)
            elif material is not None:
                tls = install(self.work, material)
            else:
                raise AssertionError("there is no certificate to send")
        except NotIssued as error:
            self.claimed = replace(self.claimed, settings=replace(self.claimed.settings, tls=error.tls))
            raise
        self.settings.applied = replace(self.settings.applied, tls=tls)

    def _run_hook(self, action: RunHook) -> None:
        order = self.claimed.pending.release if self.claimed.pending else None
        if order is None or action.hook.at != "before_reload":
            run_hook(self.work, action, self.keep_claim)
            return
        if self.build is not None:
            self.build(action)
            self.build = None
        run_hook(self.work, action, self.keep_claim, release=order.id)

    def keep_claim(self) -> None:
        """A command may take longer than a claim lasts."""
        self.claimed = self.record.renew(self.claimed)

    def _check_arrived(self, action: CreateFile) -> None:
        """The platform says 201 for a new file and 200 for one that was there (help page "API").

        A 200 where nothing was comes of an upload whose first answer was lost, or from something in
        between that answers for the platform. Raises NoAnswer when the file is not there.
        """
        try:
            content: bytes | None = self.work.api.files.read(action.subject)
        except NotFound:
            content = None
        if content is None or blob_digest(content, like=action.entry.digest) != action.entry.digest:
            raise NoAnswer(
                f"{action.subject} was sent and taken, but is not there as it was sent",
                hint="Something between here and the platform answers for it. Run it again.",
            )

    def _fence(self, path: str) -> None:
        """Whatever the plan says: no file action ever leaves the target."""
        if not path.startswith(f"{self.work.site.target}/") or ".." in path.split("/"):
            raise AssertionError(f"{path} is outside of {self.work.site.target}")

    def _remove_empty_directory(self, path: str) -> None:
        """The platform deletes a directory with everything in it, so it is looked at just before."""
        if names := self.work.api.files.list_directory(path):
            raise NeedsPerson(
                f"{path} has to make room for a file of the same name, but now holds {', '.join(names)}",
                left="Files of the new commit are beside the old ones, the site was not reloaded.",
                hint="Move them away on the server and run again.",
            )
        self.work.api.files.delete(path)
