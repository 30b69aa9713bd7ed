"""What is refused before anything is written, and what overrides each refusal."""

import ast
import re
from collections.abc import Iterable, Mapping
from posixpath import basename

from deployer.model.files import Change, FileEntry
from deployer.model.site import FileRules, MaxDelete

HEAD_BYTES = 65_536
"""How much of a file is looked at: a private key or an LFS pointer is far smaller than this."""

_PRIVATE_KEY = re.compile(rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s*$", re.MULTILINE)
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_SECRET_NAMES = re.compile(r"\.env(\..+)?|id_(rsa|dsa|ecdsa|ed25519)|\.netrc|\.pgpass|\.pypirc")
_HARMLESS_NAMES = re.compile(r".*\.(example|sample|template|dist|tmpl|tpl|defaults?)")


def named(paths: Iterable[str], most: int = 5) -> str:
    """The first few of many paths, for a message."""
    listed = sorted(paths)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def empty_source(shipped: int, commit: str, rules: FileRules) -> str | None:
    """A commit that ships nothing is far more often a mistake than a wish."""
    if shipped:
        return None
    where = f"below {rules.source}/" if rules.source else "at all"
    return (
        f"commit {commit[:10]} ships no file {where}: check app.source and files.exclude, "
        "or pass --allow-empty"
    )


def too_many_deletes(deletes: int, shipped: int, limit: MaxDelete) -> str | None:
    """`shipped` is what the last deployment had put there."""
    if limit.allows(deletes, shipped=shipped):
        return None
    return (
        f"{deletes} of {shipped} shipped files would be deleted, more than max_delete = {limit}: "
        f"if that is meant, pass --max-delete {deletes}"
    )


def secrets(changes: Iterable[Change], heads: Mapping[str, bytes], rules: FileRules) -> list[str]:
    """Files that look like secrets by name or content, unless they are allowed by name.

    `heads` holds the first HEAD_BYTES of the files that would be sent.
    """
    refusals = []
    for change in changes:
        if change.after is None or change.path in rules.allow:
            continue
        if what := _secret(change.path, heads.get(change.path, b"")):
            refusals.append(
                f"{change.path} {what}: remove it from the repository (and from its history), "
                f'or name it in [files] allow = ["{change.path}"]'
            )
    return refusals


def _secret(path: str, head: bytes) -> str | None:
    name = basename(path)
    if _SECRET_NAMES.fullmatch(name) and not _HARMLESS_NAMES.fullmatch(name):
        return "is tracked and usually holds secrets"
    if _PRIVATE_KEY.search(head):
        return "holds a private key"
    return None


def lfs_pointers(changes: Iterable[Change], heads: Mapping[str, bytes]) -> list[str]:
    """Files whose real content is not in the repository: shipping the pointer would break the site."""
    return [
        f"{change.path} is a Git LFS pointer, its content is not in the repository: "
        "commit the file itself, or exclude it in [files] exclude"
        for change in changes
        if change.after is not None and heads.get(change.path, b"").startswith(_LFS_POINTER)
    ]


def broken_wsgi(path: str, content: bytes, *, site_python: str, our_python: tuple[int, int]) -> str | None:
    """A WSGI file with a syntax error takes the site down; found here, it costs nothing.

    An older Python than the site's cannot judge: to it, newer syntax looks like an error.
    """
    if our_python < tuple(int(part) for part in site_python.split(".")[:2]):
        return None
    try:
        ast.parse(content, filename=path)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{path} line {line}" if line else path
        return f"{where}: {getattr(error, 'msg', error)}: the site could not start, mend it and commit"
    return None


def outside_target(paths: Iterable[str]) -> list[str]:
    """Paths relative to the target that would leave it; git cannot hold them, a broken record could."""
    return [
        f"{path!r} would leave the target: the record on the server is damaged"
        for path in paths
        if path.startswith("/") or ".." in path.split("/") or not path
    ]


def small_enough_to_read(entry: FileEntry) -> bool:
    """Whether the content guards look into a file at all."""
    return entry.size <= HEAD_BYTES
