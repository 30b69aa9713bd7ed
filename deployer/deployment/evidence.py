"""What the site itself says of a failure: the ends of its logs, read before anything else is touched."""

import re
from datetime import datetime, timedelta

from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError

LINES = 25
"""The end of a log that is shown; a traceback of a web framework is about this long."""


SKEW = timedelta(seconds=2)
"""How far this machine's clock may be ahead of the platform's."""
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


def gather(work: SiteWork, excerpt: str, since: datetime) -> str:
    """The answer's excerpt and the new lines of the error and server logs, for a person, without the token.

    `since` is when the reload was asked for. Older lines belong to other deployments.
    """
    parts = [_section("the site answered", work.api.masked(excerpt))]
    for kind in ("error", "server"):
        path = f"/var/log/{work.site.domain}.{kind}.log"
        try:
            text = work.api.files.read(path).decode(errors="replace")
        except ApiError as error:
            text = f"(not readable: {error.message})"
        parts.append(_section(path, "\n".join(newer_lines(text, since - SKEW)[-LINES:])))
    return work.api.masked("\n".join(part for part in parts if part))


def newer_lines(text: str, since: datetime) -> list[str]:
    """The lines from the first one on whose time is not before `since`; all of them where none is.

    The platform's logs begin their lines with the time, UTC; the lines of a traceback may have none.
    """
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if (stamp := _STAMP.match(line)) and datetime.fromisoformat(f"{stamp[1]}+00:00") >= since:
            return lines[number:]
    return lines


def _section(title: str, text: str) -> str:
    lines = text.strip().splitlines()
    return "\n".join((f"  {title}:", *(f"    {line}" for line in lines))) if lines else ""
