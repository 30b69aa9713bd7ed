"""Runs git where it talks to other machines: for so long and no longer, and never asking anybody.

Not through GitPython: its time-out ends git alone, and leaves the helper that git waits for.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from deployer.errors import UsageError
from deployer.git.temporary import open_temporary

CheckStop = Callable[[], None]
"""Raises when the work is to be given up."""

_LOOKS_S = 0.1
"""How soon git's end, or the wish to stop, is seen at the latest."""
_GRACE_S = 2.0
"""For git to take its lock files along."""
_MOST_SAID = 1 << 16
"""Bytes of stderr, from its end: a server may say as much as it likes."""
_MISLEADING = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_QUARANTINE_PATH",
    "GIT_IMPLICIT_WORK_TREE",
)
"""Of another repository, whose hook may have started us."""


class OutOfTime(Exception):
    """It was still running, and was ended with everything it had started."""


class Ended(NamedTuple):
    """A git that ended by itself."""

    status: int
    printed: bytes
    said: str
    """The end of its stderr."""


class Bounds(NamedTuple):
    """How long git commands may take together."""

    until: float
    """By the monotonic clock."""
    check_stop: CheckStop

    @classmethod
    def of(cls, seconds: float, check_stop: CheckStop) -> "Bounds":
        return cls(time.monotonic() + seconds, check_stop)

    @property
    def left_s(self) -> float:
        return self.until - time.monotonic()

    def check(self) -> None:
        """Raises what `check_stop` raises, and OutOfTime."""
        self.check_stop()
        if self.left_s <= 0:
            raise OutOfTime


def unattended(folder: Path | None) -> dict[str, str]:
    """The environment for a git that works on the repository `folder`, and that nobody watches.

    Naming the repository lets git take it whoever owns it. Credentials are found by git's own means:
    helpers, an SSH agent, keys.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "LANGUAGE": "C"}  # its words are looked into
    if folder is not None:
        environment["GIT_DIR"] = str(folder)
    return environment


def run_bounded(
    arguments: Sequence[str],
    bounds: Bounds,
    *,
    environment: Mapping[str, str],
    folder: Path,
    started: Callable[[int], None] = lambda _: None,
    keep_open: Sequence[int] = (),
) -> Ended:
    """`git` with these arguments, run in `folder`, in a process group of its own.

    Raises OutOfTime, and what `check_stop` raises, once no process of the group is left. `started` is told
    the id of the group; `keep_open` are files that stay open as long as git runs, even without us.
    """
    bounds.check()
    # Files, not pipes: a helper that outlives git (a credential cache) would hold a pipe open.
    with open_temporary("printed") as printed, open_temporary("said") as said:
        try:
            process = subprocess.Popen(
                ("git", *arguments),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=said,
                start_new_session=True,
                pass_fds=keep_open,
            )
        except FileNotFoundError as error:
            if error.filename != "git":
                raise
            raise UsageError(
                "git is missing on this machine", hint="On Debian: apt-get install git"
            ) from error
        try:
            started(process.pid)
            status = _wait(process, bounds)
        except BaseException:
            _end_group(process)
            raise
        return Ended(status, _content(printed), _content(said, most=_MOST_SAID).decode("utf-8", "replace"))


def _wait(process: subprocess.Popen[bytes], bounds: Bounds) -> int:
    while True:
        try:
            return process.wait(max(min(_LOOKS_S, bounds.left_s), 0.001))
        except subprocess.TimeoutExpired:
            bounds.check()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Git first gets the chance to tidy up. It stays a zombie until all are gone, so the id stays ours."""
    if process.returncode is not None:
        return
    deadline = time.monotonic() + _GRACE_S
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _content(file: BinaryIO, *, most: int | None = None) -> bytes:
    end = file.seek(0, os.SEEK_END)
    file.seek(0 if most is None else max(end - most, 0))
    return file.read()
