"""A site's three logs: /var/log/<domain>.access.log, .error.log and .server.log."""

import time
from pathlib import Path

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting.model import SiteRequest, SiteResponse


class SiteLogs:
    """Each line opens its file anew: people delete logs through the API while the site runs."""

    def __init__(self, disk: AccountDisk, domain: str) -> None:
        self._disk = disk
        self._domain = domain

    def account_path(self, kind: str) -> str:
        return f"/var/log/{self._domain}.{kind}.log"

    def real(self, kind: str) -> Path:
        return self._disk.real(self.account_path(kind))

    def server(self, text: str) -> None:
        self._append("server", time.strftime("%Y-%m-%d %H:%M:%S ", time.gmtime()) + text)

    def error(self, text: str) -> None:
        now = time.time()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
        self._append("error", f"{stamp},{int(now % 1 * 1000):03d}: {text}")

    def access(self, request: SiteRequest, response: SiteResponse) -> None:
        self.visit(request, response.status, len(response.body))

    def visit(self, request: SiteRequest, status: int, size: int) -> None:
        """One line in the combined format of the common web servers; `size` is that of the answer's body."""
        when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        line = _quoted(f"{request.method} {request.target} HTTP/1.1")
        referer, agent = (_quoted(request.header(name) or "-") for name in ("referer", "user-agent"))
        self._append("access", f"{request.client} - - [{when}] {line} {status} {size} {referer} {agent}")

    def _append(self, kind: str, line: str) -> None:
        with self.real(kind).open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(line + "\n")


def _quoted(text: str) -> str:
    """In quotes, with nothing in it that could end them or the line."""
    printable = text.encode("unicode_escape").decode()
    return '"' + printable.replace('"', '\\"') + '"'
