"""Shared files: which path has which link, and the page that a link opens, for whoever has it."""

import posixpath
import re
import secrets
import zipfile
from pathlib import Path

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from deployer.sandbox.disk import AccountDisk, OutsideAccountError
from deployer.sandbox.replies import SURROGATE, page
from deployer.sandbox.store import Record, Store
from deployer.sandbox.threads import Threads

SHARE = "share"
LINK = re.compile(r"/user/(?P<user>[^/]+)/shares/(?P<key>[^/]+)/?")
BINARY = "application/octet-stream"


class Shares:
    """Used by the thread that serves. A share belongs to a path: what lies there may come, change and go."""

    def __init__(self, store: Store, disk: AccountDisk) -> None:
        self._store = store
        self._disk = disk

    def find(self, path: str) -> Record | None:
        wanted = _named(path)
        return next((each for each in self._store.all(SHARE) if each.body["path"] == wanted), None)

    def start(self, path: str) -> Record:
        return self._store.add(SHARE, {"path": _named(path), "key": secrets.token_urlsafe(12)})

    def stop(self, share: Record) -> None:
        self._store.remove(share)

    def link(self, share: Record) -> str:
        """Relative to the API's host."""
        return f"/user/{self._disk.username}/shares/{share.body['key']}/"

    def behind(self, url_path: str) -> Path | None:
        """The shared file or directory that this link opens; None for a link that leads nowhere."""
        match = LINK.fullmatch(url_path)
        if match is None or match["user"] != self._disk.username:
            return None
        share = next((each for each in self._store.all(SHARE) if each.body["key"] == match["key"]), None)
        try:
            real = self._disk.real(share.body["path"]) if share else None
            return real if real and real.exists() else None
        except (OutsideAccountError, OSError):  # replaced by a link to somewhere else, or unreadable
            return None


class SharedPages:
    """The ASGI application of the links: a file is a download, a directory a zip of the files in it.

    What the platform's page looks like is not public. It needs no token: having the link is the right.
    """

    def __init__(self, shares: Shares, disk: AccountDisk, threads: Threads) -> None:
        self._shares = shares
        self._disk = disk
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            refused = page(405)
            refused.headers["allow"] = "GET, HEAD"
            return refused
        real = self._shares.behind(scope["path"])
        if real is None:
            return page(404, "Nothing is shared here, or not any more.")
        if not real.is_dir():
            return FileResponse(real, media_type=BINARY, filename=real.name)
        packed = self._disk.uploads / f"{secrets.token_hex(16)}.zip"
        await self._threads.run(_pack, real, packed)
        gone = BackgroundTask(packed.unlink, missing_ok=True)
        return FileResponse(
            packed, media_type="application/zip", filename=f"{real.name}.zip", background=gone
        )


def is_link(url_path: str) -> bool:
    return LINK.fullmatch(url_path) is not None


def _named(path: str) -> str:
    """One name for `/home/alice/x`, `/home/alice/x/` and `/home//alice/x`."""
    return posixpath.normpath("/" + path.lstrip("/"))


def _pack(directory: Path, archive: Path) -> None:
    """Regular files only: a link may lead to what nobody wanted to share."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as packed:
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink():
                packed.write(path, SURROGATE.sub("\ufffd", str(path.relative_to(directory))))
