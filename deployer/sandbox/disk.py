"""The account's disk: where `/home/alice/...` really lies, and how full it is.

An account sees `/home/<user>`, `/var/www`, `/var/log` and `/tmp`. Each is a directory of that name below the
sandbox's data folder, and nothing outside these four can be named: `..` is resolved on paper first, and
symbolic links are followed as the account would follow them (`/home/alice/x` is in the account's home, not
the machine's).
"""

import os
import posixpath
import shutil
import stat
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QUOTA_BYTES = 512 * 1024 * 1024  # of a free account, by the platform's help page DiskQuota
MODE = 0o664  # of uploaded files; the real one is not public
MAX_LINKS = 40  # as Linux: more links than this in one path are a loop

# What a new account's home holds, by the fixtures of the vendor's client pythonanywhere-core.
HOME_FILES = {
    ".bashrc": "# ~/.bashrc: read by bash when it starts in a console.\nPS1='\\A \\w \\$ '\n",
    ".gitconfig": "[push]\n\tdefault = simple\n",
    ".profile": "# ~/.profile: read by login shells.\n",
    ".vimrc": "syntax on\n",
    ".pythonstartup.py": "# Read by interactive Python sessions.\n",
    "README.txt": "This is the home directory of a sandbox account. Nothing in it is on the internet.\n",
}
HOME_DIRECTORIES = (".local", ".ipython")


class OutsideAccountError(Exception):
    """The path names something that this account cannot reach."""


class QuotaExceededError(Exception):
    """The bytes do not fit into the account's quota."""


class AccountDisk:
    """Maps account paths to files of this machine and keeps count of what they hold.

    Thread-safe. The count follows uploads and deletions through the API; what the sites themselves write is
    counted when the sandbox starts, and again before anything is refused for lack of room.
    """

    def __init__(self, data: Path, username: str, *, quota_bytes: int = QUOTA_BYTES) -> None:
        self.data = data.resolve()
        self.username = username
        self.quota_bytes = quota_bytes
        self.home = f"/home/{username}"
        self.roots = (self.home, "/var/www", "/var/log", "/tmp")  # noqa: S108 - the account's /tmp, not ours
        self.uploads = (
            self.data / "uploads"
        )  # beside the account's files, so that a rename puts them in place
        self._lock = threading.Lock()
        self._create()
        self._used_bytes = self._count()

    @property
    def used_bytes(self) -> int:
        return self._used_bytes

    def real(self, path: str, *, follow: bool = True) -> Path:
        """The file of this machine behind an absolute account path; it need not exist.

        With `follow=False` a link in the last place is not followed: the link itself is meant.
        Raises OutsideAccountError for relative paths, NUL, loops and anything outside the account.
        """
        waiting = _names(path)
        place: list[str] = []  # the names already walked, links resolved
        links = 0
        while waiting:
            place.append(waiting.pop(0))
            here = self._on_machine(place)
            if not (waiting or follow) or not here.is_symlink():
                continue
            links += 1
            if links > MAX_LINKS:
                raise OutsideAccountError(path)
            target = self.account_path(here.readlink(), base="/" + "/".join(place[:-1]))
            waiting = [*_names(target), *waiting]
            place = []
        if not self.reachable("/" + "/".join(place)):
            raise OutsideAccountError(path)
        return self._on_machine(place)

    def account_path(self, real: Path, *, base: str = "/") -> str:
        """The account's name of a real path; a relative one is taken from `base`, an account directory."""
        if real.is_relative_to(self.data):
            return "/" + str(real.relative_to(self.data))
        return posixpath.join(base, str(real))

    def reachable(self, path: str) -> bool:
        """Whether a normalised account path is one of the roots or below one."""
        return any(path == root or path.startswith(root + "/") for root in self.roots)

    @contextmanager
    def upload(self) -> Iterator[Path]:
        """A place for a file that is coming in; what is not installed is gone afterwards."""
        path = self.uploads / uuid.uuid4().hex
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def install(self, upload: Path, target: Path) -> bool:
        """Put an uploaded file in place of `target`, in one step, as 0664; whether it is new there.

        Raises QuotaExceededError, and OSError where no file can be.
        """
        before = self.prepare(target)
        self.charge(upload.stat().st_size - (before or 0))
        upload.chmod(MODE)
        upload.replace(target)
        return before is None

    def prepare(self, target: Path) -> int | None:
        """Make the directories above; the bytes that replacing the file frees, None where there is none."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            return freed_bytes(target.lstat())
        except FileNotFoundError:
            return None

    def settle(self, target: Path, before: int | None) -> None:
        """Count a file that was written in place, after `prepare`. Raises QuotaExceededError."""
        target.chmod(MODE)
        self.charge(target.stat().st_size - (before or 0))

    def write(self, path: str, data: bytes) -> None:
        """Write a file of the account's as the platform itself would."""
        with self.upload() as upload:
            upload.write_bytes(data)
            self.install(upload, self.real(path))

    def remove(self, target: Path) -> None:
        """Remove a file, a link, or a directory with everything in it. Raises FileNotFoundError."""
        freed = freed_bytes(target.lstat())
        if target.is_symlink() or not target.is_dir():
            target.unlink()
        else:
            freed = sum(map(freed_bytes, _walk(target)))
            shutil.rmtree(target)
        self.charge(-freed)

    def charge(self, size_bytes: int) -> None:
        """Count bytes that are about to be kept (or, negative, were freed). Raises QuotaExceededError."""
        with self._lock:
            if size_bytes > 0 and self._used_bytes + size_bytes > self.quota_bytes:
                self._used_bytes = self._count()
                if self._used_bytes + size_bytes > self.quota_bytes:
                    raise QuotaExceededError(f"{self._used_bytes + size_bytes} of {self.quota_bytes} bytes")
            self._used_bytes = max(0, self._used_bytes + size_bytes)  # a freed file may be the site's own

    def _on_machine(self, names: list[str]) -> Path:
        return self.data.joinpath(*names)

    def _create(self) -> None:
        shutil.rmtree(self.uploads, ignore_errors=True)  # what a killed sandbox left
        self.uploads.mkdir(parents=True)
        home = self.data / self.home[1:]
        is_new = not home.exists()
        for root in self.roots:
            (self.data / root[1:]).mkdir(parents=True, exist_ok=True)
        if is_new:
            for name in HOME_DIRECTORIES:
                (home / name).mkdir()
            for name, text in HOME_FILES.items():
                (home / name).write_text(text)

    def _count(self) -> int:
        """Bytes of every regular file, each inode once: hard links take no room of their own."""
        sizes: dict[tuple[int, int], int] = {}
        for root in self.roots:
            for entry in _walk(self.data / root[1:]):
                sizes[entry.st_dev, entry.st_ino] = entry.st_size
        return sum(sizes.values())


def freed_bytes(status: os.stat_result) -> int:
    """What the quota gets back when this name goes: nothing while another hard link keeps the bytes."""
    return status.st_size if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 else 0


def _names(path: str) -> list[str]:
    if not path.startswith("/") or "\0" in path:
        raise OutsideAccountError(path)
    return [name for name in posixpath.normpath(path).split("/") if name]


def _walk(directory: Path) -> Iterator[os.stat_result]:
    """The status of every regular file below, links not followed; what vanishes meanwhile is left out."""
    for where, _, names in os.walk(directory):
        for name in names:
            try:
                status = os.stat(os.path.join(where, name), follow_symlinks=False)  # noqa: PTH116, PTH118 - hot
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield status
