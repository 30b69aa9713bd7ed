"""The server's side of one site with releases: its folders, and workers that import its WSGI file."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from deployer.model.digest import blob_digest
from deployer.model.files import FileEntry
from deployer.model.release import ReleaseList
from deployer.release import switch_source, write_archives

DRIVER = """
import json, os, sys
name = "application_of_the_site"
import importlib.util
spec = importlib.util.spec_from_file_location(name, sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
said = {}
for path in ["/"] + sys.argv[2:]:
    body = b"".join(module.application({"PATH_INFO": path}, lambda status, headers: None))
    said[path] = body.decode()
print(json.dumps(said))
"""
"""Imports the file as a web server does, asks it for some pages, and prints what they say."""

WSGI = """
import os
import version
HERE = os.path.dirname(os.path.abspath(__file__))

def application(environ, start_response):
    start_response("200 OK", [])
    with open(os.path.join(HERE, "page.txt")) as page:
        return [("%s %s" % (version.NAME, page.read())).encode()]
"""


def version(name: str, **more: str | bytes) -> dict[str, bytes]:
    """The files of a site whose page says the name twice: from a module and from a file."""
    files: dict[str, str | bytes] = {"wsgi.py": WSGI, "version.py": f"NAME = {name!r}\n", "page.txt": name}
    files |= {path.replace("__", "/"): content for path, content in more.items()}
    return {path: data if isinstance(data, bytes) else data.encode() for path, data in files.items()}


@dataclass(slots=True)
class Server:
    """Below `root`: the target, the record, and the WSGI file that is tested."""

    root: Path
    python: str = sys.executable
    record: dict[str, Any] = field(default_factory=dict)
    known: dict[str, Mapping[str, FileEntry]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.target, self.incoming):
            folder.mkdir(parents=True, exist_ok=True)
        self.wsgi.write_bytes(switch_source(target=str(self.target), record=str(self.folder)))

    @property
    def target(self) -> Path:
        return self.root / "site"

    @property
    def folder(self) -> Path:
        return self.root / "record"

    @property
    def incoming(self) -> Path:
        return self.folder / "incoming"

    @property
    def wsgi(self) -> Path:
        return self.root / "site_wsgi.py"

    @property
    def live(self) -> str | None:
        current = self.target / "current"
        return current.readlink().name if current.is_symlink() else None

    @property
    def report(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return said

    def send(
        self,
        files: Mapping[str, bytes],
        *,
        base: str | None = None,
        commit: str = "c" * 40,
        executable: frozenset[str] = frozenset(),
        most_bytes: int | None = None,
        **order: Any,
    ) -> str:
        """Upload a release and name it as wanted. Returns its id."""
        entries = {
            path: FileEntry(
                blob_digest(data, like=""), len(data), "100755" if path in executable else "100644"
            )
            for path, data in files.items()
        }
        wanted = ReleaseList(
            commit=commit,
            files=entries,
            links=order.pop("links", {}),
            shared=order.pop("shared", ()),
            wsgi="wsgi.py",
        )

        def content(path: str) -> AbstractContextManager[BinaryIO]:
            return BytesIO(files[path])

        archives = []
        limit = {} if most_bytes is None else {"most_bytes": most_bytes}
        for archive in write_archives(wanted, self.known.get(base or "", {}), content, **limit):
            with (self.incoming / archive.name).open("wb") as place:
                shutil.copyfileobj(archive.file, place)
            archives.append({"name": archive.name, "size": archive.size, "sha256": archive.sha256})
        self.known[wanted.id] = entries
        self.want(
            {"id": wanted.id, "archives": archives, "base": base, "wsgi": "wsgi.py", "deployment": wanted.id}
            | order
        )
        return wanted.id

    def want(self, order: Mapping[str, Any]) -> None:
        """As a deployment that is under way does."""
        self.record["pending"] = {"release": dict(order)}
        self.write_record()

    def confirm(self) -> None:
        """As a deployment does that has seen the site answer."""
        self.record = {"release": self.record["pending"]["release"], "pending": None}
        self.write_record()

    def write_record(self) -> None:
        (self.folder / "manifest.json").write_text(json.dumps(self.record))

    def archive(self, release: str) -> Path:
        """Its first one, as it was sent."""
        (path,) = self.incoming.glob(f"{release}-0-*.zip")
        return path

    def worker(self, *paths: str) -> dict[str, str]:
        """Import the WSGI file in a process of its own and ask it for "/" and these. Raises WorkerFailed."""
        run = subprocess.run(
            [self.python, "-c", DRIVER, str(self.wsgi), *paths], capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise WorkerFailed(run.stderr)
        said: dict[str, str] = json.loads(run.stdout)
        return said

    def page(self) -> str:
        return self.worker()["/"]


class WorkerFailed(Exception):
    """The WSGI file could not be imported; the text is what it printed."""


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def tree(folder: Path) -> dict[str, tuple[str, bytes | str]]:
    """Path -> permissions and content, or `link` and where it leads."""
    found: dict[str, tuple[str, bytes | str]] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", str(path.readlink()))
        elif path.is_file():
            found[name] = (f"{path.stat().st_mode & 0o7777:o}", path.read_bytes())
    return found


def impatient(server: Server) -> None:
    """The tests need not wait as long as the platform's storage, or another worker, may need."""
    source = server.wsgi.read_text()
    server.wsgi.write_text(re.sub(r"(PATIENCE|TURN)_S = [0-9.]+", r"\1_S = 0.2", source))
