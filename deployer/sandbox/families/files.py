"""`files/path` and `files/tree/`: uploading, downloading, listing and deleting."""

import errno
import os
import posixpath
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

from starlette.responses import Response, StreamingResponse

from deployer.sandbox.bodies import MULTIPART, Sink, media_type, read, read_multipart
from deployer.sandbox.disk import OutsideAccountError, QuotaExceededError
from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.fields import Body
from deployer.sandbox.listing import directory, tree
from deployer.sandbox.replies import FORBIDDEN, Cut, RefusalError, detail, page, refusal, reply
from deployer.sandbox.shapes import TEXT, TEXTS, Shape, thing

BINARY = (
    "application/octet-stream; charset=utf-8"  # whatever the name, by the fixtures of pythonanywhere-core
)
CHUNK_BYTES = 256 * 1024
MULTIPART_ROOM = 64 * 1024  # what boundary and part headers may add to a file
NO_CONTENT = "You must provide a file with the name 'content'."


async def download(call: Call) -> Response:
    """A file's bytes, or a directory's entries by name."""
    path = _path(call)
    try:
        real = call.account.disk.real(path)
        if real.is_dir():
            base = f"{call.request.base_url}api/v0/user/{call.account.user}/files/path"
            return reply(directory(call.account.disk, real, base, call.switches))
        if real.is_file():
            return _content(real)
    except OutsideAccountError as error:
        if call.switches.foreign_read == "forbidden":
            raise detail(403, FORBIDDEN) from error
    except OSError:  # not readable, or a name no disk could hold: the same as not there
        pass
    raise detail(404, f"No such file or directory: {path}")


async def upload(call: Call) -> Response:
    """The part `content`, which needs a file name, becomes the file; missing directories are made."""
    path = _path(call)
    if int(call.request.headers.get("content-length", "0")) > _most_bytes(call) + MULTIPART_ROOM:
        raise _too_large(call)
    try:
        target = call.account.disk.real(path)
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        is_new = await _receive(call, target)
    except OutsideAccountError as error:
        raise refusal(403, {call.switches.foreign_write: FORBIDDEN}) from error
    except OSError as error:
        raise detail(call.switches.misplaced_upload, f"{path}: {error.strerror}") from error
    _reload_after(call, call.account.disk.account_path(target))
    return Response(status_code=201 if is_new else 200)


async def delete(call: Call) -> Response:
    """A directory goes with everything in it, a link without what it points to."""
    path = _path(call)
    disk = call.account.disk
    try:
        real = disk.real(path, follow=False)
        if disk.account_path(real) in disk.roots:
            text = "You do not have permission to delete this"
            raise refusal(403, {"message": text, "code": "forbidden"})
        await call.account.threads.run(disk.remove, real)
    except (OutsideAccountError, OSError) as error:
        raise refusal(404, {"message": "File does not exist", "code": "not_found"}) from error
    return Response(status_code=204)


async def show_tree(call: Call) -> Response:
    path = call.request.query_params.get("path")
    if path is None:
        raise refusal(400, {"path": ["This field is required."]})
    try:
        real = call.account.disk.real(path)
        if not real.is_dir():
            raise detail(400, f"{path} is not a directory" if real.exists() else f"{path} does not exist")
    except (OutsideAccountError, OSError) as error:
        raise detail(400, f"{path} does not exist") from error
    base = posixpath.normpath("/" + path.strip("/"))
    return reply(await call.account.threads.run(tree, call.account.disk, real, base, call.switches))


def _path(call: Call) -> str:
    path = call.params["path"]
    return unquote(path) if call.switches.path_decoding == "twice" else path


def _content(file: Path) -> Response:
    size = file.stat().st_size
    if size <= CHUNK_BYTES:
        return Response(file.read_bytes(), media_type=BINARY)
    return StreamingResponse(_chunks(file, size), headers={"content-length": str(size)}, media_type=BINARY)


async def _chunks(path: Path, size: int) -> AsyncIterator[bytes]:
    """As many bytes as were promised, also of a log that grows meanwhile."""
    with path.open("rb") as file:
        while size > 0 and (chunk := file.read(min(size, CHUNK_BYTES))):
            size -= len(chunk)
            yield chunk


class _Content:
    """What is written as it arrives, up to the largest upload there is."""

    def __init__(self, call: Call, path: Path) -> None:
        self._call = call
        self._left = _most_bytes(call)
        self._file = path.open("wb")

    def write(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._call)
        self._file.write(data)
        self._file.flush()  # who writes in place is seen writing

    def close(self) -> None:
        self._file.close()


async def _receive(call: Call, target: Path) -> bool:
    """Write the part `content` to `target`; whether it is new there."""
    disk = call.account.disk
    if call.switches.upload_write == "torn":
        before = disk.prepare(target)
        await _read_content(call, target)
        disk.settle(target, before)
        return before is None
    with disk.upload() as received:
        await _read_content(call, received)
        try:
            return disk.install(received, target)
        except QuotaExceededError:
            if call.switches.quota_leaves == "truncated-file":
                os.truncate(received, max(0, disk.quota_bytes - disk.used_bytes))
                disk.install(received, target)
            raise


async def _read_content(call: Call, path: Path) -> None:
    if media_type(call.request) != MULTIPART:
        await read(call.request)  # refuses what cannot be read at all
        raise detail(400, NO_CONTENT)
    opened: list[_Content] = []

    def open_file(name: str) -> Sink | None:
        if name != "content":
            return None
        opened.append(_Content(call, path))
        return opened[-1]

    try:
        await read_multipart(call.request, open_file)
    finally:
        for content in opened:
            content.close()
    if not opened:
        raise detail(400, NO_CONTENT)


def _most_bytes(call: Call) -> int:
    return call.account.options.max_upload_bytes


def _too_large(call: Call) -> RefusalError:
    """The figure is public for the browser's upload only, the answer of the API is not."""
    return RefusalError(Cut() if call.switches.oversized_upload == "cut" else page(413))


def _reload_after(call: Call, path: str) -> None:
    sites, switches = call.account.sites, call.switches
    webapp = sites.of_wsgi_file(path)
    if webapp and switches.wsgi_upload == "reloads":
        sites.reload_later(webapp.body["domain_name"], switches.wsgi_upload_delay_s)


UPLOAD = Body(fields={}, files=("content",))
ENTRY = thing({"type": {"enum": ["file", "directory", "symlink"]}, "url": TEXT})
ENTRIES: Shape = {"type": "object", "additionalProperties": ENTRY}
ENDPOINTS = (
    Endpoint(
        name="files/path{path}",
        handlers={"GET": download, "POST": upload, "DELETE": delete},
        takes={"POST": UPLOAD},
        gives={"GET": {200: ENTRIES}, "POST": {201: None, 200: None}, "DELETE": {204: None}},
    ),
    Endpoint(
        name="files/tree/",
        handlers={"GET": show_tree},
        asks={"GET": ("path",)},
        gives={"GET": {200: TEXTS}},
    ),
)
