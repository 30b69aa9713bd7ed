"""What the platform can hold, of what git can."""

import re

MAX_BYTES = 100 * 1024 * 1024
"""Help page "Uploading and downloading files": 100 MiB for one upload. It speaks of the browser;
whether the API has the same limit nobody knows."""
MAX_NAME = 255
"""Bytes of one name, on every usual Linux file system."""
MAX_PATH = 4096
"""Bytes of a whole path on Linux."""

_IMPOSSIBLE = re.compile(r"[\x00-\x1f\x7f]|(?P<not_utf8>[\ud800-\udfff])|(?:^|/)\.{0,2}(?:/|$)")
_SURELY_SHORT = MAX_NAME // 4


def path_problem(path: str) -> str | None:
    """Why a path cannot be sent; None when it can."""
    if found := _IMPOSSIBLE.search(path):
        what = "is not UTF-8" if found["not_utf8"] else "has control characters, or leads elsewhere"
        return f"{path!r}: the name {what}; rename it"
    if len(path) > _SURELY_SHORT:
        raw = path.encode()
        if len(raw) > MAX_PATH or any(len(name) > MAX_NAME for name in raw.split(b"/")):
            return f"{path}: a name may have {MAX_NAME} bytes and a path {MAX_PATH}; shorten it"
    return None


def size_problem(path: str, size: int) -> str | None:
    """Why a file of that size cannot be sent; None when it can."""
    if size <= MAX_BYTES:
        return None
    return (
        f"{path}: {size / 1024 / 1024:.1f} MiB, and the platform takes 100 MiB at once; "
        "exclude it in [files] exclude and bring it there by other means"
    )
