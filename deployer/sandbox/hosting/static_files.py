"""A site's static mappings, served before the application is asked.

By the platform's help pages DebuggingStaticFiles and HostingAStaticSite: the final slash of a URL does not
matter, the first mapping that fits wins, a mapping may be a single file, and directories show `index.html`.
Where the pages are silent this does as nginx does, which the platform's front is said to be.
"""

import email.utils
import mimetypes
import posixpath
import urllib.parse
from collections.abc import Iterable
from pathlib import Path

from deployer.sandbox.disk import AccountDisk, OutsideAccountError
from deployer.sandbox.hosting import pages
from deployer.sandbox.hosting.model import SiteRequest, SiteResponse

TYPES = mimetypes.MimeTypes()  # Python's own table, the same on every machine
DEFAULT_TYPE = "application/octet-stream"
COMPRESSED_TYPES = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


def respond(
    disk: AccountDisk, mappings: Iterable[tuple[str, str]], request: SiteRequest
) -> SiteResponse | None:
    """The answer of the first mapping that fits; None where the application has to answer."""
    path = resolved_path(request.path)
    if path is None:
        return pages.bad_request()
    for url, account_path in mappings:
        rest = remainder(path, url)
        if rest is not None:
            return _serve(disk, account_path, rest, request)
    return None


def resolved_path(path: str) -> str | None:
    """Decoded once, `.`, `..` and repeated slashes resolved; None where it would leave the site."""
    try:
        decoded = urllib.parse.unquote(path, errors="strict")
    except UnicodeDecodeError:
        decoded = urllib.parse.unquote(path, errors="surrogateescape")
    names: list[str] = []
    for name in decoded.split("/"):
        if name == ".." and not names:
            return None
        if name == "..":
            names.pop()
        elif name not in ("", "."):
            names.append(name)
    is_directory = decoded.endswith(("/", "/.", "/..")) and names
    return None if "\0" in decoded else "/" + "/".join(names) + ("/" if is_directory else "")


def remainder(path: str, url: str) -> str | None:
    """What follows the mapping's URL, "" or with a slash in front; None where the path is not below it."""
    prefix = url.rstrip("/")
    if path == prefix or path.startswith(prefix + "/"):
        return path[len(prefix) :]
    return None


def _serve(disk: AccountDisk, account_path: str, rest: str, request: SiteRequest) -> SiteResponse:
    if request.method not in ("GET", "HEAD"):
        return pages.not_allowed()
    wanted = posixpath.normpath(account_path) + rest.rstrip("/")
    try:
        if not disk.real(wanted).is_dir():
            return pages.not_found() if rest.endswith("/") else _file_response(disk.real(wanted), request)
        if not request.path.endswith("/"):
            return pages.moved(301, request.path + "/")
        index = disk.real(wanted + "/index.html")
        return _file_response(index, request) if index.exists() else pages.forbidden()
    except (OSError, OutsideAccountError):
        return pages.not_found()


def _file_response(file: Path, request: SiteRequest) -> SiteResponse:
    """Raises OSError for what cannot be read."""
    if not file.is_file():
        return pages.not_found()  # a pipe or a device would never end
    changed_s = int(file.stat().st_mtime)
    headers = (("Last-Modified", email.utils.formatdate(changed_s, usegmt=True)),)
    if _seen_since(request.header("if-modified-since"), changed_s):
        return SiteResponse(status=304, headers=headers, body=b"")
    body = file.read_bytes()
    about = (("Content-Type", content_type(file.name)), ("Content-Length", str(len(body))))
    shown = b"" if request.method == "HEAD" else body
    return SiteResponse(status=200, headers=(*about, *headers), body=shown)


def content_type(name: str) -> str:
    kind, encoding = TYPES.guess_type(name)
    if encoding:
        return COMPRESSED_TYPES.get(encoding, DEFAULT_TYPE)
    return kind or DEFAULT_TYPE


def _seen_since(header: str, changed_s: int) -> bool:
    try:
        return email.utils.parsedate_to_datetime(header).timestamp() >= changed_s
    except ValueError:
        return False
