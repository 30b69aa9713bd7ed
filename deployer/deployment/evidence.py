"""What the site itself says of a failure: the ends of its logs, read before anything else is touched."""

from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError

LINES = 25
"""The end of a log that is shown; a traceback of a web framework is about this long."""


def gather(work: SiteWork, excerpt: str) -> str:
    """The answer's excerpt and the ends of the error and server logs, for a person, without the token."""
    parts = [_section("the site answered", work.api.masked(excerpt))]
    for kind in ("error", "server"):
        path = f"/var/log/{work.site.domain}.{kind}.log"
        try:
            text = work.api.files.read(path).decode(errors="replace")
        except ApiError as error:
            text = f"(not readable: {error.message})"
        parts.append(_section(path, "\n".join(text.splitlines()[-LINES:])))
    return work.api.masked("\n".join(part for part in parts if part))


def _section(title: str, text: str) -> str:
    lines = text.strip().splitlines()
    return "\n".join((f"  {title}:", *(f"    {line}" for line in lines))) if lines else ""
