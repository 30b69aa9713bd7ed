"""Sites, manifests and entries for tests of pure decisions."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from deployer.model.files import Commit, FileEntry
from deployer.model.manifest import FileTable, Live, Manifest
from deployer.model.site import FileRules, HealthCheck, Site, WebAppSettings
from deployer.planning.changes import fingerprint

TARGET = "/home/alice/mysite"
COMMIT = Commit(id="c" * 40, author="A", subject="s", committed_at="2026-01-01T00:00:00+00:00")
BEFORE = "b" * 40


def entry(content: str, mode: str = "100644") -> FileEntry:
    data = content.encode()
    digest = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return FileEntry(digest, len(data), mode)


def site(**rules: Any) -> Site:
    return Site(
        username="alice",
        domain="alice.pythonanywhere.com",
        target=TARGET,
        files=FileRules(**rules),
        webapp=WebAppSettings(),
        wsgi=None,
        static=(),
        tasks=(),
        health=HealthCheck(),
    )


def manifest(files: Mapping[str, FileEntry], **fields: Any) -> Manifest:
    live = Live(commit=BEFORE, deployment="d", since=datetime(2026, 1, 1, tzinfo=UTC))
    base = Manifest(
        domain="alice.pythonanywhere.com",
        target=TARGET,
        commit=BEFORE,
        rules=fingerprint(FileRules()),
        plain=True,
        live=live,
        files=FileTable(files),
    )
    return replace(base, **fields)
