"""logs: what the site and its tasks have written on the server, or what a deployment of the daemon does."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from deployer.cli.options import Config, Json, Repo, SiteName, Verbose
from deployer.errors import Interrupted, NotFound, Temporary, UsageError

if TYPE_CHECKING:  # the rooms are heavy, and --deployment needs none of them
    from deployer.deployment.log_tail import Wanted
    from deployer.deployment.logs import LogPart, SiteLog
    from deployer.deployment.site_work import SiteWork

LINES = 50
"""Shown where nothing says how many."""


def logs(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[error|server|access|task NAME|always-on NAME]",
            help="A log of the site, or of one of its tasks as pythonanywhere.toml names it. Default: error.",
            show_default=False,
        ),
    ] = None,
    *,
    lines: Annotated[
        int | None,
        typer.Option(
            "--lines",
            "-n",
            metavar="N",
            min=0,
            help=f"How many lines at the most. Default: {LINES}; with --all or --since all there are.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="TIME",
            help='Nothing older: "10m", "2h", "3d" ago, or a date or time in UTC like "2026-01-31 12:00".',
            show_default=False,
        ),
    ] = None,
    rotated: Annotated[
        int | None,
        typer.Option(
            "--rotated",
            metavar="N",
            min=1,
            max=9,
            help="The log as it was N rotations ago, in place of the one of now.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="The rotated logs as well, the oldest first.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written from now on, until Ctrl-C.")
    ] = False,
    deployment: Annotated[
        str | None,
        typer.Option(
            "--deployment",
            metavar="ID",
            help="Not the site's logs, but a deployment of the daemon, up to its end: "
            "as a push, the status page or `history` names it.",
            show_default=False,
        ),
    ] = None,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Show the logs of the site on the server, or follow them; with --deployment what a deployment of the
    daemon has done so far, up to its end. Ctrl-C ends the showing only.
    """
    if deployment is not None:
        if any((what, lines is not None, since, rotated, every, follow, repo, site, verbose)):
            raise UsageError(
                "--deployment shows a deployment of the daemon, and goes with --config and --json only",
                hint="Leave it out for the logs of the site.",
            )
        from deployer.cli.commands.daemon import follow_deployment

        follow_deployment(deployment, config=config, as_json=as_json)
        return
    if rotated is not None and (every or follow):
        raise UsageError("--rotated is one file that does not change any more: not with --all or --follow")
    from deployer.cli.moment import moment_of
    from deployer.cli.workplace import workplace
    from deployer.deployment.log_tail import Wanted

    kind, name = _which(what or ["error"])
    moment = None if since is None else moment_of(since, datetime.now(UTC))
    most = LINES if lines is None and moment is None and not every else lines
    wanted = Wanted(lines=most, since=moment, number=rotated, every=every)
    show = _as_json if as_json else _as_text
    try:
        with workplace(
            repo=repo, config=config, site=site, rev=None, as_json=as_json, verbose=verbose
        ) as place:
            _Logs(place.work, kind, name, show).run(wanted, follow=follow)
    except (Interrupted, KeyboardInterrupt):
        if not follow:
            raise
    except BrokenPipeError:
        pass  # whoever read this has seen enough


class _Logs:
    """One log of a site, shown."""

    def __init__(
        self, work: "SiteWork", kind: str, name: str, show: Callable[["LogPart", str], None]
    ) -> None:
        self._work = work
        self._kind = kind
        self._name = name
        self._show = show

    def run(self, wanted: "Wanted", *, follow: bool) -> None:
        from deployer.deployment.log_tail import tail
        from deployer.deployment.logs import rotated

        work = self._work
        path = _path(work, self._kind, self._name)
        found = tail(work.api, path, wanted, whole_lines=follow)
        work.reporter.finished()
        for part in found.parts:
            self._tell(part)
        for each in found.undated:
            _note(f"{each}: no line of it has a time, so it is shown whatever its age")
        if not found.parts:
            self._missing(rotated(path, wanted.number or 0))
        elif wanted.lines != 0 and not any(part.lines for part in found.parts):
            since = f" since {wanted.since:%Y-%m-%d %H:%M:%S} UTC" if wanted.since else ""
            _note(f"{rotated(path, wanted.number or 0)} is there, and nothing was written to it{since}")
        if follow:
            self._follow(path, found.current)

    def _follow(self, path: str, current: bytes | None) -> None:
        from deployer.deployment.log_following import Following

        work = self._work
        following = Following(work.api, path, current)
        while True:
            following.wait(work.pause)
            try:
                news = tuple(following.look())
            except Temporary as error:
                news = (f"not read this time: {error.message}",)
            work.reporter.finished()
            for each in news:
                if isinstance(each, str):
                    _note(each)
                else:
                    self._tell(each)

    def _tell(self, part: "LogPart") -> None:
        self._show(part, self._work.api.masked("\n".join(part.lines)))
        if part.damage:
            _note(f"{part.path}: {part.damage}")

    def _missing(self, path: str) -> None:
        """Say what it means. Raises NotFound where the site itself is missing."""
        from deployer.deployment.live import find_webapp, find_website

        work = self._work
        find = find_website if work.site.command else find_webapp
        if not path.endswith(".log"):
            means = "the log has not been rotated so often, or somebody deleted it"
        elif self._name:
            means = "the task has not run since it was made, or somebody deleted its log"
        elif find(work.api, work.site) is None:
            raise NotFound(
                f"there is no {path}, because the site {work.site.domain} is not there",
                hint="`deployer sync` creates it.",
            )
        else:
            means = "nothing has been written to it since the site was made, or since somebody deleted it"
        work.reporter.finished()
        _note(f"there is no {path}: {means}")


def _which(what: list[str]) -> tuple[str, str]:
    """The kind of log, and the task's name. Raises UsageError."""
    from deployer.deployment.logs import SiteLog

    match what:
        case [kind] if kind in get_args(SiteLog):
            return kind, ""
        case ["task" | "always-on" as kind, name]:
            return kind, name
        case ["task" | "always-on" as kind]:
            raise UsageError(f"logs {kind}: which? Its name in pythonanywhere.toml is wanted")
    raise UsageError(
        f"logs {' '.join(what)}: there is no such log",
        hint=f"There are {', '.join(get_args(SiteLog))}, `task NAME` and `always-on NAME`.",
    )


def _path(work: "SiteWork", kind: "SiteLog | str", name: str) -> str:
    from deployer.deployment.logs import always_on_log, site_log, task_log

    match kind:
        case "task":
            return task_log(work.api, work.site, name)
        case "always-on":
            return always_on_log(work.api, work.site, name)
        case "server" | "access":
            return site_log(work.site, kind)
    return site_log(work.site, "error")


def _as_text(part: "LogPart", text: str) -> None:
    from deployer.cli.sentences import harmless

    if part.lines:
        _write(f"{harmless(text)}\n")


def _as_json(part: "LogPart", text: str) -> None:
    if part.lines:
        lines = (
            json.dumps({"file": part.path, "text": line}, ensure_ascii=False) for line in text.split("\n")
        )
        _write("\n".join(lines) + "\n")


def _write(text: str) -> None:
    """Raises BrokenPipeError where nobody reads any more: following has no other end then."""
    sys.stdout.write(text)
    sys.stdout.flush()


def _note(text: str) -> None:
    """Beside the log, so that what is on stdout is the log and nothing else."""
    from deployer.cli.sentences import harmless

    typer.echo(harmless(text), err=True)
