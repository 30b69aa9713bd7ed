"""Runs the site's own commands in the middle of a deployment."""

from collections.abc import Callable

from deployer.deployment.site_work import SiteWork
from deployer.deployment.surroundings import runs_root, surroundings
from deployer.errors import NeedsPerson
from deployer.events import log
from deployer.model.actions import RunHook
from deployer.remote import Command, Ended, Remote, Stream, run

LINES = 25
"""The end of the output that is shown; a traceback is about this long."""
TAIL_BYTES = 16 * 1024


class HookFailed(NeedsPerson):
    """It ran, and failed: the commit is not well."""

    def __init__(self, action: RunHook, how: str, output: str) -> None:
        self.action = action
        self.how = f"hook `{action.subject}` {how}"
        said = f"\n  its output ended with:\n{output}" if output else "\n  it said nothing."
        super().__init__(f"{self.how}{said}")


class HookNotRun(NeedsPerson):
    """It could not be run, which says nothing about the commit."""


def run_hook(
    work: SiteWork, action: RunHook, beat: Callable[[], None], *, release: str | None = None
) -> None:
    """`release` is one that is built and not live yet: it runs there.

    Raises HookFailed, HookNotRun, ApiError and Interrupted; whatever `beat` raises ends the hook.
    """
    hook, site, tail = action.hook, work.site, _Tail()
    remote = Remote(
        api=work.api,
        root=runs_root(site),
        listener=tail,
        pause=work.pause,
        via=hook.via,
        domain=site.domain,
        beat=beat,
    )
    log.info("hook_started", command=action.subject, at=hook.at, reason=action.reason)
    place = surroundings(work.api, site, release)
    command = Command.of_line(hook.command, timeout_s=hook.timeout_s, **place)
    try:
        ended = run(remote, command)
    except NeedsPerson as error:
        raise HookNotRun(
            f"hook `{hook.command}` could not be run: {error.message}", left=error.left, hint=error.hint
        ) from None
    well = ended.by == "command" and ended.exit_status == 0
    output = work.api.masked(tail.text())
    say = log.info if well else log.error
    say(
        "hook_ended",
        command=action.subject,
        how=_how(ended, hook.timeout_s),
        seconds=ended.seconds,
        via=ended.via,
        output=output,
    )
    if not well:
        shown = "\n".join(f"    {line}" for line in output.splitlines())
        raise HookFailed(action, _how(ended, hook.timeout_s), shown)


def _how(ended: Ended, timeout_s: float) -> str:
    match ended.by:
        case "command" if ended.signal is not None:
            return f"was ended by signal {ended.signal}"
        case "command":
            return f"ended with {ended.exit_status}"
        case "timeout":
            return f"took longer than {timeout_s:g} s and was killed"
        case "not-started":
            return f"could not be started: {ended.problem}"
    return "was ended from its console"


class _Tail:
    """The end of what a command says, both streams as they come."""

    def __init__(self) -> None:
        self._kept = b""

    def output(self, stream: Stream, data: bytes) -> None:  # noqa: ARG002 - evidence has one order
        self._kept = (self._kept + data)[-TAIL_BYTES:]

    def note(self, text: str) -> None:
        log.info("hook_note", text=text)

    def text(self) -> str:
        return "\n".join(self._kept.decode(errors="replace").splitlines()[-LINES:])
