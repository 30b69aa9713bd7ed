"""What the hooks of a push target do: check a push before it is accepted, then show its deployment."""

import json
import shlex
import signal
from pathlib import Path

import typer

from deployer.cli.following import Line, follow
from deployer.cli.output import say
from deployer.cli.sentences import harmless
from deployer.control_client import NotReached, conversation
from deployer.errors import DeployerError, ExitStatus, UsageError
from deployer.git.push_target import TargetSettings

_NOT_ACCEPTED = "The push is not accepted, and nothing was deployed."


def check(repository: Path, settings: TargetSettings, *, before: str, after: str) -> None:
    """pre-receive: raises what speaks against the push. `before` and `after` are ids, zeros for none.

    The new objects are in git's quarantine; every git that is started here is told where by its environment.
    """
    if not after.strip("0"):
        raise UsageError(
            f"{settings.branch} is what {settings.site} is deployed from, so it cannot be deleted here",
            left=_NOT_ACCEPTED,
            hint=f"To deploy from another branch, name it in [site.{settings.site}] of deployer.toml and "
            "repeat `deployer push-target`.",
        )
    try:
        _check_commit(repository, settings, before=before, after=after)
    except DeployerError as error:
        error.left = _NOT_ACCEPTED
        raise
    if settings.gate == "deploy":
        _deploy_first(repository, settings, commit=after)


def watch(settings: TargetSettings, *, commit: str) -> None:
    """post-receive: have it deployed, and show that. The push is accepted, whatever comes of it."""
    if settings.gate == "deploy":
        return  # the other hook has shown it
    if not commit.strip("0"):
        return
    try:
        with conversation(Path(settings.socket), _request(settings, commit)) as answered:
            _introduce(settings, answered.answer)
            follow(answered.lines)
    except NotReached as error:
        say(f"The push is accepted, but its deployment cannot be shown: {error.message}.")
        if error.hint:
            say(error.hint)
        say("The daemon deploys it once its watch or poll sees the push.")
        say(f"To look: {_command(settings, 'status')}")
    except DeployerError as error:
        say(f"The push is accepted, but the daemon does not deploy it now: {error}")
    except KeyboardInterrupt:
        say("The push is accepted, and the deployment goes on without you.")
        say(f"To look: {_command(settings, 'status')}")


def _deploy_first(repository: Path, settings: TargetSettings, *, commit: str) -> None:
    """Raises unless the commit is live. Losing the terminal is no reason to leave in the middle: the push
    is to be accepted when the site runs it.
    """
    from deployer.git.held_push import bundled

    for lost in (signal.SIGHUP, signal.SIGPIPE):
        signal.signal(lost, signal.SIG_IGN)
    try:
        with bundled(repository, commit) as bundle:
            size = bundle.seek(0, 2)
            bundle.seek(0)
            request = {**_request(settings, commit), "gate": {"bytes": size, "target": str(repository)}}
            with conversation(Path(settings.socket), request, content=(bundle, size)) as answered:
                _introduce(settings, answered.answer)
                status = follow(answered.lines)
    except DeployerError as error:
        error.left = f"{error.left} The push is not accepted: it has to be live first.".lstrip()
        raise
    if status is not ExitStatus.OK:
        say(f"The push is not accepted: {commit[:10]} is not live.")
        raise typer.Exit(int(status))


def _request(settings: TargetSettings, commit: str) -> dict[str, object]:
    return {
        "do": "deploy",
        "site": settings.site,
        "source": "push",
        "commit": commit,
        "force": False,
        "follow": True,
    }


def _introduce(settings: TargetSettings, answer: Line) -> None:
    where = f", also at {answer['status_url']}" if answer.get("status_url") else ""
    say(harmless(f"deploying {settings.site}: {answer.get('deployment')}{where}"))


def _command(settings: TargetSettings, name: str) -> str:
    config = f" --config {shlex.quote(settings.config)}" if settings.config else ""
    return f"deployer {name}{config} --site {shlex.quote(settings.site)}"


def _check_commit(repository: Path, settings: TargetSettings, *, before: str, after: str) -> None:
    from deployer.config import AppOverrides
    from deployer.config.site_file import AppTable
    from deployer.deployment.precheck import precheck
    from deployer.git import Repository

    overrides = None
    if settings.app:
        overrides = AppOverrides(AppTable.model_validate(json.loads(settings.app)), "deployer.toml")
    with Repository(repository) as opened:
        precheck(
            opened,
            opened.resolve(after),
            before=opened.resolve(before) if before.strip("0") else None,
            manifest=settings.manifest,
            username=settings.username,
            host=settings.host,
            overrides=overrides,
        )
