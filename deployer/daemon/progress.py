"""What a deployment under way shows of itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from time import monotonic

from deployer.daemon.view import Progress
from deployer.model.actions import Action, Reload, RestartAlwaysOn
from deployer.model.plan import Plan


@dataclass(slots=True)
class LiveProgress:
    """The reporter of one run; read by any thread. `changed` is told of each step."""

    deployment: str
    per_minute: int
    changed: Callable[[], None]
    commit: str = ""
    subject: str = ""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    _phase: str = "looking at the repository"
    _plan: Plan | None = None
    _planned_at: float = 0.0
    _done: int = 0
    _bytes: int = 0
    _current: str = ""
    _waits_until: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def observing(self, what: str) -> None:
        self._set(f"looking at {what}")

    def planned(self, plan: Plan) -> None:
        with self._lock:
            self._plan, self._planned_at = plan, monotonic()
            self._done = self._bytes = 0
        self._set("sending" if plan.sending or plan.steps else "reloading")

    def sending(self, what: str, done: int, of: int) -> None:
        self._set(f"sending {what}: {100 * done // max(of, 1)} %")

    def advanced(self, action: Action) -> None:
        with self._lock:
            self._done += 1
            self._bytes += action.bytes_sent
            self._current = f"{action.kind} {action.subject}"
            plan = self._plan
            steps = len(plan.steps) + int(plan.sending is not None) if plan else 0
        if isinstance(action, Reload):
            self._set("asking the site whether it is well")
        elif isinstance(action, RestartAlwaysOn):
            self._set("restarting always-on tasks")
        else:
            self._set("reloading" if self._done >= steps else "sending")

    def waiting(self, seconds: float) -> None:
        with self._lock:
            self._waits_until = monotonic() + seconds
        self.changed()

    def finished(self) -> None:
        self.changed()

    def at(self, commit: str, subject: str) -> None:
        with self._lock:
            self.commit, self.subject = commit, subject
        self.changed()

    def seen(self) -> Progress:
        with self._lock:
            plan = self._plan
            left = None
            if plan is not None:
                elapsed = monotonic() - self._planned_at
                left = plan.seconds_left(self.per_minute, done=self._done, elapsed_s=elapsed)
            return Progress(
                deployment=self.deployment,
                commit=self.commit,
                subject=self.subject,
                started=self.started,
                phase=self._phase,
                done=self._done,
                steps=len(plan.actions) if plan else 0,
                bytes_done=self._bytes,
                bytes_total=plan.bytes_sent if plan else 0,
                current=self._current,
                seconds_left=left,
                waiting_s=max(0.0, self._waits_until - monotonic()),
            )

    def _set(self, phase: str) -> None:
        with self._lock:
            self._phase = phase
        self.changed()
