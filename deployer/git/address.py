"""Addresses of remote repositories: which are taken, where they are mirrored, what of them is shown."""

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

from deployer.errors import UsageError

_READABLE = 60


def checked_url(url: str) -> str:
    """The same. Raises UsageError for one that git would take for an option, a program or a secret."""
    shown = without_secrets(url)
    if not url or not url.isprintable() or url.startswith("-"):
        raise UsageError(f"{shown!r} is not the address of a repository")
    if re.match(r"[\w+.-]+::", url):
        raise UsageError(
            f"{shown} would run a program of its own to fetch",
            hint="Addresses begin with https://, ssh:// or file://, or are like git@example.org:blog.git.",
        )
    try:
        password = urlsplit(url).password
    except ValueError:
        raise UsageError(f"{shown!r} is not the address of a repository") from None
    if password:
        raise UsageError(
            f"{shown} has a password in it, which every user of this machine could see in the process list",
            hint="Use git's credential helper, or an SSH address as in git@example.org:blog.git.",
        )
    return url


def mirror_folder(state: Path, url: str) -> Path:
    """Where the repository at `url` is mirrored: a name to recognise it by, and a digest to tell it apart.

    Addresses that differ in anything are kept apart, also where they lead to the same repository. Raises
    UsageError as `Mirror` does.
    """
    bare = checked_url(url).partition("://")[2] or url
    words = re.sub(r"[^A-Za-z0-9.]+", "-", bare.rpartition("@")[2].removesuffix("/").removesuffix(".git"))
    digest = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return state / "mirrors" / f"{words[:_READABLE].strip('-.') or 'repository'}-{digest}.git"


def without_secrets(text: str) -> str:
    """What may stand in messages: no user information and no query of any address in it."""
    text = re.sub(r"(?<=://)[^/\s@']+(?:@[^/\s@']+)*@", "***@", text)
    return re.sub(r"(://[^\s?']+)\?[^\s']+", r"\1?***", text)
