"""The record of what is on the server, kept on the server: `~/.deployer/<domain>/manifest.json`.

The file is ordinary JSON whose last key, `files`, stands on lines of its own, so that planning a
small change to a large site never has to read them: the head is parsed at once, the files when
somebody looks.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

from deployer.model.files import FileEntry
from deployer.model.release import ArchiveRef, KnownRelease, ReleaseOrder
from deployer.model.site import (
    AlwaysOnTask,
    ScheduledTask,
    Site,
    StaticHeader,
    StaticMapping,
    WebAppSettings,
)
from deployer.model.tls import AppliedTls

FORMAT = 1
_FILES_MARK = b'\n"files":{\n'
_END = b"\n}}\n"
Thing = TypeVar("Thing", StaticMapping, StaticHeader, ScheduledTask, AlwaysOnTask)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class ManifestUnreadable(ValueError):
    """The bytes are not a manifest that this version understands."""


class FileTable(Mapping[str, FileEntry]):
    """Path -> entry, from the lines that `dump` wrote.

    They are parsed when somebody looks at all of them; a single path is found by bisecting them.
    """

    __slots__ = ("_count", "_end", "_entries", "_start", "_text")

    def __init__(self, entries: Mapping[str, FileEntry]) -> None:
        self._entries: Mapping[str, FileEntry] | None = entries
        self._text = b""
        self._start = self._end = 0
        self._count = len(entries)

    @classmethod
    def unparsed(cls, text: bytes, count: int, *, start: int = 0, end: int | None = None) -> Self:
        """The lines are `text[start:end]`: megabytes that nobody has to copy."""
        table = cls({})
        table._entries, table._text, table._count = None, text, count
        table._start, table._end = start, len(text) if end is None else end
        return table

    @property
    def entries(self) -> Mapping[str, FileEntry]:
        if self._entries is None:
            self._entries = _parse_lines(self._text[self._start : self._end])
        return self._entries

    def __getitem__(self, path: str) -> FileEntry:
        if self._entries is not None:
            return self._entries[path]
        low, high = self._start, self._end
        while low < high:
            start = max(self._text.rfind(b"\n", low, (low + high) // 2) + 1, low)
            end = self._text.find(b"\n", start, high)
            end = high if end == -1 else end
            found, entry = _parse_line(self._text[start:end])
            if found == path:
                return entry
            low, high = (end + 1, high) if found < path else (low, start)
        raise KeyError(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self.entries) == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def dump(self) -> bytes:
        """One line per file, sorted: two manifests can be compared with diff."""
        lines = (f"{_encode(path)}:{_encode(entry)}" for path, entry in sorted(self.entries.items()))
        return ",\n".join(lines).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied(Generic[Thing]):
    """A setting of a list, a mapping, header or task, with the id that the server gave it."""

    id: int
    thing: Thing


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedSettings:
    """The platform settings that we put there. While they equal what is wanted, nothing is asked."""

    webapp: WebAppSettings | None = None
    """None: we have never seen this web app configured."""
    static: tuple[Applied[StaticMapping], ...] = ()
    tasks: tuple[Applied[ScheduledTask], ...] = ()
    wsgi: str | None = None
    """Digest of the WSGI file that we uploaded."""
    command: str | None = None
    """What serves the website; None: it is not one, or not ours."""
    enabled: bool | None = None
    """What was last said of it; kept when nothing is said any more, since the site stays as it was put."""
    password: str | None = None
    """Salted fingerprint of the password that visitors have to give."""
    headers: tuple[Applied[StaticHeader], ...] = ()
    always_on: tuple[Applied[AlwaysOnTask], ...] = ()
    tls: AppliedTls | None = None
    """The certificate; None: it is not ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The last commit that was seen to answer as it should."""

    commit: str
    deployment: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A commit that did not answer as it should, or that was rolled back: not deployed again by itself."""

    commit: str
    deployment: str
    reason: str
    webapp: WebAppSettings | None = None
    """What it changed of the web app, as that was before: a commit that does not name these settings would
    leave them as this one has made them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A deployment that has been begun: the intent, and the lock."""

    deployment: str
    owner: str
    """Identity of the state folder that deploys: the same owner may go on, nobody else may."""
    who: str
    """"user@host", for the message to everybody else."""
    commit: str
    started: datetime
    expires: datetime
    paths: tuple[str, ...]
    """Absolute server paths that it may have written or deleted: their content is not known."""
    settings: bool
    """Whether it may have changed platform settings."""
    static: tuple[StaticMapping, ...] = ()
    """Mappings that it may have created: found with an unknown id, they are ours."""
    tasks: tuple[ScheduledTask, ...] = ()
    """Tasks that it may have created."""
    headers: tuple[StaticHeader, ...] = ()
    always_on: tuple[AlwaysOnTask, ...] = ()
    hooks: tuple[str, ...] = ()
    """Changed paths, relative to the target, that hooks of the site ask for: these may not have been run to
    their end, even where all of `paths` is confirmed."""
    release: ReleaseOrder | None = None
    """What the WSGI file on the server is to serve, as long as nothing is recorded that says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What we recorded as being on the server."""

    domain: str
    target: str
    commit: str | None = None
    """The commit whose files these are; None: nothing was ever completed."""
    rules: str = ""
    """Fingerprint of the file rules that chose them."""
    plain: bool = False
    """`Snapshot.plain` of that commit."""
    live: Live | None = None
    previous: Live | None = None
    """What was live before: where `rollback` goes."""
    failed: Failed | None = None
    files: Mapping[str, FileEntry] = field(default_factory=lambda: FileTable({}))
    """Path relative to the target -> entry."""
    orphans: tuple[str, ...] = ()
    """Absolute paths of files that we shipped once and left behind (prune = "never", a moved target)."""
    theirs: frozenset[str] = frozenset()
    """Paths, relative to the target, that the commit ships, that `keep` names and that the site had
    already: not ours, and settled once instead of looked for by every run.
    """
    settings: AppliedSettings = AppliedSettings()
    pending: Pending | None = None
    release: ReleaseOrder | None = None
    """What `current` points at, where the site has releases: `files` are what is in it then."""
    releases: tuple[KnownRelease, ...] = ()
    """Those that are on the server, and those that failed last; the newest last."""
    flat: Mapping[str, FileEntry] = field(default_factory=dict)
    """Files straight in the target, of the site as it was before its first release. `switch.py` removes them
    when another release follows."""

    @classmethod
    def nothing(cls, site: Site) -> Self:
        """What is known of a site that we never deployed."""
        return cls(domain=site.domain, target=site.target)

    @property
    def place(self) -> str:
        """Where `files` are, without a link on the way: the platform's tree may or may not follow one."""
        if self.release is None:
            return self.target
        return f"{self.target.removesuffix('/current')}/releases/{self.release.id}"

    def with_pending(self, pending: Pending | None) -> Self:
        return replace(self, pending=pending)

    def prolonged(self, expires: datetime) -> Self:
        """The same claim, held for longer (or, with a moment that has passed, given up)."""
        return replace(self, pending=replace(self.pending, expires=expires) if self.pending else None)

    def dump(self) -> bytes:
        """JSON, with the files last and on lines of their own."""
        head = {
            "format": FORMAT,
            "domain": self.domain,
            "target": self.target,
            "commit": self.commit,
            "rules": self.rules,
            "plain": self.plain,
            "live": _plain(self.live),
            "previous": _plain(self.previous),
            "failed": _plain(self.failed),
            "orphans": self.orphans,
            "theirs": sorted(self.theirs),
            "settings": _plain(self.settings),
            "pending": _plain(self.pending),
            "release": _plain(self.release),
            "releases": [_plain(each) for each in self.releases],
            "flat": dict(self.flat),
            "count": len(self.files),
        }
        table = self.files if isinstance(self.files, FileTable) else FileTable(self.files)
        text = _encode(head).encode()
        return text[:-1] + b"," + _FILES_MARK + table.dump() + _END

    @classmethod
    def load(cls, data: bytes) -> Self:
        """Parse the head; the files are parsed when they are looked at.

        Raises ManifestUnreadable, also for a format newer than this program.
        """
        mark = data.find(_FILES_MARK)
        try:
            if mark != -1:
                if not data.endswith(_END):
                    raise ManifestUnreadable("its end is missing")
                head = json.loads(data[:mark].removesuffix(b",") + b"}")
                lines = {"start": mark + len(_FILES_MARK), "end": len(data) - len(_END)}
                files = FileTable.unparsed(data, head["count"], **lines)
            else:  # rewritten by somebody's JSON tool: still the same JSON
                head = json.loads(data)
                files = FileTable({path: FileEntry(*entry) for path, entry in head["files"].items()})
            if head["format"] != FORMAT:
                raise ManifestUnreadable(f"its format is {head['format']}, this program knows {FORMAT}")
            return cls(
                domain=head["domain"],
                target=head["target"],
                commit=head["commit"],
                rules=head["rules"],
                plain=head["plain"],
                live=_live(head["live"]),
                previous=_live(head.get("previous")),
                failed=_failed(head.get("failed")),
                files=files,
                orphans=tuple(head["orphans"]),
                theirs=frozenset(head.get("theirs", ())),
                settings=_settings(head["settings"]),
                pending=_pending(head["pending"]),
                release=_order(head.get("release")),
                releases=tuple(_known(each) for each in head.get("releases", ())),
                flat={path: FileEntry(*entry) for path, entry in head.get("flat", {}).items()},
            )
        except ManifestUnreadable:
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ManifestUnreadable(f"{type(error).__name__}: {error}") from error


