"""What the site itself says of a failure: the ends of its logs, read before anything else is touched."""

from datetime import datetime, timedelta

from deployer.deployment.logs import SiteLog, newer, site_log
from deployer.deployment.password import masked
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError

LINES = 25
"""The end of a log that is shown; a traceback of a web framework is about this long."""


SKEW = timedelta(seconds=2)
"""How far this machine's clock may be ahead of the platform's."""
_KINDS: tuple[SiteLog, ...] = ("error", "server")


def gather(work: SiteWork, excerpt: str, since: datetime) -> str:
    """The answer's excerpt and the new lines of the error and server logs, for a person, without token and
    password.

    `since` is when the reload was asked for. Older lines belong to other deployments.
    """
    parts = [_section("the site answered", masked(work, excerpt))]
    for kind in _KINDS:
        path = site_log(work.site, kind)
        try:
            text = work.api.files.read(path).decode(errors="replace")
        except ApiError as error:
            text = f"(not readable: {error.message})"
        parts.append(_section(path, "\n".join(newer_lines(text, since - SKEW)[-LINES:])))
    return masked(work, "\n".join(part for part in parts if part))


def newer_lines(text: str, since: datetime) -> list[str]:
    """The lines from the first one on whose time is not before `since`; all of them where none is."""
    lines = tuple(text.splitlines())
    return list(newer(lines, since).lines or lines)


def _section(title: str, text: str) -> str:
    lines = text.strip().splitlines()
    return "\n".join((f"  {title}:", *(f"    {line}" for line in lines))) if lines else ""
