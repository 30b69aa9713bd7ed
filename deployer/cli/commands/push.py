"""push-target, and the hooks of the repositories that it makes."""

import json
import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployer.cli.options import Config, SiteName
from deployer.cli.output import say
from deployer.errors import UsageError

if TYPE_CHECKING:
    from deployer.config import Context
    from deployer.git.push_target import TargetSettings


class Gate(StrEnum):
    """What else a push has to pass."""

    DEPLOY = "deploy"


class Hook(StrEnum):
    """Git's name for it."""

    PRE_RECEIVE = "pre-receive"
    POST_RECEIVE = "post-receive"


def push_target(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="The bare repository; it is made where it is not there.", show_default=False
        ),
    ],
    *,
    config: Config = None,
    site: SiteName = None,
    gate: Annotated[
        Gate | None,
        typer.Option(
            "--gate", metavar="deploy", help="Accept a push only once it is live.", show_default=False
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group", metavar="GROUP", help="A group whose members may push, too.", show_default=False
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace hooks of others; a copy stays beside them.")
    ] = False,
) -> None:
    """Make a bare repository to push to: a push is checked, deployed by the daemon, and shown as it goes."""
    from deployer.config import CommandLine, effective
    from deployer.git.push_target import make_target

    context = effective(CommandLine(config=config, site=site), os.environ, Path.cwd())
    place = path.expanduser().absolute()
    command = (sys.executable, "-P", "-m", "deployer")
    done = make_target(place, _settings(context, gate), command, group=group, force=force)
    say("\n".join(done) if done else f"{place} is a push target of {context.site} already: nothing changed.")
    for line in _what_next(context, place, group=group):
        say(line)


def hook(
    name: Annotated[Hook, typer.Argument(metavar="NAME", help="pre-receive or post-receive.")],
) -> None:
    """Run as a hook of a push target, by git."""
    from deployer.cli.pushed import check, watch
    from deployer.git.push_target import TargetSettings

    repository = Path(os.environ.get("GIT_DIR") or ".").resolve()
    given = sys.stdin.read().splitlines()
    settings = TargetSettings.read(repository)
    # One line for each ref: the old id, the new id, the name.
    update = next((line.split(" ", 2)[:2] for line in given if line.endswith(f" {settings.ref}")), None)
    if update is None:
        return
    before, after = update
    if name is Hook.PRE_RECEIVE:
        check(repository, settings, before=before, after=after)
    else:
        watch(settings, commit=after)


def _settings(context: "Context", gate: Gate | None) -> "TargetSettings":
    from deployer.config import control_socket
    from deployer.git.push_target import TargetSettings

    if context.site is None or context.machine is None:
        raise UsageError(
            "there is no deployer.toml with a site, so no daemon would know what to deploy",
            hint="Write one with [account.<name>] and [site.<name>], and name it with --config.",
        )
    app = context.overrides.app if context.overrides else None
    return TargetSettings(
        site=context.site,
        socket=str(control_socket(context.machine, os.environ).value.absolute()),
        branch=context.branch.value or "main",
        manifest=context.manifest.value,
        username=context.account.username.value,
        host=context.account.host.value,
        gate=gate.value if gate else "",
        config=str(context.machine.path),
        app=json.dumps(app.model_dump(mode="json", exclude_unset=True), sort_keys=True) if app else "",
    )


def _what_next(context: "Context", place: Path, *, group: str | None) -> list[str]:
    """Only what is still to be done."""
    from deployer.config import is_url

    lines = []
    machine, repo = context.machine, context.repo.value
    if machine is not None and (is_url(repo) or Path(repo).resolve() != place.resolve()):
        lines.append(
            f"{machine.path} has another repository for this site, {repo}. Write there:\n"
            f"  [site.{context.site}]\n  repo = {json.dumps(str(place))}"
        )
    quoted, branch = shlex.quote(str(place)), context.branch.value or "main"
    if group is not None:
        lines.append(
            "Git lets nobody push into a repository of another user before it was told to, once, by root:\n"
            f"  git config --system --add safe.directory {quoted}"
        )
        if machine is not None and machine.daemon.socket_group != group:
            lines.append(
                "To see the deployment, the group has to reach the daemon, too. Write there:\n"
                f"  [daemon]\n  socket_group = {json.dumps(group)}"
            )
    lines.append(f"To push: git remote add live {quoted} && git push live {shlex.quote(branch)}")
    return lines