def _parse_lines(lines: bytes) -> dict[str, FileEntry]:
    try:
        return {path: FileEntry(*entry) for path, entry in json.loads(b"{%b}" % lines).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ManifestUnreadable(f"its list of files is damaged: {error}") from error


def _parse_line(line: bytes) -> tuple[str, FileEntry]:
    parsed = [*_parse_lines(line.removesuffix(b",")).items()]
    if len(parsed) != 1:
        raise ManifestUnreadable(f"its list of files is damaged: {line!r} is no file")
    return parsed[0]


def _plain(value: Any) -> Any:
    return None if value is None else _isoformat(asdict(value))


def _isoformat(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _isoformat(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_isoformat(item) for item in value]
    return value


def _live(value: dict[str, Any] | None) -> Live | None:
    if value is None:
        return None
    return Live(**{**value, "since": datetime.fromisoformat(value["since"])})


def _settings(value: dict[str, Any]) -> AppliedSettings:
    return AppliedSettings(
        webapp=None if value["webapp"] is None else WebAppSettings(**value["webapp"]),
        static=_applied(value["static"], StaticMapping),
        tasks=_applied(value["tasks"], ScheduledTask),
        wsgi=value["wsgi"],
        command=value.get("command"),
        enabled=value.get("enabled"),
        password=value.get("password"),
        headers=_applied(value.get("headers", ()), StaticHeader),
        always_on=_applied(value.get("always_on", ()), AlwaysOnTask),
        tls=_tls(value.get("tls")),
    )


def _applied(items: Iterable[dict[str, Any]], kind: type[Thing]) -> tuple[Applied[Thing], ...]:
    """Before there were headers, a record called the thing by its own name."""
    return tuple(
        Applied(id=item["id"], thing=kind(**(item.get("thing") or item.get("mapping") or item["task"])))
        for item in items
    )


def _tls(value: dict[str, Any] | None) -> AppliedTls | None:
    if value is None:
        return None
    moments = {
        key: None if value.get(key) is None else datetime.fromisoformat(value[key])
        for key in ("not_after", "asked")
    }
    return AppliedTls(**{**value, **moments, "names": tuple(value.get("names", ()))})


def _failed(value: dict[str, Any] | None) -> Failed | None:
    if value is None:
        return None
    webapp = value.get("webapp")
    return Failed(**{**value, "webapp": None if webapp is None else WebAppSettings(**webapp)})


def _order(value: dict[str, Any] | None) -> ReleaseOrder | None:
    if value is None:
        return None
    archives = tuple(ArchiveRef(**each) for each in value["archives"])
    return ReleaseOrder(**{**value, "archives": archives, "kept": tuple(value["kept"])})


def _known(value: dict[str, Any]) -> KnownRelease:
    return KnownRelease(**{**value, "since": datetime.fromisoformat(value["since"])})


def _pending(value: dict[str, Any] | None) -> Pending | None:
    if value is None:
        return None
    return Pending(
        **{
            **value,
            "started": datetime.fromisoformat(value["started"]),
            "expires": datetime.fromisoformat(value["expires"]),
            "paths": tuple(value["paths"]),
            "static": tuple(StaticMapping(**item) for item in value.get("static", ())),
            "tasks": tuple(ScheduledTask(**item) for item in value.get("tasks", ())),
            "headers": tuple(StaticHeader(**item) for item in value.get("headers", ())),
            "always_on": tuple(AlwaysOnTask(**item) for item in value.get("always_on", ())),
            "hooks": tuple(value.get("hooks", ())),
            "release": _order(value.get("release")),
        }
    )
